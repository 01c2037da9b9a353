//! Adapters for other engines: clamd, Suricata, and commands of the administrator's.
//!
//! An [`Adapter`] gives an engine the files that it reads of a set of definitions, has it load them, and finds
//! out whether it really uses them. It promises:
//!
//! * [`Adapter::check`] shows a set to the engine's own test before anybody uses it, and changes nothing.
//! * [`Adapter::place`] fills the engine's folder as narrowly as a folder can be filled, and touches no file of
//!   others.
//! * [`Adapter::activate`] answers that the engine uses the set only when the engine has shown it, and within a
//!   bounded time.
//! * A [`Fault`] says whether it speaks against the definitions, or against this machine.
//!
//! It does not know what is current, nor what follows from a fault.

mod clamd;
mod files;
mod socket;
mod suricata;

pub use clamd::{CLAMD_ENDINGS, Clamd};
pub use socket::Endpoint;
pub use suricata::{SURICATA_ENDINGS, Suricata};

use crate::{CommandError, CommandLine};
use booster_definitions::Component;
use clamd::Proof;
use files::FileSet;
use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long an engine may take to say that it is there.
const GREETING: Duration = Duration::from_secs(10);
/// How long it is waited for an engine that is only told to reload.
const NUDGE: Duration = Duration::from_millis(300);

/// An engine beside the built-in one, and what it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// What it is called in reports.
    pub name: String,
    /// What it is.
    pub engine: Engine,
    /// The components that it gets files of.
    pub components: Vec<Component>,
    /// The endings of these files, in lower case and without a dot; none for all files.
    pub endings: Vec<String>,
    /// Whether definitions may be used only if it has been asked.
    pub required: bool,
    /// How long a test, and a confirmation, may take.
    pub timeout: Duration,
}

/// The kinds of engines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// ClamAV's daemon.
    Clamd(Clamd),
    /// The network inspection engine.
    Suricata(Suricata),
    /// Whatever the administrator's commands stand for.
    Command(Commands),
}

/// The administrator's commands. They find `BOOSTER_DATA_DIR`, `BOOSTER_DEFINITIONS` and, after the switch,
/// `BOOSTER_GENERATION` in their environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commands {
    /// Where files are placed for it, if anywhere.
    pub folder: Option<PathBuf>,
    /// Tries definitions before they are used.
    pub test: Option<CommandLine>,
    /// Has the engine load them, and ends with 0 when it uses them.
    pub reload: Option<CommandLine>,
}

/// A set of definitions on disk, as an adapter reads it.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The data folder.
    pub data_dir: &'a Path,
    /// The folder with a folder for each component; nothing where no definitions are in use.
    pub definitions: Option<&'a Path>,
    /// The generation's number, once it is current.
    pub generation: Option<u64>,
}

/// Files that lie in an engine's folder, and how the engine shows that it uses them.
#[derive(Debug)]
pub struct Placed {
    files: FileSet,
    proof: Proof,
}

/// Why an engine does not use a set.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It says that it cannot.
    #[error("it rejects these definitions: {reason}")]
    Rejected {
        /// Its words.
        reason: String,
    },
    /// A command of the administrator's failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// It was there before, it is there, and it does not use the set.
    #[error("it has not come to use these definitions within {} s: {reason}", limit.as_secs_f64())]
    NotConfirmed {
        /// How long it was waited for.
        limit: Duration,
        /// What was seen last.
        reason: String,
    },
    /// It was there before, and has not come back after it was told to load the set.
    #[error("it went away while it loaded these definitions, and was not back within {} s: {source}", limit.as_secs_f64())]
    Lost {
        /// How long it was waited for.
        limit: Duration,
        /// The system's answer.
        source: io::Error,
    },
    /// It is not there.
    #[error("it cannot be reached at {at}: {source}; is it running, and may this user talk to it?")]
    Unreachable {
        /// Where it should be.
        at: Endpoint,
        /// The system's answer.
        source: io::Error,
    },
    /// Something else answers.
    #[error("what listens at {at} answers {answer:?}: is `socket` that of this engine?")]
    Unintelligible {
        /// Where.
        at: Endpoint,
        /// What it said.
        answer: String,
    },
    /// Its test cannot be made.
    #[error("its test cannot be made here, whatever the definitions: {reason}")]
    Untested {
        /// Why not.
        reason: String,
    },
    /// Its folder, or a file for it, cannot be read or written.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl Fault {
    /// Whether it speaks against the definitions. [`Fault::NotConfirmed`] and [`Fault::Lost`] do so for an engine
    /// that has used others before; see [`Fault::is_silence`].
    pub const fn is_about_content(&self) -> bool {
        match self {
            Self::Rejected { .. } | Self::NotConfirmed { .. } | Self::Lost { .. } => true,
            Self::Command(error) => error.is_about_content(),
            Self::Unreachable { .. }
            | Self::Unintelligible { .. }
            | Self::Untested { .. }
            | Self::Folder { .. } => false,
        }
    }

    /// Whether the engine has said nothing at all about the definitions: it may never have looked at the folder.
    pub const fn is_silence(&self) -> bool {
        matches!(self, Self::NotConfirmed { .. } | Self::Lost { .. })
    }

    fn folder(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Folder { path, source }
    }
}

