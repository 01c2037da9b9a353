//! What other engines were given, and what they have shown to use.
//!
//! An engine's folder is no part of a generation, so this is a record and not a truth: it is written before the
//! folder is touched and after the engine has confirmed. Whatever happens in between, the next operation sees
//! that the two differ.

use crate::{Operation, Store, StoreError, generation, journal};
use booster_definitions::{Component, Digest, Version};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const FILE: &str = "engines.json";

/// A set of definitions, as one engine gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSet {
    /// The generation that it is of; nothing where no definitions are in use.
    pub generation: Option<u64>,
    /// The components that the engine gets, with their versions.
    pub releases: BTreeMap<Component, Version>,
    /// What tells sets apart: their contents, and how the engine gets them.
    pub digest: Digest,
    /// What tells ways apart in which the engine gets a set.
    pub way: Digest,
    /// When it was placed, or confirmed.
    pub time: Timestamp,
}

/// What is known of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineRecord {
    /// What it was given last.
    pub placed: EngineSet,
    /// What it last showed to use.
    pub confirmed: Option<EngineSet>,
    /// Why that is not what it was given, if it is not.
    pub problem: Option<String>,
}

impl EngineRecord {
    /// Whether the engine uses this set, as far as is known.
    pub fn uses(&self, set: &EngineSet) -> bool {
        self.problem.is_none()
            && self.placed.digest == set.digest
            && self.confirmed.as_ref().is_some_and(|confirmed| confirmed.digest == set.digest)
    }
}

impl Store {
    /// What is known of other engines, by their names.
    ///
    /// # Errors
    /// The record is damaged or cannot be read.
    pub fn engines(&self) -> Result<BTreeMap<String, EngineRecord>, StoreError> {
        Ok(generation::read_json_if_present(&self.data_dir().join(FILE))?.unwrap_or_default())
    }
}

impl Operation {
    /// Writes down what is known of an engine.
    ///
    /// # Errors
    /// The system's answer.
    pub fn record_engine(&self, name: &str, record: EngineRecord) -> Result<(), StoreError> {
        // Without the record every engine is given its files again: that is all that a damaged one costs.
        let mut all = self.store().engines().unwrap_or_else(|error| {
            tracing::warn!(%error, "the record of engines could not be read and starts again");
            BTreeMap::new()
        });
        all.insert(name.to_owned(), record);
        journal::save(self.store().data_dir(), FILE, &all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    fn set(content: &str) -> EngineSet {
        EngineSet {
            generation: Some(1),
            releases: BTreeMap::new(),
            digest: Digest::of(content.as_bytes()),
            way: Digest::of(b"a folder"),
            time: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_engine_uses_what_it_was_given_and_has_confirmed() {
        let (old, new) = (|| set("old"), || set("new"));
        let problem = || Some("it is not running".to_owned());
        for (placed, confirmed, problem, uses) in [
            (new(), Some(new()), None, true),
            (new(), Some(EngineSet { generation: Some(7), ..new() }), None, true),
            (new(), Some(old()), None, false),
            (old(), Some(new()), None, false),
            (new(), None, None, false),
            (new(), Some(new()), problem(), false),
        ] {
            let record = EngineRecord { placed, confirmed, problem };
            assert_eq!(record.uses(&new()), uses, "{record:?}");
        }
    }

    #[test]
    fn a_damaged_record_starts_again() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::new(data.path(), StoreOptions::default());
        assert!(store.engines().unwrap().is_empty());
        let operation = store.begin("test").unwrap();
        let record = EngineRecord { placed: set("x"), confirmed: None, problem: None };
        operation.record_engine("one", record.clone()).unwrap();
        std::fs::write(data.path().join(FILE), "{").unwrap();
        assert!(store.engines().is_err());
        operation.record_engine("two", record.clone()).unwrap();
        assert_eq!(store.engines().unwrap(), BTreeMap::from([("two".to_owned(), record)]));
    }
}
