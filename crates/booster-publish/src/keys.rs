//! The publisher's keys: where they come from, and which of them sign for a role.
//!
//! Root metadata says which key ids sign for which role; file and variable names are for people
//! only. Keys are PKCS#8 files of mode 0600, or environment variables `BOOSTER_KEY_*`. No key is
//! ever printed or put into an error.

use crate::{PublishError, Result};
use booster_trust::signing::{RootRole, SigningKey, TopRole};
use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Environment variables with this prefix hold keys.
pub const KEY_VARIABLES: &str = "BOOSTER_KEY_";
/// The folder of a key folder whose keys sign roots: to be taken away from the machine.
pub const OFFLINE: &str = "offline";
/// The folder of a key folder whose keys sign every publication.
pub const ONLINE: &str = "online";

/// The private keys at hand.
#[derive(Debug, Default)]
pub struct KeyRing {
    keys: BTreeMap<String, SigningKey>,
}

impl KeyRing {
    /// A ring without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads every `.pem` and `.der` file of a key folder and of its folders `offline` and `online`.
    pub fn from_folder(folder: &Path) -> Result<Self> {
        let mut ring = Self::new();
        for (folder, required) in
            [(folder.to_owned(), true), (folder.join(OFFLINE), false), (folder.join(ONLINE), false)]
        {
            for path in key_files(&folder, required)? {
                ring.add(SigningKey::from_file(&path)?);
            }
        }
        Ok(ring)
    }

    /// Reads every environment variable whose name starts with [`KEY_VARIABLES`].
    pub fn from_environment() -> Result<Self> {
        let mut ring = Self::new();
        for (name, _) in std::env::vars_os() {
            if let Some(name) = name.to_str().filter(|name| name.starts_with(KEY_VARIABLES)) {
                ring.add(SigningKey::from_env(name)?);
            }
        }
        Ok(ring)
    }

    /// Adds a key.
    pub fn add(&mut self, key: SigningKey) {
        self.keys.insert(key.key_id(), key);
    }

    /// Adds the keys of another ring.
    pub fn extend(&mut self, other: Self) {
        self.keys.extend(other.keys);
    }

    /// The key with an id.
    pub fn get(&self, key_id: &str) -> Option<&SigningKey> {
        self.keys.get(key_id)
    }

    /// The keys at hand that may sign for a role, however few.
    pub fn for_role(&self, root: &RootRole, role: TopRole) -> Vec<&SigningKey> {
        let ids = root.role(role).map(|keys| keys.keyids.as_slice()).unwrap_or_default();
        ids.iter().filter_map(|id| self.keys.get(id)).collect()
    }

    /// The keys that sign for a role, at least as many as its threshold.
    pub fn signers(&self, root: &RootRole, role: TopRole) -> Result<Vec<&SigningKey>> {
        let signers = self.for_role(root, role);
        let (needed, key_ids) = root
            .role(role)
            .map_or((1, Vec::new()), |keys| (keys.threshold.max(1) as usize, keys.keyids.clone()));
        if signers.len() < needed {
            return Err(PublishError::MissingKeys { role, needed, found: signers.len(), key_ids });
        }
        Ok(signers)
    }
}

/// The key files of a folder in the order of their names.
fn key_files(folder: &Path, required: bool) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound && !required => return Ok(Vec::new()),
        Err(error) => return Err(PublishError::io("read the key folder", folder)(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(PublishError::io("read the key folder", folder))?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("pem" | "der")) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Who signs for each role of a new repository.
#[derive(Debug)]
pub struct KeySet {
    /// Root keys, offline where a site can keep them so.
    pub root: Vec<SigningKey>,
    /// How many root keys must sign a root.
    pub root_threshold: u32,
    /// The keys of targets, snapshot and timestamp, in this order.
    pub online: [SigningKey; 3],
}

/// Root keys that [`KeySet::in_folder`] makes, and how many of them must sign: one may be lost and
/// one may be stolen.
pub const DEFAULT_ROOT_KEYS: (usize, u32) = (3, 2);

/// The online roles in the order of [`KeySet::online`].
pub(crate) const ONLINE_ROLES: [TopRole; 3] = [TopRole::Targets, TopRole::Snapshot, TopRole::Timestamp];

impl KeySet {
    /// Takes the keys of a folder (`offline/root-1.pem` ..., `online/targets.pem`, `online/snapshot.pem`,
    /// `online/timestamp.pem`) and makes those that are missing, with mode 0600 in folders of mode 0700.
    pub fn in_folder(folder: &Path, root_keys: usize, root_threshold: u32) -> Result<Self> {
        let (offline, online) = (folder.join(OFFLINE), folder.join(ONLINE));
        for folder in [folder, &offline, &online] {
            make_private_folder(folder)?;
        }
        let root = (1..=root_keys)
            .map(|n| take_or_make(&offline.join(format!("root-{n}.pem"))))
            .collect::<Result<_>>()?;
        let [targets, snapshot, timestamp] =
            ONLINE_ROLES.map(|role| take_or_make(&online.join(format!("{role}.pem"))));
        Ok(Self { root, root_threshold, online: [targets?, snapshot?, timestamp?] })
    }

    /// Takes keys from `BOOSTER_KEY_ROOT_1` ... and `BOOSTER_KEY_TARGETS`, `_SNAPSHOT` and `_TIMESTAMP`.
    pub fn from_environment(root_threshold: u32) -> Result<Self> {
        let variable = |name: &str| SigningKey::from_env(&format!("{KEY_VARIABLES}{name}"));
        let mut root = vec![variable("ROOT_1")?];
        for n in 2.. {
            let name = format!("ROOT_{n}");
            if std::env::var_os(format!("{KEY_VARIABLES}{name}")).is_none() {
                break;
            }
            root.push(variable(&name)?);
        }
        let online = [variable("TARGETS")?, variable("SNAPSHOT")?, variable("TIMESTAMP")?];
        Ok(Self { root, root_threshold, online })
    }

    /// All keys as a ring.
    pub fn into_ring(self) -> KeyRing {
        let mut ring = KeyRing::new();
        self.root.into_iter().chain(self.online).for_each(|key| ring.add(key));
        ring
    }
}

fn take_or_make(path: &Path) -> Result<SigningKey> {
    if path.exists() {
        return Ok(SigningKey::from_file(path)?);
    }
    let key = SigningKey::generate()?;
    key.write_file(path)?;
    Ok(key)
}

/// Makes a folder that only its owner may enter; one that exists keeps its mode.
fn make_private_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(PublishError::io("make the key folder", path))
}
