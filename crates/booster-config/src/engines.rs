//! The engines beside the built-in one, as tables of the configuration.

use crate::Interval;
use booster_definitions::Component;
use booster_engine::{
    CommandLine,
    adapter::{Adapter, CLAMD_ENDINGS, Clamd, Commands, Endpoint, Engine, SURICATA_ENDINGS, Suricata},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, net::SocketAddr, path::PathBuf};

/// An engine that gets definitions of this machine, with every key checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    table: Table,
    adapter: Adapter,
}

/// The kinds of engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EngineKind {
    Clamd,
    Suricata,
    Command,
}

/// A table with keys that do not make one engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum InvalidEngine {
    #[error("an engine of kind \"{kind}\" needs the key \"{key}\"")]
    Missing { kind: EngineKind, key: &'static str },
    #[error("the key \"{key}\" means nothing to an engine of kind \"{kind}\": remove it")]
    Useless { kind: EngineKind, key: &'static str },
    #[error("{0} is not this machine: an engine is asked at a Unix socket, or at a port of 127.0.0.1 or ::1")]
    Remote(SocketAddr),
    #[error("an engine needs at least one component")]
    NoComponent,
    #[error("{0:?} is no ending of files: write it as in \"hsb\", without a dot")]
    Ending(String),
    #[error("two engines are called \"{0}\": give one of them another \"name\"")]
    SameName(String),
    #[error("two engines read {}: each needs a folder of its own", .0.display())]
    SameFolder(PathBuf),
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Clamd => "clamd",
            Self::Suricata => "suricata",
            Self::Command => "command",
        })
    }
}

/// The keys as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// What it is.
    kind: EngineKind,
    /// What it is called in reports; the kind, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The components that it gets files of.
    #[serde(default = "all_components")]
    components: Vec<Component>,
    /// The endings of these files; those that the kind reads, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<String>>,
    /// Where it reads them.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
    /// Where it listens: a path, or an address of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    socket: Option<String>,
    /// The program that tries files before they are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<PathBuf>,
    /// The engine's own configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<PathBuf>,
    /// `command`: what tries definitions before they are used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    test: Vec<String>,
    /// `command`: what has the engine use them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reload: Vec<String>,
    /// Whether definitions may be used only if the engine has been asked.
    #[serde(default)]
    required: bool,
    /// How long a test, and a confirmation, may take.
    #[serde(default = "timeout")]
    timeout: Interval,
}

fn all_components() -> Vec<Component> {
    Component::ALL.to_vec()
}

fn timeout() -> Interval {
    Interval::seconds(180)
}

impl EngineSettings {
    /// The adapter that the table describes.
    pub const fn adapter(&self) -> &Adapter {
        &self.adapter
    }
}

impl TryFrom<Table> for EngineSettings {
    type Error = InvalidEngine;

    fn try_from(table: Table) -> Result<Self, InvalidEngine> {
        if table.components.is_empty() {
            return Err(InvalidEngine::NoComponent);
        }
        let endings = table.endings()?;
        let adapter = Adapter {
            name: table.name.clone().unwrap_or_else(|| table.kind.to_string()),
            engine: table.engine()?,
            components: table.components.clone(),
            endings,
            required: table.required,
            timeout: table.timeout.0,
        };
        Ok(Self { table, adapter })
    }
}

