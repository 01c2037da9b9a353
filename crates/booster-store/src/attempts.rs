//! How the last update operations went, whoever asked for them.
//!
//! The history has those that changed something or failed; this is the one record that every operation renews,
//! so that whoever decides when the next one is due knows of all of them, also after a restart.

use crate::{Operation, Store, StoreError, generation, journal};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const NAME: &str = "attempts.json";

/// How the last update operation ended, and what those before it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// When the last one ended.
    pub last: Timestamp,
    /// Its outcome in one word, such as `current` or `failed`.
    pub outcome: String,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When one last went well, whether there was something new or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Timestamp>,
    /// How many have failed since then.
    #[serde(default)]
    pub failures: u32,
}

impl Store {
    /// How the last update operations went; nothing before the first.
    ///
    /// # Errors
    /// The record is damaged or cannot be read.
    pub fn attempts(&self) -> Result<Option<Attempts>, StoreError> {
        generation::read_json_if_present(&self.data_dir().join(NAME))
    }
}

impl Operation {
    /// Remembers how this operation went.
    ///
    /// # Errors
    /// The system's answer.
    pub fn record_attempts(&self, attempts: &Attempts) -> Result<(), StoreError> {
        journal::save(self.store().data_dir(), NAME, attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    #[test]
    fn attempts_are_kept_and_a_damaged_record_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), StoreOptions::default());
        assert_eq!(store.attempts().unwrap(), None);
        let attempts = Attempts {
            last: Timestamp::UNIX_EPOCH,
            outcome: "failed".to_owned(),
            error: Some("no route".to_owned()),
            last_success: None,
            failures: 3,
        };
        store.begin("test").unwrap().record_attempts(&attempts).unwrap();
        assert_eq!(store.attempts().unwrap(), Some(attempts));
        std::fs::write(dir.path().join(NAME), "{").unwrap();
        assert!(matches!(store.attempts(), Err(StoreError::Damaged { .. })));
    }
}
