//! clamd: its files, its `RELOAD`, and the proof that it uses them.
//!
//! What clamd says of a reload proves nothing. `RELOADING` comes at once; one that it is given while another is
//! going on is forgotten, although it gets the same answer; a set that it cannot load leaves the old one in use
//! without a word on the socket; and `VERSION` and `STATS` name neither files nor a number of signatures. So each
//! set that is placed carries a signature of its own, for a text that exists nowhere else, which is placed last
//! in a file whose name is new. When clamd finds that text in a stream, it has read the folder after all of the set was in it. Until then it
//! is told to reload again and again, at growing intervals.

use super::{
    Endpoint, Fault, empty_folder,
    files::{Confirmation, FileSet},
    socket::{Attempt, Attempts, read_answer},
};
use crate::CommandLine;
use booster_definitions::Digest;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};
use tokio::{
    io::AsyncWriteExt as _,
    time::{Instant, timeout},
};

/// The endings of the files that clamd reads.
pub const CLAMD_ENDINGS: &[&str] = &[
    "cbc", "cdb", "cfg", "cld", "crb", "cud", "cvd", "fp", "ftm", "gdb", "hdb", "hdu", "hsb", "hsu", "idb",
    "ign", "ign2", "imp", "ioc", "ldb", "ldu", "mdb", "mdu", "msb", "msu", "ndb", "ndu", "pdb", "pwdb",
    "sdb", "sfp", "wdb", "yar", "yara",
];
/// The name of the signature that confirms a set.
const THREAT: &str = "Booster.Confirmation";
/// The time until clamd is told to reload once more: at first, and at last.
const REPEATS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How clamd is reached, and what tries files for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clamd {
    /// Its `DatabaseDirectory`.
    pub folder: PathBuf,
    /// Where it listens.
    pub socket: Endpoint,
    /// `clamscan` of the same version, to try files before they are placed.
    pub clamscan: Option<PathBuf>,
}

/// A text that exists nowhere else, and the signature that finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proof {
    text: Vec<u8>,
    pub(super) confirmation: Confirmation,
}

impl Proof {
    /// A new one: never twice, or an older set could confirm a newer one.
    pub(super) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let id = format!("{time}-{process}-{count}");
        let text = format!("Booster asks which definitions are in use: {id}");
        let signature = format!("{}:{}:{THREAT}\n", Digest::of(text.as_bytes()), text.len());
        let confirmation = Confirmation { id, ending: "hsb", bytes: signature.into_bytes() };
        Self { text: text.into_bytes(), confirmation }
    }
}

impl Clamd {
    /// Whether it answers.
    pub(super) async fn reach(&self, limit: Duration) -> Result<(), Fault> {
        let unreachable = |source| Fault::Unreachable { at: self.socket.clone(), source };
        let answer = timeout(limit, self.ask(b"zPING\0")).await;
        let answer = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(unreachable)?;
        if answer == "PONG" { Ok(()) } else { Err(self.unintelligible(answer)) }
    }

    /// Has `clamscan` load the files, and a signature that must be found with them.
    pub(super) async fn check(&self, files: &FileSet, scratch: &Path, limit: Duration) -> Result<(), Fault> {
        let Some(clamscan) = &self.clamscan else { return Ok(()) };
        let (with, alone) = (empty_folder(scratch, "with")?, empty_folder(scratch, "alone")?);
        let (proof, sample) = (Proof::new(), empty_folder(scratch, "sample")?.join("text"));
        files.link_into(&with).map_err(Fault::folder(&with))?;
        for folder in [&with, &alone] {
            let target = folder.join(proof.confirmation.name());
            fs::write(target, &proof.confirmation.bytes).map_err(Fault::folder(folder))?;
        }
        fs::write(&sample, &proof.text).map_err(Fault::folder(&sample))?;
        let scan = async |database: &Path| {
            let arguments = ["--no-summary".into(), "--database".into(), database.into(), (&sample).into()];
            let command =
                CommandLine { program: clamscan.clone(), arguments: arguments.to_vec(), timeout: limit };
            // 1 says that a threat was found, as it must be.
            command.run_to(&[], |status| status.code() == Some(1)).await
        };
        let Err(error) = scan(&with).await else { return Ok(()) };
        // Where it cannot do without the files either, they are not what is wrong.
        if !error.is_about_content() || scan(&alone).await.is_err() {
            return Err(Fault::Untested { reason: error.to_string() });
        }
        Err(Fault::Rejected { reason: error.to_string() })
    }

    /// Has clamd load what was placed, until it finds the text of the proof.
    pub(super) async fn activate(&self, proof: &Proof, limit: Duration) -> Result<(), Fault> {
        let mut attempts = Attempts::within(limit);
        let mut reload = Reload { due: Instant::now(), pause: REPEATS.0 };
        while !attempts.made(self.attempt(proof, &mut reload)).await? {}
        Ok(())
    }

    /// Tells it to reload, and waits for nothing.
    pub(super) async fn nudge(&self) -> io::Result<()> {
        self.ask(b"zRELOAD\0").await.map(drop)
    }

    /// Looks for the text first: so a reload that has just ended is not asked for again.
    async fn attempt(&self, proof: &Proof, reload: &mut Reload) -> Result<Attempt, Fault> {
        let answer = match self.stream(&proof.text).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Attempt::Gone(error)),
        };
        match answer.strip_prefix("stream: ").and_then(|said| said.strip_suffix(" FOUND")) {
            Some(threat) if threat.starts_with(THREAT) => return Ok(Attempt::Confirmed),
            // Another's signature that finds every text hides ours: it says nothing about the set.
            Some(_) => {}
            None if answer == "stream: OK" => {}
            None => return Err(self.unintelligible(answer)),
        }
        if Instant::now() >= reload.due {
            match self.ask(b"zRELOAD\0").await {
                Ok(answer) if answer == "RELOADING" => reload.wait(),
                Ok(answer) => return Err(self.unintelligible(answer)),
                Err(error) => return Ok(Attempt::Gone(error)),
            }
        }
        Ok(Attempt::NotYet("it still uses what it had; its log says why".to_owned()))
    }

    async fn ask(&self, command: &[u8]) -> io::Result<String> {
        let mut stream = self.socket.connect().await?;
        stream.write_all(command).await?;
        stream.flush().await?;
        said(read_answer(&mut *stream, 0).await?)
    }

    /// Has it scan bytes.
    async fn stream(&self, bytes: &[u8]) -> io::Result<String> {
        let mut command = b"zINSTREAM\0".to_vec();
        // The length of each piece in network order, and a piece of no length for the end.
        command.extend((bytes.len() as u32).to_be_bytes());
        command.extend(bytes);
        command.extend(0_u32.to_be_bytes());
        self.ask(&command).await
    }

    fn unintelligible(&self, answer: String) -> Fault {
        Fault::Unintelligible { at: self.socket.clone(), answer }
    }
}

/// An answer; none at all means that it went away.
fn said(answer: Vec<u8>) -> io::Result<String> {
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&answer).trim().to_owned())
}

/// When clamd is told to reload once more.
struct Reload {
    due: Instant,
    pause: Duration,
}

impl Reload {
    fn wait(&mut self) {
        self.due = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(REPEATS.1);
    }
}
