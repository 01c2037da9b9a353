//! Reading the layers: defaults, then the file, then the environment, then the flags.

use crate::{ConfigError, Position, Settings, engines};
use booster_publish::KEY_VARIABLES;
use figment::{
    Figment, Metadata, Profile, Provider,
    error::Kind,
    providers::Serialized,
    value::{Dict, Map, Value},
};
use serde::Serialize;
use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

/// What every variable that is ours begins with.
const PREFIX: &str = "BOOSTER_";
/// Names with the prefix that are not settings: those below, and a publisher's keys.
const NOT_SETTINGS: [&str; 4] = ["BOOSTER_CONFIG", "BOOSTER_LOG", "BOOSTER_LOG_FORMAT", "BOOSTER_TEST_DATA"];
/// The file's name in each of the folders where it is looked for.
const FILE_NAME: &str = "booster.toml";

/// Where settings come from, besides the defaults.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The file: one that must exist, or places where it may be.
    pub file: FileChoice,
    /// Environment variables; those that are none of ours are passed over.
    pub variables: Vec<(String, String)>,
    /// What was said on the command line.
    pub flags: Flags,
}

/// Which configuration file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChoice {
    /// This one; it is an error when it is absent.
    Named(PathBuf),
    /// The first of these that exists; it is fine when none does.
    FirstOf(Vec<PathBuf>),
}

impl Default for FileChoice {
    fn default() -> Self {
        Self::FirstOf(Vec::new())
    }
}

/// Settings that have a flag.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Flags {
    /// `--data-dir`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// `--root`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
}

/// The settings in force, and where they came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The file that was read, if there is one.
    pub file: Option<PathBuf>,
    /// Variables that set something.
    pub variables: Vec<String>,
    /// Variables that begin with `BOOSTER_` and name no setting. They are no error, because
    /// container platforms invent such names (`BOOSTER_SERVICE_HOST` for a service "booster").
    pub unknown_variables: Vec<String>,
}

impl Layers {
    /// The process's own environment; `file` is what `--config` or `BOOSTER_CONFIG` names.
    pub fn from_process(file: Option<PathBuf>, flags: Flags) -> Self {
        let file = match file {
            Some(path) => FileChoice::Named(path),
            None => FileChoice::FirstOf(default_files(&|name| std::env::var_os(name))),
        };
        // What is not UTF-8 cannot be one of ours.
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self { file, variables: std::env::vars_os().filter_map(text).collect(), flags }
    }

    /// Reads all layers. Unknown keys and wrong values are errors that name their place.
    pub fn load(self) -> Result<Loaded, ConfigError> {
        let file = self.file.read()?;
        let mut figment = Figment::from(Serialized::defaults(Settings::default()));
        if let Some((path, text)) = &file {
            figment = figment.merge(Serialized::defaults(file_layer(path, text)?));
        }
        let mut loaded = Loaded {
            settings: Settings::default(),
            file: file.map(|(path, _)| path),
            variables: Vec::new(),
            unknown_variables: Vec::new(),
        };
        for (name, value) in self.variables {
            let Some(variable) = Variable::new(&name, &value) else { continue };
            if variable.check()? {
                figment = figment.merge(variable);
                loaded.variables.push(name);
            } else {
                loaded.unknown_variables.push(name);
            }
        }
        figment = figment.merge(Serialized::defaults(self.flags));
        // Lossy: variables hold numbers as text. The file has been read strictly before.
        loaded.settings = figment.extract_lossy().map_err(|error| ConfigError::Value {
            key: error.path.join("."),
            message: error.kind.to_string(),
        })?;
        Ok(loaded)
    }
}

impl FileChoice {
    fn read(self) -> Result<Option<(PathBuf, String)>, ConfigError> {
        let (candidates, required) = match self {
            Self::Named(path) => (vec![path], true),
            Self::FirstOf(paths) => (paths, false),
        };
        for path in candidates {
            match fs::read_to_string(&path) {
                Ok(text) => return Ok(Some((path, text))),
                Err(error) if !required && error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(ConfigError::Unreadable { file: path, source }),
            }
        }
        Ok(None)
    }
}

/// The file's own keys, strictly read, with relative paths made relative to the file.
fn file_layer(path: &Path, text: &str) -> Result<toml::Table, ConfigError> {
    let at = |error: toml::de::Error| ConfigError::File {
        file: path.to_owned(),
        position: error.span().map(|span| Position::of(text, span.start)),
        message: error.message().to_owned(),
    };
    toml::from_str::<Settings>(text).map_err(at)?;
    let mut table: toml::Table = toml::from_str(text).map_err(at)?;
    resolve_paths(&mut table, path.parent().unwrap_or(Path::new("")));
    Ok(table)
}

