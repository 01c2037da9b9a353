//! The trusted state: everything that this machine has verified of a publisher, in one file.
//!
//! The file holds the bytes of every trusted role exactly as the publisher served them, the chain of
//! roots from the pinned one on, and the floors. It is replaced as a whole, so that no crash can leave
//! two roles of different times side by side. Whatever does not read back exactly as it was written is
//! [`TrustError::Damaged`]: taking it for a first start would forget which versions were seen, and let
//! an old repository in.

mod file;
mod publisher;

use crate::{
    error::{Result, TrustError},
    floors::{Floors, SnapshotFloor, TimestampFloor},
    roles::{self, RoleVersions, Roles},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sigstore_tuf::TargetFile;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The name of the state file in its folder.
pub const STATE_FILE: &str = "trusted.json";

/// The trusted state of one publisher's repository.
#[derive(Debug)]
pub struct TrustedState {
    path: PathBuf,
    inner: Option<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    data: Data,
    roles: Roles,
}

/// What is written. Role files are kept as text: verified metadata is JSON, and so UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    /// Root files by version without gaps; the first is the pinned one, the last is trusted.
    pub roots: BTreeMap<u64, String>,
    pub timestamp: Option<String>,
    pub snapshot: Option<String>,
    pub targets: Option<String>,
    /// Delegated targets files by their file name, as `role.json`.
    pub delegated: BTreeMap<String, String>,
    pub floors: Floors,
    /// The newest signed time that was verified.
    pub signed_at: Option<Timestamp>,
}

impl TrustedState {
    /// Reads the state in a folder; a folder without one is a machine that trusts nobody yet.
    ///
    /// # Errors
    /// [`TrustError::Damaged`] if the file is not exactly what was written, [`TrustError::Io`] if it
    /// cannot be read.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(STATE_FILE);
        let Some(body) = file::read(&path)? else { return Ok(Self { path, inner: None }) };
        let damaged = |reason: String| TrustError::Damaged { path: path.clone(), reason };
        let data: Data = serde_json::from_slice(&body).map_err(|error| damaged(error.to_string()))?;
        let roles = data.check().map_err(|error| damaged(error.to_string()))?;
        Ok(Self { path, inner: Some(Inner { data, roles }) })
    }

    /// A publisher's root has been pinned.
    pub fn is_initialised(&self) -> bool {
        self.inner.is_some()
    }

    /// Trusts the publisher of this root, or makes sure that it is the publisher already trusted.
    ///
    /// On first use the root must be signed by its own keys to its own threshold; it is persisted at
    /// once. Later the given root may be any of the publisher's that connects to a known one by
    /// signatures; it is then not adopted (the chain of roots is walked by a refresh), and nothing
    /// changes.
    ///
    /// # Errors
    /// [`TrustError::OtherPublisher`] if the given root does not connect to the trusted ones,
    /// [`TrustError::Malformed`] or [`TrustError::Threshold`] if it is no valid root at all.
    pub fn pin(&mut self, root: &[u8]) -> Result<()> {
        let given = publisher::check_root(root)?;
        if let Some(inner) = &self.inner {
            return publisher::check_same(&inner.data, &given);
        }
        let version = given.signed().version;
        let text = text("root.json", root.to_vec())?;
        self.commit(Data {
            roots: BTreeMap::from([(version, text)]),
            timestamp: None,
            snapshot: None,
            targets: None,
            delegated: BTreeMap::new(),
            floors: Floors { root: version, ..Floors::default() },
            signed_at: None,
        })
    }

    /// Writes a copy of the state into another folder, as [`TrustedState::open`] reads it.
    ///
    /// # Errors
    /// [`TrustError::NotInitialised`] or [`TrustError::Io`].
    pub fn save_copy(&self, dest: &Path) -> Result<()> {
        file::replace(&dest.join(STATE_FILE), &body(self.data()?))
    }

    /// The versions of the trusted roles.
    pub fn versions(&self) -> RoleVersions {
        self.inner.as_ref().map(|inner| inner.roles.versions()).unwrap_or_default()
    }

    /// The newest signed time that was verified.
    pub fn signed_at(&self) -> Option<Timestamp> {
        self.inner.as_ref().and_then(|inner| inner.data.signed_at)
    }

    /// The targets that the trusted top-level targets role lists, by path.
    pub fn targets(&self) -> impl Iterator<Item = (&str, &TargetFile)> {
        let role = self.inner.as_ref().and_then(|inner| inner.roles.targets.as_ref());
        role.into_iter().flat_map(|role| &role.targets).map(|(path, file)| (path.as_str(), file))
    }

    /// The bytes of every trusted role file, by the name without a version (`root.json`), exactly as
    /// the repository served them.
    pub fn role_files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let data = self.inner.as_ref().map(|inner| &inner.data);
        let top = data.into_iter().flat_map(|data| {
            [
                ("root.json", data.roots.values().next_back()),
                ("timestamp.json", data.timestamp.as_ref()),
                ("snapshot.json", data.snapshot.as_ref()),
                ("targets.json", data.targets.as_ref()),
            ]
        });
        let top = top.filter_map(|(name, text)| Some((name, text?.as_bytes())));
        let delegated = data.into_iter().flat_map(|data| &data.delegated);
        top.chain(delegated.map(|(name, text)| (name.as_str(), text.as_bytes())))
    }

    /// The files of a repository that holds this state, by their names there (TUF 1.0, section 6.2, with
    /// consistent snapshots), exactly as they were served. Roots are those from the pinned one on. They are in
    /// the order in which they can be published where the same keys sign as before: `timestamp.json`, which makes
    /// the others count, is the last.
    pub fn repository_files(&self) -> Vec<(String, &[u8])> {
        let Some(Inner { data, .. }) = &self.inner else { return Vec::new() };
        let versions = self.versions();
        let versioned =
            [(versions.targets, "targets", &data.targets), (versions.snapshot, "snapshot", &data.snapshot)];
        let versioned = versioned.into_iter().filter_map(|(version, role, text)| {
            Some((format!("{}.{role}.json", version?), text.as_ref()?.as_bytes()))
        });
        let roots =
            data.roots.iter().map(|(version, text)| (format!("{version}.root.json"), text.as_bytes()));
        let timestamp = data.timestamp.iter().map(|text| ("timestamp.json".to_owned(), text.as_bytes()));
        versioned.chain(roots).chain(timestamp).collect()
    }

    /// The state's folder.
    pub fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    pub(crate) fn data(&self) -> Result<&Data> {
        self.inner.as_ref().map(|inner| &inner.data).ok_or(TrustError::NotInitialised)
    }

    pub(crate) fn roles(&self) -> Result<&Roles> {
        self.inner.as_ref().map(|inner| &inner.roles).ok_or(TrustError::NotInitialised)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The one commit point: the file is replaced, then memory follows. Unchanged data is not written.
    pub(crate) fn commit(&mut self, data: Data) -> Result<()> {
        if self.inner.as_ref().is_some_and(|inner| inner.data == data) {
            return Ok(());
        }
        let roles = data.check()?;
        file::replace(&self.path, &body(&data))?;
        self.inner = Some(Inner { data, roles });
        Ok(())
    }

    /// Removes what a crash in the middle of a commit left beside the file.
    pub(crate) fn discard_leftovers(&self) -> Result<()> {
        file::discard_leftovers(&self.path)
    }
}

