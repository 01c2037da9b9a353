//! Which release is for which machines: decisions, and a rule for what nobody has decided.

use booster_definitions::{Component, Version};
use jiff::Timestamp;
use serde::Serialize;
use std::{collections::HashMap, fmt, str::FromStr};

/// A release, by its component and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReleaseKey {
    /// The component.
    pub component: Component,
    /// The version.
    pub version: Version,
}

impl fmt::Display for ReleaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.component, self.version)
    }
}

impl FromStr for ReleaseKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (component, version) = text.split_once(' ').ok_or(())?;
        Ok(Self { component: component.parse().map_err(|_| ())?, version: version.parse().map_err(|_| ())? })
    }
}

/// What an administrator has decided about a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "decision")]
pub enum Decision {
    /// Machines get it.
    Approved {
        /// By when they are to have it, whatever the publisher's roll-out says.
        #[serde(skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
    },
    /// Machines do not get it.
    Declined,
}

/// What becomes of releases that nobody has decided about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rule {
    /// Machines get them. Definitions are worth most when they are new.
    #[default]
    Automatic,
    /// Machines wait for a decision.
    ByHand,
}

/// Whether machines of a group get a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They do.
    Approved {
        /// By when they are to have it.
        deadline: Option<Timestamp>,
    },
    /// They do not, or not yet.
    Withheld,
}

/// Every decision that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approvals(HashMap<(ReleaseKey, Option<String>), Decision>);

impl Approvals {
    /// Notes a decision for a group, or for all machines.
    pub fn insert(&mut self, release: ReleaseKey, group: Option<String>, decision: Decision) {
        self.0.insert((release, group), decision);
    }

    /// Every decision, by release and group.
    pub fn iter(&self) -> impl Iterator<Item = (ReleaseKey, Option<&str>, Decision)> {
        self.0.iter().map(|((release, group), decision)| (*release, group.as_deref(), *decision))
    }

    /// Whether machines of a group get a release: what was decided for the group, else what was for all, else
    /// the rule.
    pub fn verdict(&self, release: ReleaseKey, group: &str, rule: Rule) -> Verdict {
        let own = self.0.get(&(release, Some(group.to_owned())));
        match (own.or_else(|| self.0.get(&(release, None))), rule) {
            (Some(Decision::Approved { deadline }), _) => Verdict::Approved { deadline: *deadline },
            (Some(Decision::Declined), _) | (None, Rule::ByHand) => Verdict::Withheld,
            (None, Rule::Automatic) => Verdict::Approved { deadline: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_groups_own_decision_comes_before_that_for_all_and_the_rule_comes_last() {
        let release = ReleaseKey { component: Component::Nis, version: Version([1, 0, 0, 0]) };
        let deadline = Some(Timestamp::UNIX_EPOCH);
        let approved = Verdict::Approved { deadline: None };
        let mut approvals = Approvals::default();
        assert_eq!(approvals.verdict(release, "a", Rule::Automatic), approved);
        assert_eq!(approvals.verdict(release, "a", Rule::ByHand), Verdict::Withheld);
        approvals.insert(release, None, Decision::Declined);
        assert_eq!(approvals.verdict(release, "a", Rule::Automatic), Verdict::Withheld);
        approvals.insert(release, Some("a".into()), Decision::Approved { deadline });
        assert_eq!(approvals.verdict(release, "a", Rule::ByHand), Verdict::Approved { deadline });
        assert_eq!(approvals.verdict(release, "b", Rule::Automatic), Verdict::Withheld);
    }

    #[test]
    fn a_release_is_read_as_it_is_written() {
        let release = ReleaseKey { component: Component::Nis, version: Version([1, 2, 3, 4]) };
        assert_eq!(release.to_string().parse(), Ok(release));
        for text in ["", "nis", "nis 1.2", "other 1.2.3.4", "nis/1.2.3.4"] {
            assert!(text.parse::<ReleaseKey>().is_err(), "{text}");
        }
    }
}
