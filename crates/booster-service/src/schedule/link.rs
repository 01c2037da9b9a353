//! How the machine's line is: whether there is one, and whether it is paid by volume.
//!
//! An administrator's command may say so; without one the kernel's routes say at least whether there is a line.
//! Where nobody knows, the line is usable: definitions that get old are worse than an attempt in vain.

use serde::Serialize;
use std::{fs, io, process::ExitStatus, process::Stdio, str::FromStr, time::Duration};
use tokio::{io::AsyncReadExt as _, process::Command};

/// How the line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// As far as anybody knows it can be used.
    #[default]
    Usable,
    /// It is paid by volume.
    Metered,
    /// There is none.
    Offline,
}

/// Why the link command has not said how the line is.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It could not be run.
    #[error("the link command {program} cannot be run: {source}; see [schedule] in the configuration")]
    NotRun {
        /// The program.
        program: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// It did not end in time.
    #[error("the link command {program} took longer than {} s", limit.as_secs_f64())]
    TimedOut {
        /// The program.
        program: String,
        /// How long it may take.
        limit: Duration,
    },
    /// It ended with a failure.
    #[error("the link command {program} failed ({status})")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// It said something else.
    #[error("the link command {program} said {said:?}: it must say \"usable\", \"metered\" or \"offline\"")]
    Unknown {
        /// The program.
        program: String,
        /// What it said.
        said: String,
    },
}

impl FromStr for Link {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "usable" => Ok(Self::Usable),
            "metered" => Ok(Self::Metered),
            "offline" => Ok(Self::Offline),
            _ => Err(()),
        }
    }
}

/// Asks the command, or looks at the routes where there is none.
pub(super) async fn ask(command: &[String], limit: Duration) -> Result<Link, LinkError> {
    match command.split_first() {
        Some((program, arguments)) => ask_command(program, arguments, limit).await,
        None => Ok(of_routes()),
    }
}

async fn ask_command(program: &str, arguments: &[String], limit: Duration) -> Result<Link, LinkError> {
    /// More than any of the words needs.
    const MOST: u64 = 64;
    let program = || program.to_owned();
    let not_run = |source| LinkError::NotRun { program: program(), source };
    let mut command = Command::new(program());
    command.args(arguments).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // Ours may hold secrets.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BOOSTER_")) {
        command.env_remove(name);
    }
    let mut child = command.spawn().map_err(not_run)?;
    let answer = async {
        let mut said = Vec::new();
        if let Some(out) = child.stdout.take() {
            out.take(MOST).read_to_end(&mut said).await?;
        }
        Ok((child.wait().await?, said))
    };
    let answer = tokio::time::timeout(limit, answer).await;
    let (status, said) =
        answer.map_err(|_| LinkError::TimedOut { program: program(), limit })?.map_err(not_run)?;
    if !status.success() {
        return Err(LinkError::Failed { program: program(), status });
    }
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    said.parse().map_err(|()| LinkError::Unknown { program: program(), said })
}

/// Whether the kernel knows a way off this machine. Where it has no such files, nobody knows.
fn of_routes() -> Link {
    let tables =
        [("/proc/net/route", routes_v4 as fn(&str) -> Vec<&str>), ("/proc/net/ipv6_route", routes_v6)];
    let mut known = false;
    for (file, routes) in tables {
        let Ok(text) = fs::read_to_string(file) else { continue };
        known = true;
        if routes(&text).into_iter().any(is_up) {
            return Link::Usable;
        }
    }
    if known { Link::Offline } else { Link::Usable }
}

/// The interfaces of the IPv4 routes, but for those within the machine.
fn routes_v4(text: &str) -> Vec<&str> {
    let interfaces = text.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    interfaces.filter(|&interface| interface != "lo").collect()
}

/// The same for IPv6. Every interface has link-local and multicast routes, which lead nowhere.
fn routes_v6(text: &str) -> Vec<&str> {
    let route = |line| {
        let mut fields = str::split_whitespace(line);
        let (destination, interface) = (fields.next()?, fields.next_back()?);
        let leads_away =
            interface != "lo" && !destination.starts_with("fe80") && !destination.starts_with("ff");
        leads_away.then_some(interface)
    };
    text.lines().filter_map(route).collect()
}

/// Whether an interface has not lost its line: bridges for virtual machines keep their routes without one.
fn is_up(interface: &str) -> bool {
    let state = fs::read_to_string(format!("/sys/class/net/{interface}/operstate"));
    state.map_or(true, |state| state.trim() != "down")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_within_the_machine_lead_nowhere() {
        const V4: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
            lo\t0000007F\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n";
        assert_eq!(routes_v4(V4), ["eth0"]);
        assert!(routes_v4("Iface\tDestination\tGateway\n").is_empty());
        let line = |destination: &str, interface: &str| {
            let zero = "0".repeat(32);
            format!(
                "{destination:0<32} 40 {zero} 00 {zero} 00000100 00000001 00000000 00000001 {interface:>8}\n"
            )
        };
        let nowhere = [line("fe80", "eth0"), line("ff", "eth0"), line("", "lo")].concat();
        assert!(routes_v6(&nowhere).is_empty());
        assert_eq!(routes_v6(&format!("{nowhere}{}", line("20010db8", "wlan0"))), ["wlan0"]);
    }

    #[cfg(unix)]
    async fn shell(script: &str) -> Result<Link, LinkError> {
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        ask(&command, Duration::from_secs(60)).await
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_says_in_one_word_how_the_line_is() {
        for (script, link) in [
            ("echo usable", Link::Usable),
            ("echo metered", Link::Metered),
            ("printf offline", Link::Offline),
        ] {
            assert_eq!(shell(script).await.unwrap(), link, "{script}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_that_does_not_say_it_is_told_apart_from_one_that_does() {
        assert!(matches!(shell("echo maybe").await, Err(LinkError::Unknown { said, .. }) if said == "maybe"));
        assert!(matches!(
            shell("yes usable").await,
            Err(LinkError::Unknown { .. } | LinkError::Failed { .. })
        ));
        assert!(matches!(shell("exit 3").await, Err(LinkError::Failed { .. })));
        let absent = ask(&["/nowhere/link".to_owned()], Duration::from_secs(60)).await;
        assert!(matches!(absent, Err(LinkError::NotRun { .. })));
        let slow = ask(&["sleep".to_owned(), "600".to_owned()], Duration::from_millis(50)).await;
        assert!(matches!(slow, Err(LinkError::TimedOut { .. })));
    }
}
