//! Suricata: its rules, tried with `suricata -T`, and its `reload-rules`.
//!
//! `reload-rules` waits for the end of the reload and says `done` even where rules failed, and Suricata then uses
//! the rest of them. So a set counts as used when the time of the last reload has changed, none of its rules
//! stands among the failed ones, and at least as many rules are loaded as the set has: fewer mean that the
//! configuration does not read the folder.

use super::{
    Endpoint, Fault, empty_folder,
    files::{FileSet, is_ours},
    socket::{Attempt, Attempts, Stream, read_answer},
};
use crate::{CommandError, CommandLine};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{io::AsyncWriteExt as _, time::timeout};

/// The endings of the files that Suricata reads.
pub const SURICATA_ENDINGS: &[&str] = &["rules"];

/// How Suricata is reached, and what tries rules for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suricata {
    /// A folder that its `rule-files` name.
    pub folder: PathBuf,
    /// The socket for its commands.
    pub socket: PathBuf,
    /// The program, to try rules before they are placed.
    pub program: PathBuf,
    /// Its configuration.
    pub config: PathBuf,
}

/// What it answers to a command.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(rename = "return")]
    result: String,
    #[serde(default)]
    message: Value,
}

impl Suricata {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.socket.clone())
    }

    /// Whether it answers.
    pub(super) async fn reach(&self, limit: Duration) -> Result<(), Fault> {
        let opened = timeout(limit, Session::open(self)).await;
        let opened = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        opened.map(drop).map_err(|source| Fault::Unreachable { at: self.endpoint(), source })
    }

    /// Has `suricata -T` load the rules with its own configuration, and no other rules.
    pub(super) async fn check(&self, files: &FileSet, scratch: &Path, limit: Duration) -> Result<(), Fault> {
        if files.is_empty() {
            return Ok(());
        }
        let rules = empty_folder(scratch, "with")?;
        let log = empty_folder(scratch, "log")?;
        files.link_into(&rules).map_err(Fault::folder(&rules))?;
        let Err(error) = self.test(&rules.join("*.rules"), &log, limit).await else { return Ok(()) };
        // Where it cannot do without the rules either, they are not what is wrong.
        let none = log.join("none.rules");
        File::create(&none).map_err(Fault::folder(&log))?;
        if !error.is_about_content() || self.test(&none, &log, limit).await.is_err() {
            return Err(Fault::Untested { reason: error.to_string() });
        }
        Err(Fault::Rejected { reason: error.to_string() })
    }

    async fn test(&self, rules: &Path, log: &Path, limit: Duration) -> Result<(), CommandError> {
        let arguments = [
            "-T".into(),
            "-c".into(),
            (&self.config).into(),
            "-S".into(),
            rules.into(),
            "-l".into(),
            log.into(),
        ];
        let command =
            CommandLine { program: self.program.clone(), arguments: arguments.to_vec(), timeout: limit };
        command.run(&[]).await
    }

    /// Has it load what was placed.
    pub(super) async fn activate(&self, files: &FileSet, limit: Duration) -> Result<(), Fault> {
        let mut expected = 0;
        for file in files.sources() {
            expected += count_rules(file).map_err(Fault::folder(file))?;
        }
        let mut attempts = Attempts::within(limit);
        while !attempts.made(self.attempt(expected)).await? {}
        Ok(())
    }

    /// Tells it to reload, and waits for nothing.
    pub(super) async fn nudge(&self) -> io::Result<()> {
        Session::open(self).await?.ask("ruleset-reload-nonblocking").await.map(drop)
    }

    async fn attempt(&self, expected: u64) -> Result<Attempt, Fault> {
        match self.reload(expected).await {
            Ok(attempt) => attempt,
            Err(error) => Ok(Attempt::Gone(error)),
        }
    }

    async fn reload(&self, expected: u64) -> io::Result<Result<Attempt, Fault>> {
        let not_yet = |reason: String| Ok(Ok(Attempt::NotYet(reason)));
        let mut session = Session::open(self).await?;
        let before = session.ask("ruleset-reload-time").await?.message;
        let reloaded = session.ask("reload-rules").await?;
        if reloaded.result != "OK" {
            // Another reload is going on, which may have read the folder before.
            return not_yet(format!("it answers {} to reload-rules", reloaded.message));
        }
        if session.ask("ruleset-reload-time").await?.message == before {
            return not_yet("it says that it has reloaded, and has not".to_owned());
        }
        let failed = session.ask("ruleset-failed-rules").await?.message;
        if let Some((rule, file)) = ours_among(&failed, &self.folder) {
            let reason = format!("it cannot use the rule {rule} of {file}");
            return Ok(Err(Fault::Rejected { reason }));
        }
        let stats = session.ask("ruleset-stats").await?.message;
        let loaded = count(&stats, "rules_loaded") + count(&stats, "rules_skipped");
        if loaded < expected {
            return not_yet(format!(
                "it has {loaded} rules loaded, and there are {expected} in {}: do its rule-files name it?",
                self.folder.display()
            ));
        }
        Ok(Ok(Attempt::Confirmed))
    }
}

