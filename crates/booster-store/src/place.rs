//! A machine's place in roll-outs: the same for as long as the machine is the same.

use crate::{Operation, Store, StoreError, generation};
use booster_definitions::Place;
use std::{
    fs,
    hash::{BuildHasher as _, Hasher as _},
};

/// What Linux keeps for telling machines apart (machine-id(5)). It is different on each clone of an image,
/// which a number in a cloned data folder would not be.
const MACHINE_ID: &str = "/etc/machine-id";

impl Store {
    /// The machine's place, where it has one already.
    ///
    /// # Errors
    /// `place.json` is damaged or cannot be read.
    pub fn place(&self) -> Result<Option<Place>, StoreError> {
        match fs::read_to_string(MACHINE_ID) {
            Ok(id) if id.trim().len() >= 32 => {
                Ok(Some(Place::of_seed(format!("place {}", id.trim()).as_bytes())))
            }
            _ => generation::read_json_if_present(&self.data_dir().join("place.json")),
        }
    }
}

impl Operation {
    /// The machine's place. Where the system has no identity it is drawn once and kept in `place.json`.
    ///
    /// # Errors
    /// The system's answer.
    pub fn place(&self) -> Result<Place, StoreError> {
        match self.store().place() {
            Ok(Some(place)) => return Ok(place),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "this machine's place in roll-outs is drawn again"),
        }
        // The standard library seeds its hashers from the system's random numbers.
        let drawn = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let place = Place::of_seed(&drawn.to_be_bytes());
        let failed = || StoreError::io("writing place.json");
        let bytes = generation::to_json(&place).map_err(failed())?;
        booster_durable::replace_file(&self.store().data_dir().join("place.json"), &bytes)
            .map_err(failed())?;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    #[test]
    fn a_machine_keeps_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), StoreOptions::default());
        let place = store.begin("test").unwrap().place().unwrap();
        assert_eq!(store.begin("test").unwrap().place().unwrap(), place);
        assert_eq!(store.place().unwrap(), Some(place));
    }
}
