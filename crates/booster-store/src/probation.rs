//! Probation: whether those who load a new generation survive it.
//!
//! Whoever loads definitions into its own process says so first, with a *marker*: a file in the folder
//! `loading` that it holds locked until it has loaded. The system gives the lock back with the process,
//! however that ends, so a marker that nobody holds is a death while loading, whatever the process was
//! called and in whichever container it ran.
//!
//! A death is not a crash yet: processes are killed for many reasons. A generation is left only when all of
//! this speaks against it, of one kind of program (`scan`, `service` ...):
//!
//! * it died while loading, so many times in a row ([`Probation::crashes`]), with no success in between;
//! * each time within the probation, and in this run of the machine: a power cut is no crash;
//! * it has loaded an earlier generation before, so it could load definitions, and has never loaded this one.
//!
//! What a child process shows again need not be counted here: before a generation becomes current, such a
//! child has opened it. Who may not write leaves no marker, and loads all the same.

use crate::{Installed, RolledBack, Store, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io::{self, Seek as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How a new generation is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probation {
    /// For how long after it became current.
    pub time: Duration,
    /// How many deaths in a row, of one kind of program, make it bad; 0 to watch nothing.
    pub crashes: u32,
}

impl Default for Probation {
    /// Two deaths in ten minutes.
    fn default() -> Self {
        Self { time: Duration::from_secs(600), crashes: 2 }
    }
}

impl Probation {
    /// Until when a generation is watched.
    pub fn until(&self, installed: Timestamp) -> Timestamp {
        installed.saturating_add(self.time).unwrap_or(Timestamp::MAX)
    }
}

/// Somebody is loading the current generation, or has just begun to use it.
///
/// Say [`Loading::succeeded`] when it can be used; whoever can be brought down by definitions soon after, as
/// a service can, does so after its first minute. Dropping it says that loading was given up, which is
/// neither a success nor a crash, unless a panic drops it.
#[derive(Debug)]
pub struct Loading {
    folder: PathBuf,
    program: &'static str,
    generation: u64,
    marker: Option<Held>,
    rolled_back: Option<RolledBack>,
}

/// The marker of this process, locked.
#[derive(Debug)]
struct Held {
    path: PathBuf,
    file: File,
    marker: Marker,
}

/// What stands in a marker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    generation: u64,
    since: Timestamp,
    /// The run of the machine, where the system tells one from another.
    boot: Option<String>,
    /// It crashed, and the process lives on.
    crashed: bool,
}

/// Deaths that make a generation bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deaths {
    program: String,
    count: usize,
}

impl fmt::Display for Deaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} died {} times in a row while it loaded these definitions", self.program, self.count)
    }
}

impl Store {
    /// The current generation for a program that will now load it, and the means to say how that went.
    ///
    /// If the current one has killed too many of its kind already, the last known good one is made current
    /// first, where this user may. `program` is a short word: deaths and successes are counted by it.
    ///
    /// # Errors
    /// The store is damaged or cannot be read.
    pub fn load_current(&self, program: &'static str) -> Result<Option<(Installed, Loading)>, StoreError> {
        let mut rolled_back = None;
        if deaths(self)?.is_some() && self.last_known_good()?.is_some() {
            // Beginning is enough: it puts the folder in order.
            match self.begin("return to the last known good definitions") {
                Ok(operation) => rolled_back = operation.rolled_back().cloned(),
                Err(error) => tracing::warn!(%error, "definitions that crashed others are loaded again"),
            }
        }
        let Some(installed) = self.current()? else { return Ok(None) };
        let mut loading = Loading::begin(self, &installed, program, Timestamp::now());
        loading.rolled_back = rolled_back;
        Ok(Some((installed, loading)))
    }
}

impl Loading {
    fn begin(store: &Store, installed: &Installed, program: &'static str, now: Timestamp) -> Self {
        let (folder, probation) = (folder(store.data_dir()), store.options().probation);
        let record = installed.record();
        let watched = probation.crashes > 0 && now <= probation.until(record.installed);
        let marker = Marker { generation: record.number, since: now, boot: boot(), crashed: false };
        let marker = watched.then(|| Held::new(&folder, program, marker)).and_then(|held| {
            held.inspect_err(|error| tracing::debug!(%error, "a program loads definitions unwatched")).ok()
        });
        Self { folder, program, generation: record.number, marker, rolled_back: None }
    }

    /// What was gone back from before this, because it killed too many. Whoever serves others tells them, and has
    /// other engines brought along.
    pub const fn rolled_back(&self) -> Option<&RolledBack> {
        self.rolled_back.as_ref()
    }

    /// The definitions are loaded and can be used.
    pub fn succeeded(mut self) {
        if let Some(held) = self.marker.take() {
            held.remove();
        }
        let cleared = self.clear_deaths().and_then(|()| self.note_success());
        if let Err(error) = cleared {
            tracing::debug!(%error, "a success could not be noted");
        }
    }