/// The first failed rule that comes from our files, and its file.
fn ours_among(failed: &Value, folder: &Path) -> Option<(String, String)> {
    let text = |rule: &Value, key: &str| rule.get(key).and_then(Value::as_str).map(str::to_owned);
    failed.as_array()?.iter().find_map(|rule| {
        let file = text(rule, "filename")?;
        let name = Path::new(&file).strip_prefix(folder).ok()?.to_str()?;
        is_ours(name).then(|| (text(rule, "rule").unwrap_or_default(), file.clone()))
    })
}

/// A number over all tenants.
fn count(stats: &Value, key: &str) -> u64 {
    stats.as_array().into_iter().flatten().filter_map(|tenant| tenant.get(key)?.as_u64()).sum()
}

/// How many rules a file has: a line each, unless it goes on in the next.
fn count_rules(file: &Path) -> io::Result<u64> {
    let (mut rules, mut goes_on) = (0, false);
    for line in BufReader::new(File::open(file)?).split(b'\n') {
        let line = line?;
        let line = line.trim_ascii();
        let begins = !goes_on && !line.is_empty() && !line.starts_with(b"#");
        rules += u64::from(begins);
        goes_on = (goes_on || begins) && line.ends_with(b"\\");
    }
    Ok(rules)
}

/// A connection that has been greeted.
struct Session(Box<dyn Stream>);

impl Session {
    async fn open(suricata: &Suricata) -> io::Result<Self> {
        let mut session = Self(suricata.endpoint().connect().await?);
        session.say(&json!({ "version": "0.2" })).await?;
        Ok(session)
    }

    async fn ask(&mut self, command: &str) -> io::Result<Answer> {
        self.say(&json!({ "command": command })).await
    }

    async fn say(&mut self, words: &Value) -> io::Result<Answer> {
        self.0.write_all(format!("{words}\n").as_bytes()).await?;
        self.0.flush().await?;
        let answer = read_answer(&mut *self.0, b'\n').await?;
        if answer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&answer)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_counted_by_the_lines_that_begin_one() {
        let dir = tempfile::tempdir().unwrap();
        for (text, rules) in [
            ("", 0),
            ("# alert a\n\n", 0),
            ("alert a\nalert b", 2),
            ("alert a \\\n  more \\\n  end\nalert b\r\n", 2),
            ("# a comment \\\nalert a\n", 1),
        ] {
            let file = dir.path().join("x.rules");
            std::fs::write(&file, text).unwrap();
            assert_eq!(count_rules(&file).unwrap(), rules, "{text:?}");
        }
    }

    #[test]
    fn only_failed_rules_of_our_own_files_count() {
        let failed = |name: &str| json!([{ "rule": "alert x", "filename": format!("/rules/{name}") }]);
        let folder = Path::new("/rules");
        assert_eq!(ours_among(&failed("local.rules"), folder), None);
        assert_eq!(ours_among(&failed("sub/booster-nis-a.rules"), folder), None);
        let (rule, file) = ours_among(&failed("booster-nis-a.rules"), folder).unwrap();
        assert_eq!((rule.as_str(), file.as_str()), ("alert x", "/rules/booster-nis-a.rules"));
        assert_eq!(ours_among(&Value::Null, folder), None);
    }
}