/// Makes paths that a file names relative to the file's own folder, so that a folder with its
/// configuration can be moved and used from anywhere.
fn resolve_paths(table: &mut toml::Table, folder: &Path) {
    const PATHS: [&str; 13] = [
        "data_dir",
        "root",
        "path",
        "ca_bundle",
        "client_certificate",
        "client_key",
        "credentials_file",
        "keytab",
        "ticket_cache",
        "worker",
        "repository",
        "keys",
        "socket",
    ];
    // Neither URLs nor the network names of shares.
    let is_path = |text: &str| !text.contains("://") && !text.starts_with(r"\\");
    for (key, value) in table.iter_mut() {
        match value {
            toml::Value::String(text) if PATHS.contains(&key.as_str()) && is_path(text) => {
                *text = folder.join(&*text).to_string_lossy().into_owned();
            }
            toml::Value::Table(table) => resolve_paths(table, folder),
            // The trial's: everything else of these names is a number or none of the file's own.
            toml::Value::Array(items) if key == "files" || key == "folders" => {
                for item in items {
                    if let toml::Value::String(text) = item {
                        *text = folder.join(&*text).to_string_lossy().into_owned();
                    }
                }
            }
            toml::Value::Array(items) if key == "engines" => {
                for item in items {
                    if let toml::Value::Table(table) = item {
                        engines::resolve_paths(table, folder);
                    }
                }
            }
            toml::Value::Array(items) if key == "sources" => {
                for item in items {
                    match item {
                        toml::Value::Table(table) => resolve_paths(table, folder),
                        toml::Value::String(text) if is_path(text) => {
                            *text = folder.join(&*text).to_string_lossy().into_owned();
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// One environment variable as a layer.
struct Variable {
    name: String,
    path: Vec<String>,
    value: String,
}

impl Variable {
    fn new(name: &str, value: &str) -> Option<Self> {
        let key = name
            .strip_prefix(PREFIX)
            .filter(|_| !NOT_SETTINGS.contains(&name) && !name.starts_with(KEY_VARIABLES))?;
        let path = key.to_ascii_lowercase().split("__").map(str::to_owned).collect();
        Some(Self { name: name.to_owned(), path, value: value.to_owned() })
    }

    /// Whether it names a setting; a table's unknown key or a wrong value is an error.
    fn check(&self) -> Result<bool, ConfigError> {
        let alone = Figment::from(Serialized::defaults(Settings::default())).merge(self);
        match alone.extract_lossy::<Settings>() {
            Ok(_) => Ok(true),
            Err(error)
                if matches!(error.kind, Kind::UnknownField(..))
                    && error.path.len() <= 1
                    && self.path.len() == 1 =>
            {
                Ok(false)
            }
            Err(error) => {
                Err(ConfigError::Variable { name: self.name.clone(), message: error.kind.to_string() })
            }
        }
    }
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("environment variable {}", self.name))
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        let leaf = Value::from(self.value.clone());
        let value = self
            .path
            .iter()
            .skip(1)
            .rev()
            .fold(leaf, |value, key| Value::from(Dict::from([(key.clone(), value)])));
        let key = self.path.first().cloned().unwrap_or_default();
        Ok(Map::from([(Profile::Default, Dict::from([(key, value)]))]))
    }
}

/// Where the configuration file is looked for: the user's own, then the machine's.
fn default_files(variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if cfg!(windows) {
        folders.extend(variable("APPDATA").map(|d| PathBuf::from(d).join("Booster")));
        folders.extend(variable("ProgramData").map(|d| PathBuf::from(d).join("Booster")));
    } else {
        let home = || variable("HOME").map(|home| PathBuf::from(home).join(".config"));
        let config = absolute(variable("XDG_CONFIG_HOME")).or_else(home);
        folders.extend(config.map(|d| d.join("booster")));
        folders.push("/etc/booster".into());
    }
    folders.into_iter().map(|folder| folder.join(FILE_NAME)).collect()
}

/// The data folder when nothing names one.
pub(crate) fn default_data_dir() -> PathBuf {
    data_dir_of(is_root(), &|name| std::env::var_os(name))
}

pub(crate) fn data_dir_of(root: bool, variable: &dyn Fn(&str) -> Option<OsString>) -> PathBuf {
    if cfg!(windows) {
        return variable("ProgramData")
            .map_or_else(|| "C:\\ProgramData".into(), PathBuf::from)
            .join("Booster");
    }
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let data = absolute(variable("XDG_DATA_HOME")).or_else(home).filter(|_| !root);
    data.unwrap_or_else(|| "/var/lib".into()).join("booster")
}

/// The XDG base directory specification says that relative paths are to be passed over.
fn absolute(path: Option<OsString>) -> Option<PathBuf> {
    path.map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests;