impl Engine {
    /// The name of the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Clamd(_) => "clamd",
            Self::Suricata(_) => "suricata",
            Self::Command(_) => "command",
        }
    }

    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Clamd(clamd) => Some(&clamd.folder),
            Self::Suricata(suricata) => Some(&suricata.folder),
            Self::Command(commands) => commands.folder.as_deref(),
        }
    }
}

/// An empty folder in a folder for what is needed in between.
fn empty_folder(scratch: &Path, name: &str) -> Result<PathBuf, Fault> {
    let folder = scratch.join(format!("engine-{name}"));
    let emptied = match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(&folder),
    };
    emptied.map_err(Fault::folder(&folder))?;
    Ok(folder)
}

impl Reading<'_> {
    async fn run(&self, command: Option<&CommandLine>) -> Result<(), Fault> {
        let Some(command) = command else { return Ok(()) };
        let number = self.generation.map(|number| number.to_string());
        let mut environment = vec![("BOOSTER_DATA_DIR", self.data_dir.as_os_str())];
        environment.extend(self.definitions.map(|folder| ("BOOSTER_DEFINITIONS", folder.as_os_str())));
        environment.extend(number.as_deref().map(|number| ("BOOSTER_GENERATION", OsStr::new(number))));
        Ok(command.run(&environment).await?)
    }
}

impl Adapter {
    /// Whether the engine is there to be asked.
    ///
    /// # Errors
    /// It is not, or something else is.
    pub async fn reach(&self) -> Result<(), Fault> {
        let limit = self.timeout.min(GREETING);
        match &self.engine {
            Engine::Clamd(clamd) => clamd.reach(limit).await,
            Engine::Suricata(suricata) => suricata.reach(limit).await,
            Engine::Command(_) => Ok(()),
        }
    }

    /// Shows a set to the engine's own test, which changes nothing but a folder for what is needed in between.
    ///
    /// # Errors
    /// The test fails, or cannot be made.
    pub async fn check(&self, reading: &Reading<'_>, scratch: &Path) -> Result<(), Fault> {
        match &self.engine {
            Engine::Clamd(clamd) => clamd.check(&self.files(reading)?, scratch, self.timeout).await,
            Engine::Suricata(suricata) => suricata.check(&self.files(reading)?, scratch, self.timeout).await,
            Engine::Command(commands) => reading.run(commands.test.as_ref()).await,
        }
    }

    /// Whether the engine's folder holds the files of a set.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn has_files(&self, reading: &Reading<'_>) -> Result<bool, Fault> {
        let Some(folder) = self.engine.folder() else { return Ok(true) };
        self.files(reading)?.lie_in(folder).map_err(Fault::folder(folder))
    }

    /// Puts the files of a set into the engine's folder, and takes away those of another.
    ///
    /// # Errors
    /// The folder cannot be filled. It may hold some of the files then: it is to be placed again.
    pub async fn place(&self, reading: &Reading<'_>) -> Result<Placed, Fault> {
        let (proof, shows_it) = (Proof::new(), matches!(self.engine, Engine::Clamd(_)));
        let Some(folder) = self.engine.folder().map(Path::to_owned) else {
            return Ok(Placed { files: FileSet::default(), proof });
        };
        let placed = Placed { files: self.files(reading)?, proof };
        let failed = Fault::folder(&folder);
        // On a thread of its own, and always to its end: what is half placed is not left for others to find.
        let placing = tokio::task::spawn_blocking(move || {
            let confirmation = shows_it.then_some(&placed.proof.confirmation);
            placed.files.place(&folder, confirmation).map(|()| placed)
        });
        placing.await.map_err(io::Error::other).flatten().map_err(failed)
    }

    /// Has the engine load what was placed, and waits until it uses it. Dropped, it stops waiting.
    ///
    /// # Errors
    /// The engine does not come to use it.
    pub async fn activate(&self, placed: &Placed, reading: &Reading<'_>) -> Result<(), Fault> {
        match &self.engine {
            Engine::Clamd(clamd) => clamd.activate(&placed.proof, self.timeout).await,
            Engine::Suricata(suricata) => suricata.activate(&placed.files, self.timeout).await,
            Engine::Command(commands) => reading.run(commands.reload.as_ref()).await,
        }
    }

    /// Tells the engine to reload, for whoever has no time to wait for it.
    pub async fn nudge(&self) {
        let told = async {
            match &self.engine {
                Engine::Clamd(clamd) => clamd.nudge().await,
                Engine::Suricata(suricata) => suricata.nudge().await,
                Engine::Command(_) => Ok(()),
            }
        };
        match tokio::time::timeout(NUDGE, told).await {
            Ok(Ok(())) => {}
            failed => tracing::warn!(engine = self.name, ?failed, "an engine could not be told to reload"),
        }
    }

    fn files(&self, reading: &Reading<'_>) -> Result<FileSet, Fault> {
        let Some(definitions) = reading.definitions else { return Ok(FileSet::default()) };
        FileSet::collect(definitions, &self.components, &self.endings).map_err(Fault::folder(definitions))
    }
}
