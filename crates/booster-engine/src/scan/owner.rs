//! Names of users, from `/etc/passwd`, read once.
//!
//! Users of a directory service are not there; their files have no owner for rules. Asking the
//! name service would need its C library in every scanning thread.

use std::{collections::BTreeMap, sync::OnceLock};

/// The name of a user, empty when it is unknown.
pub(super) fn name(uid: u32) -> String {
    static NAMES: OnceLock<BTreeMap<u32, String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| parse(&std::fs::read_to_string("/etc/passwd").unwrap_or_default()));
    names.get(&uid).cloned().unwrap_or_default()
}

fn parse(passwd: &str) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    for line in passwd.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(uid)) = (fields.next(), fields.nth(1).and_then(|uid| uid.parse().ok())) {
            names.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_name_of_a_user_counts_and_other_lines_do_not() {
        let names =
            super::parse("root:x:0:0::/root:/bin/sh\ntoor:x:0:0:::\n# note\nweb:x:33:33:::\nbad:x:y:1\n");
        assert_eq!(names.len(), 2);
        assert_eq!((names[&0].as_str(), names[&33].as_str()), ("root", "web"));
    }
}
