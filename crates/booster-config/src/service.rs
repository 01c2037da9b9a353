//! The settings of the antimalware service, and where its socket is.

use crate::{Interval, Settings};
use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// The socket of the machine's service, which owns the machine's data folder.
const MACHINE_SOCKET: &str = "/run/booster/booster.sock";
/// The socket's name in any other data folder.
const SOCKET: &str = "service.sock";

/// The antimalware service, and how commands and programs use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// Whether commands and programs go through the service.
    #[serde(rename = "use")]
    pub using: UseService,
    /// The socket where it listens; unset, it follows from the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
    /// The group whose members are administrators to it, beside root and its own user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub administrators: Option<String>,
    /// How many programs may be connected at once.
    pub max_connections: usize,
    /// How many updates may wait behind the one that runs.
    pub max_waiting: usize,
    /// How long an update may tell nothing before the service manager is not told any more that the service
    /// lives; 0 for ever.
    pub stuck_after: Interval,
    /// Where its figures are served for Prometheus; unset, nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SocketAddr>,
}

/// Whether commands and programs go through the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UseService {
    /// Where there is one for the data folder; else they do the work themselves.
    #[default]
    Auto,
    /// Always; it is an error when there is none.
    Always,
    /// Never.
    Never,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            using: UseService::Auto,
            socket: None,
            administrators: None,
            max_connections: 2048,
            max_waiting: 16,
            stuck_after: Interval(Duration::from_secs(3600)),
            metrics: None,
        }
    }
}

impl Settings {
    /// The socket where a service with these settings listens.
    pub fn service_socket(&self) -> PathBuf {
        socket(self, &machine_data_dir())
    }

    /// The sockets where a service for these settings may be found, the best first: that of the data folder, or,
    /// where no folder is named, that of the machine and then the user's own.
    pub fn service_sockets(&self) -> Vec<PathBuf> {
        sockets(self, &crate::load::default_data_dir())
    }
}

fn machine_data_dir() -> PathBuf {
    crate::load::data_dir_of(true, &|name| std::env::var_os(name))
}

fn socket(settings: &Settings, machine: &Path) -> PathBuf {
    match &settings.service.socket {
        Some(socket) => socket.clone(),
        None if settings.data_dir == machine => MACHINE_SOCKET.into(),
        None => settings.data_dir.join(SOCKET),
    }
}

fn sockets(settings: &Settings, default: &Path) -> Vec<PathBuf> {
    let own = socket(settings, &machine_data_dir());
    if settings.service.socket.is_some() || settings.data_dir != default {
        return vec![own];
    }
    let mut sockets = vec![PathBuf::from(MACHINE_SOCKET), own];
    sockets.dedup();
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_data_folder_has_a_socket_of_its_own_and_the_machines_is_asked_first() {
        let named = |socket: &str| Service { socket: Some(socket.into()), ..Service::default() };
        let machine = machine_data_dir();
        for (data, service, expected) in [
            (machine.as_path(), Service::default(), &["/run/booster/booster.sock"][..]),
            (Path::new("/srv/a"), Service::default(), &["/srv/a/service.sock"]),
            (Path::new("/srv/a"), named("/x/y"), &["/x/y"]),
            (
                Path::new("/home/u"),
                Service::default(),
                &["/run/booster/booster.sock", "/home/u/service.sock"],
            ),
            (Path::new("/home/u"), named("/x/y"), &["/x/y"]),
        ] {
            let settings = Settings { data_dir: data.into(), service, ..Settings::default() };
            let default = if data == machine { data } else { Path::new("/home/u") };
            let expected: Vec<_> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(sockets(&settings, default), expected, "{}", data.display());
            assert_eq!(Some(&socket(&settings, &machine)), expected.last());
        }
    }
}