impl Table {
    fn engine(&self) -> Result<Engine, InvalidEngine> {
        let kind = self.kind;
        if kind == EngineKind::Command {
            for (key, present) in [
                ("socket", self.socket.is_some()),
                ("program", self.program.is_some()),
                ("config", self.config.is_some()),
            ] {
                useless(kind, key, present)?;
            }
            if self.test.is_empty() && self.reload.is_empty() {
                return Err(InvalidEngine::Missing { kind, key: "reload" });
            }
            let (test, reload) = (self.command(&self.test), self.command(&self.reload));
            return Ok(Engine::Command(Commands { folder: self.folder.clone(), test, reload }));
        }
        useless(kind, "test", !self.test.is_empty())?;
        useless(kind, "reload", !self.reload.is_empty())?;
        let folder = needed(kind, "folder", &self.folder)?;
        let socket = needed(kind, "socket", &self.socket)?;
        if kind == EngineKind::Clamd {
            useless(kind, "config", self.config.is_some())?;
            let clamscan = self.program.clone();
            return Ok(Engine::Clamd(Clamd { folder, socket: endpoint(&socket)?, clamscan }));
        }
        Ok(Engine::Suricata(Suricata {
            folder,
            socket: socket.into(),
            program: self.program.clone().unwrap_or_else(|| "suricata".into()),
            config: needed(kind, "config", &self.config)?,
        }))
    }

    fn command(&self, words: &[String]) -> Option<CommandLine> {
        let (program, arguments) = words.split_first()?;
        let arguments = arguments.iter().map(Into::into).collect();
        Some(CommandLine { program: program.into(), arguments, timeout: self.timeout.0 })
    }

    fn endings(&self) -> Result<Vec<String>, InvalidEngine> {
        let Some(files) = &self.files else {
            let usual = match self.kind {
                EngineKind::Clamd => CLAMD_ENDINGS,
                EngineKind::Suricata => SURICATA_ENDINGS,
                EngineKind::Command => &[],
            };
            return Ok(usual.iter().map(|&ending| ending.to_owned()).collect());
        };
        let invalid = |ending: &&String| ending.is_empty() || ending.contains(['.', '/', '*']);
        match files.iter().find(invalid) {
            Some(ending) => Err(InvalidEngine::Ending(ending.clone())),
            None => Ok(files.iter().map(|ending| ending.to_ascii_lowercase()).collect()),
        }
    }
}

fn useless(kind: EngineKind, key: &'static str, present: bool) -> Result<(), InvalidEngine> {
    if present { Err(InvalidEngine::Useless { kind, key }) } else { Ok(()) }
}

fn needed<T: Clone>(kind: EngineKind, key: &'static str, value: &Option<T>) -> Result<T, InvalidEngine> {
    value.clone().ok_or(InvalidEngine::Missing { kind, key })
}

fn endpoint(text: &str) -> Result<Endpoint, InvalidEngine> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(Endpoint::Tcp(address)),
        Ok(address) => Err(InvalidEngine::Remote(address)),
        Err(_) => Ok(Endpoint::Unix(text.into())),
    }
}

impl Serialize for EngineSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.table.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EngineSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Table::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

/// Takes a list of engines of which no two are in each other's way.
pub(crate) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EngineSettings>, D::Error> {
    let engines = Vec::<EngineSettings>::deserialize(deserializer)?;
    for (position, engine) in engines.iter().enumerate() {
        let others = &engines[..position];
        let (name, folder) = (&engine.adapter.name, &engine.table.folder);
        if others.iter().any(|other| other.adapter.name == *name) {
            return Err(D::Error::custom(InvalidEngine::SameName(name.clone())));
        }
        if let Some(folder) =
            folder.as_ref().filter(|_| others.iter().any(|other| other.table.folder == *folder))
        {
            return Err(D::Error::custom(InvalidEngine::SameFolder(folder.clone())));
        }
    }
    Ok(engines)
}

/// Makes what a table of the file names relative to the file's own folder, as other paths are. A program without
/// a folder is looked for where programs are.
pub(crate) fn resolve_paths(table: &mut toml::Table, folder: &std::path::Path) {
    for (key, value) in table.iter_mut() {
        let toml::Value::String(text) = value else { continue };
        let is_path = match key.as_str() {
            "folder" | "config" => true,
            "socket" => text.parse::<SocketAddr>().is_err(),
            "program" => text.contains('/'),
            _ => false,
        };
        if is_path {
            *text = folder.join(&*text).to_string_lossy().into_owned();
        }
    }
}
