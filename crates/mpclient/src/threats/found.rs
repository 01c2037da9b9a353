//! What a scan has found so far: one threat for each name, with its files.

use super::{Threat, id_of};
use booster_definitions::Component;
use booster_engine::Detection;
use std::{collections::HashMap, sync::Arc};

/// The threats that one scan has found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order in which they were found first.
    threats: Vec<Arc<Threat>>,
    /// By name, and whether antivirus definitions found it: that is part of the number.
    index: HashMap<(String, bool), usize>,
}

impl Found {
    /// Adds what was found in a file. The detections of one file are added one after another.
    pub fn add(&mut self, detection: &Detection, file: &str, time: u64) {
        let key = (detection.threat.clone(), detection.component == Component::Antivirus);
        let at = *self.index.entry(key).or_insert_with(|| {
            let id = id_of(&detection.threat, detection.component);
            let threat = Threat { id, found_by: detection.clone(), time, files: Vec::new() };
            self.threats.push(Arc::new(threat));
            self.threats.len() - 1
        });
        let Some(threat) = self.threats.get_mut(at) else { return };
        // Two rules for one threat can find the same file. A list that was opened keeps what it has.
        if threat.files.last().map(String::as_str) != Some(file) {
            Arc::make_mut(threat).files.push(file.to_owned());
        }
    }

    /// How many threats there are.
    pub fn count(&self) -> u32 {
        self.threats.len().try_into().unwrap_or(u32::MAX)
    }

    /// All of them, as they are now.
    pub fn threats(&self) -> &[Arc<Threat>] {
        &self.threats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(threat: &str, component: Component) -> Detection {
        Detection {
            threat: threat.into(),
            file: "a".into(),
            rule: None,
            component,
            version: Default::default(),
        }
    }

    #[test]
    fn a_threat_stands_once_with_each_file_once() {
        let mut found = Found::default();
        for (name, file, time) in [("x", "/1", 5), ("x", "/1", 6), ("y", "/1", 6), ("x", "/2", 7)] {
            found.add(&detection(name, Component::Antivirus), file, time);
        }
        let list: Vec<_> = found
            .threats()
            .iter()
            .map(|threat| (threat.name(), threat.time, threat.files.join(" ")))
            .collect();
        assert_eq!(list, [("x", 5, "/1 /2".to_owned()), ("y", 6, "/1".to_owned())]);
    }

    #[test]
    fn a_name_that_antivirus_and_other_definitions_know_has_two_numbers() {
        let mut found = Found::default();
        for component in [Component::Antivirus, Component::Antispyware, Component::Nis] {
            found.add(&detection("x", component), "/1", 1);
        }
        assert_eq!(found.count(), 2);
        assert_eq!(found.threats()[0].id, found.threats()[1].id | 1 << 31);
    }

    #[test]
    fn what_was_given_out_stays_as_it_was() {
        let mut found = Found::default();
        found.add(&detection("x", Component::Nis), "/1", 1);
        let before = found.threats().to_vec();
        found.add(&detection("x", Component::Nis), "/2", 2);
        assert_eq!((before[0].files.len(), found.threats()[0].files.len()), (1, 2));
    }
}
