//! The files that a server has for this machine, by their names.
//!
//! A name is looked up and never used as a path. Folders are not on it: names of targets begin with
//! their SHA-256, and those of metadata are unique.

use super::{scan::Wanted, state::KeptRevision};
use booster_wsus::Sha1;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};

/// The files that a server has for this machine.
#[derive(Debug, Default)]
pub(super) struct Shelf(HashMap<String, Entry>);

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) url: String,
    pub(super) size: u64,
    pub(super) sha1: Sha1,
    pub(super) sha256: [u8; 32],
    /// By when the update that holds it is to be installed.
    pub(super) deadline: Option<Timestamp>,
}

impl Shelf {
    /// The files of the wanted revisions. Where two hold a file of the same name, the newer revision's counts.
    pub(super) fn of(wanted: &[Wanted], revisions: &BTreeMap<i32, KeptRevision>) -> Self {
        let mut shelf = HashMap::new();
        for one in wanted {
            let files = revisions.get(&one.id).map(|kept| kept.files.as_slice()).unwrap_or_default();
            for file in files {
                let entry = Entry {
                    url: file.url.clone(),
                    size: file.size,
                    sha1: file.sha1(),
                    sha256: file.sha256,
                    deadline: one.deadline,
                };
                shelf.insert(file.name.clone(), entry);
            }
        }
        Self(shelf)
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.0.get(name)
    }

    pub(super) fn set_url(&mut self, name: &str, url: &str) {
        if let Some(entry) = self.0.get_mut(name) {
            url.clone_into(&mut entry.url);
        }
    }
}
