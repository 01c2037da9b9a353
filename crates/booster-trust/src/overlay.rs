//! What the verifier reads and writes while it works: memory over the trusted state.
//!
//! The verifier hands over each role file once its own checks have passed, one by one, and does not
//! stop when a store fails. Nothing of it reaches the disk here; the client decides afterwards, in
//! one place ([`admission`](crate::admission)), what is committed, and commits it in one step.

use crate::state::Data;
use sigstore_tuf::MetadataStore;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Reads fall through to the trusted role files; writes stay in memory.
#[derive(Debug)]
pub(crate) struct Overlay {
    base: BTreeMap<String, Vec<u8>>,
    staged: Mutex<Staged>,
}

/// The verified files of one refresh.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Staged {
    pub roots: BTreeMap<u64, Vec<u8>>,
    pub timestamp: Option<Vec<u8>>,
    pub snapshot: Option<Vec<u8>>,
    pub targets: Option<Vec<u8>>,
    pub delegated: BTreeMap<String, Vec<u8>>,
}

impl Overlay {
    pub(crate) fn new(data: &Data) -> Self {
        let mut base = BTreeMap::new();
        for (version, root) in &data.roots {
            base.insert(format!("{ROOT_HISTORY}{version}.root.json"), root.clone().into_bytes());
        }
        let tops = [
            ("timestamp.json", &data.timestamp),
            ("snapshot.json", &data.snapshot),
            ("targets.json", &data.targets),
        ];
        for (name, text) in tops {
            if let Some(text) = text {
                base.insert(name.to_owned(), text.clone().into_bytes());
            }
        }
        Self { base, staged: Mutex::default() }
    }

    /// Takes what has been staged since the last time.
    pub(crate) fn take(&self) -> Staged {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Staged> {
        // Every change under the lock is a single assignment: nothing can be half done.
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The verifier keeps the chain of roots under names of this form.
const ROOT_HISTORY: &str = "root_history/";

impl MetadataStore for Overlay {
    fn load(&self, name: &str) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        // Each file is read back only at the start of a refresh, before anything has been staged.
        Ok(self.base.get(name).cloned())
    }

    fn store(&self, name: &str, bytes: &[u8]) -> sigstore_tuf::Result<()> {
        let mut staged = self.lock();
        if let Some(version) =
            name.strip_prefix(ROOT_HISTORY).and_then(|name| name.strip_suffix(".root.json"))
        {
            if let Ok(version) = version.parse() {
                staged.roots.insert(version, bytes.to_vec());
            }
            return Ok(());
        }
        match name {
            "root.json" => {}
            "timestamp.json" => staged.timestamp = Some(bytes.to_vec()),
            "snapshot.json" => staged.snapshot = Some(bytes.to_vec()),
            "targets.json" => staged.targets = Some(bytes.to_vec()),
            // The same snapshot under its versioned name.
            _ if name.ends_with(".snapshot.json") && versioned(name) => {}
            _ => {
                staged.delegated.insert(name.to_owned(), bytes.to_vec());
            }
        }
        Ok(())
    }
}

fn versioned(name: &str) -> bool {
    name.split_once('.').is_some_and(|(version, _)| version.parse::<u64>().is_ok())
}