    /// Earlier deaths of this kind of program mean nothing after a success.
    fn clear_deaths(&self) -> io::Result<()> {
        for (program, path) in markers(&self.folder)? {
            if program == self.program && death(&path).is_some() {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// Notes which generation this kind of program was last able to load.
    fn note_success(&self) -> io::Result<()> {
        let note = note(&self.folder, self.program);
        if loaded(&self.folder, self.program) == Some(self.generation) {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        // Not flushed: after a power cut it is a success that is forgotten.
        let new = booster_durable::leftover(&unique(&self.folder, self.program));
        let written = fs::write(&new, self.generation.to_string()).and_then(|()| fs::rename(&new, note));
        written.inspect_err(|_| _ = fs::remove_file(&new))
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        let Some(held) = self.marker.take() else { return };
        if std::thread::panicking() {
            held.leave_as_crashed();
        } else {
            held.remove();
        }
    }
}

impl Held {
    /// Makes a marker: it is locked before anybody can see it.
    fn new(folder: &Path, program: &str, marker: Marker) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = unique(folder, program);
        let new = booster_durable::leftover(&path);
        let mut file = File::create_new(&new)?;
        let placed = file.lock().and_then(|()| {
            file.write_all(&serde_json::to_vec(&marker)?)?;
            fs::rename(&new, &path)
        });
        placed.inspect_err(|_| _ = fs::remove_file(&new))?;
        Ok(Self { path, file, marker })
    }

    fn remove(self) {
        // Gone already where the generation was left meanwhile.
        let _ = fs::remove_file(&self.path);
    }

    fn leave_as_crashed(mut self) {
        self.marker.crashed = true;
        let written = serde_json::to_vec(&self.marker).map_err(io::Error::other).and_then(|bytes| {
            self.file.rewind()?;
            self.file.set_len(0)?;
            self.file.write_all(&bytes)
        });
        // Half written it counts as no death. A process that was forked meanwhile may hold the lock as well.
        if let Err(error) = written.and_then(|()| self.file.unlock()) {
            tracing::warn!(%error, "a crash while loading definitions could not be noted");
        }
    }
}

/// What speaks against the current generation, if that is enough.
pub(crate) fn deaths(store: &Store) -> Result<Option<Deaths>, StoreError> {
    let folder = folder(store.data_dir());
    let probation = store.options().probation;
    // Who may not look there loads all the same.
    let markers = markers(&folder).unwrap_or_default();
    if markers.is_empty() || probation.crashes == 0 {
        return Ok(None);
    }
    let Some(current) = store.current()? else { return Ok(None) };
    let (number, until) = (current.record().number, probation.until(current.record().installed));
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    let boot = boot();
    for (program, path) in markers {
        let speaks = death(&path).is_some_and(|marker| {
            marker.generation == number && marker.since <= until && marker.boot == boot
        });
        if speaks && loaded(&folder, &program).is_some_and(|earlier| earlier != number) {
            *count.entry(program).or_default() += 1;
        }
    }
    let bad = count.into_iter().find(|(_, count)| *count >= probation.crashes as usize);
    Ok(bad.map(|(program, count)| Deaths { program, count }))
}

/// Removes the markers of the dead: what they speak against is not current any more, or was tried enough.
pub(crate) fn forget(data: &Path) {
    let folder = folder(data);
    for (_, path) in markers(&folder).unwrap_or_default() {
        if death(&path).is_some() {
            // One that stays speaks against a generation that is not current.
            let _ = fs::remove_file(path);
        }
    }
}

/// Removes markers of the dead that can speak against nothing any more.
pub(crate) fn tidy(store: &Store) {
    let folder = folder(store.data_dir());
    let current = store.current().ok().flatten().map(|installed| installed.record().number);
    let boot = boot();
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let half_made = path.to_string_lossy().ends_with(booster_durable::LEFTOVER_ENDING);
        let speaks = |marker: &Marker| Some(marker.generation) == current && marker.boot == boot;
        let idle = half_made && File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
        if idle || (!half_made && death(&path).is_some_and(|marker| !speaks(&marker))) {
            let _ = fs::remove_file(path);
        }
    }
}

/// The marker of a process that died while loading, or crashed there; nothing for one that is alive, and for
/// what cannot be read.
fn death(path: &Path) -> Option<Marker> {
    let mut file = File::open(path).ok()?;
    file.try_lock_shared().ok()?;
    serde_json::from_reader(&mut file).ok()
}

/// The markers in the folder, each with its kind of program.
fn markers(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some((program, _)) = name.strip_suffix(MARKER).and_then(|name| name.rsplit_once('.')) {
            found.push((program.to_owned(), entry.path()));
        }
    }
    Ok(found)
}

/// The ending of a marker's name.
const MARKER: &str = ".marker";

fn folder(data: &Path) -> PathBuf {
    data.join("loading")
}

/// A marker's name that no other process and no other moment has.
fn unique(folder: &Path, program: &str) -> PathBuf {
    let moment = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    folder.join(format!("{program}.{}-{moment}{MARKER}", std::process::id()))
}

/// The file that names the generation that a kind of program was last able to load.
fn note(folder: &Path, program: &str) -> PathBuf {
    folder.join(format!("{program}.loaded"))
}

fn loaded(folder: &Path, program: &str) -> Option<u64> {
    fs::read_to_string(note(folder, program)).ok()?.trim().parse().ok()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What names this run of the machine.
fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}