impl Data {
    /// The newest trusted root file.
    pub(crate) fn root(&self) -> Result<&str> {
        self.roots.values().next_back().map(String::as_str).ok_or(TrustError::NotInitialised)
    }

    /// The root that was pinned by the administrator.
    pub(crate) fn pinned_root(&self) -> Result<&str> {
        self.roots.values().next().map(String::as_str).ok_or(TrustError::NotInitialised)
    }

    /// The parts agree with each other. Signatures are verified whenever the state is used.
    fn check(&self) -> Result<Roles> {
        let inconsistent = |reason: &str| Err(TrustError::malformed(STATE_FILE, reason));
        let roles = Roles::parse(self)?;
        let versions = self.roots.keys().copied();
        if versions.clone().zip(versions.skip(1)).any(|(one, next)| one.checked_add(1) != Some(next)) {
            return inconsistent("the chain of roots has a gap");
        }
        if self.roots.keys().next_back() != Some(&roles.root.version)
            || self.floors.root != roles.root.version
        {
            return inconsistent("the root is not of the recorded version");
        }
        if self.floors.timestamp != roles.timestamp.as_ref().map(TimestampFloor::of)
            || self.floors.snapshot != roles.snapshot.as_ref().map(SnapshotFloor::of)
        {
            return inconsistent("a role is not of the recorded version");
        }
        let signed_at = roles.timestamp.as_ref().map_or(Ok(None), roles::signed_at)?;
        if signed_at > self.signed_at {
            return inconsistent("the signed time is not the recorded one");
        }
        Ok(roles)
    }
}

/// Role bytes as text.
pub(crate) fn text(file: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| TrustError::malformed(file, error))
}

fn body(data: &Data) -> Vec<u8> {
    serde_json::to_vec(data).unwrap_or_else(|_| unreachable!("maps with text and number keys serialise"))
}
