//! The independently versioned sets of definitions.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// One independently versioned set of definitions.
///
/// The names follow the signature types of the documented API: antivirus, antispyware and
/// network inspection (`MP_SIGNATURE_TYPE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Component {
    /// Viruses and other malware.
    Antivirus,
    /// Spyware and potentially unwanted software.
    Antispyware,
    /// Network inspection.
    Nis,
}

impl Component {
    /// Every component, in the order in which updates and reports list them.
    pub const ALL: [Self; 3] = [Self::Antivirus, Self::Antispyware, Self::Nis];

    /// The name used in folders, targets and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Antivirus => "antivirus",
            Self::Antispyware => "antispyware",
            Self::Nis => "nis",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a component: use antivirus, antispyware or nis")]
pub struct UnknownComponent(pub String);

impl FromStr for Component {
    type Err = UnknownComponent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|c| c.as_str() == text).ok_or_else(|| UnknownComponent(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for component in Component::ALL {
            assert_eq!(component.as_str().parse(), Ok(component));
        }
        assert!("Antivirus".parse::<Component>().is_err());
    }
}
