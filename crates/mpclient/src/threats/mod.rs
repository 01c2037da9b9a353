//! Threats that scans have found: `MpThreatOpen`, `MpThreatEnumerate` and `MpThreatQuery`, for Rust.
//!
//! A threat is known by its name, has a number that is made of the name, and lists the files in which
//! one scan found it. Definitions say no more of a threat than its name, so its category and its
//! severity are not known, and nothing is made up.

mod found;
mod words;

pub(crate) use found::Found;
pub use words::Words;

use crate::{
    Error, Hresult,
    error::Result,
    numbers::{
        MPTHREAT_SOURCE_MAXVALUE, MPTHREAT_SOURCE_SCAN, MPTHREAT_TYPE_KNOWNBAD, MPTHREAT_TYPE_MAXVALUE,
    },
};
use booster_definitions::{Component, Digest};
use booster_engine::Detection;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Set in the number of a threat that antivirus definitions have found.
const ANTIVIRUS: u32 = 1 << 31;

/// A threat, and where a scan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threat {
    /// Its number, see [`id_of`].
    pub id: u32,
    /// What has found it first.
    pub found_by: Detection,
    /// When it was found first, as a FILETIME.
    pub time: u64,
    /// The files in which it was found, by their absolute paths.
    pub files: Vec<String>,
}

/// The number of a threat: the first 31 bits of the SHA-256 of its name in UTF-8, below a bit that is
/// set for the component `antivirus`. It is the same on every machine and at any time.
pub fn id_of(name: &str, component: Component) -> u32 {
    let digest = Digest::of(name.as_bytes());
    let [a, b, c, d, ..] = *digest.as_bytes();
    let antivirus = if component == Component::Antivirus { ANTIVIRUS } else { 0 };
    u32::from_be_bytes([a, b, c, d]) >> 1 | antivirus
}

impl Threat {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.found_by.threat
    }
}

/// Which threats are asked for (`MPTHREAT_TYPE`). All that are found are known bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreatType(u32);

impl ThreatType {
    /// Those that a definition knows as bad.
    pub const KNOWN_BAD: Self = Self(MPTHREAT_TYPE_KNOWNBAD);

    /// Reads an `MPTHREAT_TYPE`.
    ///
    /// # Errors
    /// `E_INVALIDARG` for a number that is none.
    pub fn from_number(number: u32) -> Result<Self> {
        if number > MPTHREAT_TYPE_MAXVALUE {
            return Err(Error::new(Hresult::E_INVALIDARG, format!("{number} is no type of threats")));
        }
        Ok(Self(number))
    }
}

/// Accepts the source of a list of threats (`MPTHREAT_SOURCE`): a scan. No others are kept.
///
/// # Errors
/// `ERROR_MP_NOT_SUPPORTED` for the other sources, `E_INVALIDARG` for a number that is none.
pub fn check_source(source: u32) -> Result<()> {
    if source > MPTHREAT_SOURCE_MAXVALUE {
        return Err(Error::new(Hresult::E_INVALIDARG, format!("{source} is no source of threats")));
    }
    if source == MPTHREAT_SOURCE_SCAN { Ok(()) } else { Err(Hresult::ERROR_MP_NOT_SUPPORTED.into()) }
}

/// A list of threats as they were when it was opened, given out one after another.
#[derive(Debug, Default)]
pub struct Threats {
    list: Vec<Arc<Threat>>,
    next: AtomicUsize,
}

impl Threats {
    pub(crate) fn new(list: Vec<Arc<Threat>>, wanted: ThreatType) -> Self {
        let list = if wanted == ThreatType::KNOWN_BAD { list } else { Vec::new() };
        Self { list, next: AtomicUsize::new(0) }
    }

    /// The next threat; each is given once, whichever threads ask.
    pub fn next(&self) -> Option<Arc<Threat>> {
        // It stops at the end, so that it never begins anew.
        let after = |index: usize| (index < self.list.len()).then_some(index + 1);
        let index = self.next.fetch_update(Relaxed, Relaxed, after).ok()?;
        self.list.get(index).cloned()
    }

    /// The threat with this number, whether it was given or not.
    pub fn find(&self, id: u32) -> Option<Arc<Threat>> {
        self.list.iter().find(|threat| threat.id == id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threat(name: &str) -> Arc<Threat> {
        let component = Component::Antivirus;
        let found_by = Detection {
            threat: name.into(),
            file: "a.yar".into(),
            rule: None,
            component,
            version: Default::default(),
        };
        Arc::new(Threat { id: id_of(name, component), found_by, time: 0, files: Vec::new() })
    }

    #[test]
    fn a_number_is_made_of_the_name_and_says_whether_antivirus_definitions_found_it() {
        // The SHA-256 of "abc" begins with BA7816BF.
        assert_eq!(id_of("abc", Component::Antispyware), 0xBA78_16BF >> 1);
        assert_eq!(id_of("abc", Component::Nis), 0xBA78_16BF >> 1);
        assert_eq!(id_of("abc", Component::Antivirus), 0xBA78_16BF >> 1 | 0x8000_0000);
    }

    #[test]
    fn each_threat_is_given_once_and_then_no_more_for_ever() {
        let list = Threats::new(vec![threat("a"), threat("b")], ThreatType::KNOWN_BAD);
        let names: Vec<_> = (0..5).map(|_| list.next().map(|threat| threat.name().to_owned())).collect();
        assert_eq!(names, [Some("a".into()), Some("b".into()), None, None, None]);
        assert!(list.find(threat("b").id).is_some() && list.find(1).is_none());
    }

    #[test]
    fn only_what_is_known_as_bad_is_found() {
        let wanted = |number| ThreatType::from_number(number).unwrap();
        for number in 1..=4 {
            assert!(Threats::new(vec![threat("a")], wanted(number)).next().is_none(), "{number}");
        }
        assert!(Threats::new(vec![threat("a")], wanted(0)).next().is_some());
        assert_eq!(ThreatType::from_number(5).unwrap_err().code, Hresult::E_INVALIDARG);
    }

    #[test]
    fn lists_are_those_of_scans() {
        assert!(check_source(0).is_ok());
        for source in 1..=5 {
            assert_eq!(check_source(source).unwrap_err().code, Hresult::ERROR_MP_NOT_SUPPORTED);
        }
        assert_eq!(check_source(6).unwrap_err().code, Hresult::E_INVALIDARG);
        assert_eq!(check_source(u32::MAX).unwrap_err().code, Hresult::E_INVALIDARG);
    }
}
