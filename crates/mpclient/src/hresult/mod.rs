//! HRESULT: the one number that a call returns.
//!
//! Each code that this library returns, and each that the documentation of the API names, is a
//! constant of [`Hresult`] with its name and a sentence for people ([`Code`]). The tables are by
//! family; where a code's value comes from is said at the head of each.

mod antimalware;
mod general;
mod system;
mod windows_update;

use std::fmt;

/// A result code: negative for failures.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct Hresult(i32);

/// What is known of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code.
    pub hresult: Hresult,
    /// Its name, as it stands in the documentation.
    pub name: &'static str,
    /// What it means and what can be done, in words.
    pub sentence: &'static str,
}

/// A family of codes: constants, and a table of them.
macro_rules! codes {
    ($table:ident: $($name:ident = $bits:literal, $sentence:literal;)*) => {
        impl $crate::Hresult {
            $(
                #[doc = $sentence]
                // Brackets in a sentence are tables of the settings, not links.
                #[allow(rustdoc::broken_intra_doc_links)]
                pub const $name: Self = Self::from_bits($bits);
            )*
        }
        /// The codes of this family.
        pub(super) const $table: &[$crate::hresult::Code] = &[$($crate::hresult::Code {
            hresult: $crate::Hresult::$name,
            name: stringify!($name),
            sentence: $sentence,
        }),*];
    };
}
use codes;

/// Every known code.
pub fn all() -> impl Iterator<Item = &'static Code> {
    [general::CODES, antimalware::CODES, windows_update::CODES, system::CODES].into_iter().flatten()
}

impl Hresult {
    /// The code with this bit pattern, as documentation writes it (`0x80070652`).
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits as i32)
    }

    /// The code that stands for a Win32 error number, as `HRESULT_FROM_WIN32` makes it.
    pub const fn from_win32(number: u16) -> Self {
        Self::from_bits(if number == 0 { 0 } else { 0x8007_0000 | number as u32 })
    }

    /// As it travels over the C ABI.
    pub const fn code(self) -> i32 {
        self.0
    }

    /// The bit pattern.
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// Whether it stands for a failure.
    pub const fn is_failure(self) -> bool {
        self.0 < 0
    }

    /// The Win32 error number inside, where the code is one of those.
    pub const fn win32(self) -> Option<u16> {
        if self.bits() & 0xFFFF_0000 == 0x8007_0000 { Some(self.bits() as u16) } else { None }
    }

    /// What is known of it.
    pub fn known(self) -> Option<&'static Code> {
        all().find(|code| code.hresult == self)
    }
}

impl From<i32> for Hresult {
    fn from(code: i32) -> Self {
        Self(code)
    }
}

impl fmt::Display for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08X}", self.bits())
    }
}

impl fmt::Debug for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some(code) => write!(f, "{self} ({})", code.name),
            None => fmt::Display::fmt(self, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_stands_once_and_has_a_sentence() {
        let (mut codes, mut names) = (BTreeSet::new(), BTreeSet::new());
        for code in all() {
            assert!(codes.insert(code.hresult.bits()), "{:?} stands twice", code.hresult);
            assert!(names.insert(code.name), "{} stands twice", code.name);
            let ends = code.sentence.ends_with('.');
            assert!(ends && code.sentence.len() > 15, "{}: {:?}", code.name, code.sentence);
        }
        assert!(codes.len() > 100);
    }

    #[test]
    fn a_code_knows_the_win32_number_inside() {
        assert_eq!(Hresult::from_win32(1618), Hresult::ERROR_INSTALL_ALREADY_RUNNING);
        assert_eq!(Hresult::ERROR_INSTALL_ALREADY_RUNNING.win32(), Some(1618));
        assert_eq!(Hresult::from_win32(0), Hresult::S_OK);
        assert_eq!((Hresult::S_OK.win32(), Hresult::E_UNEXPECTED.win32()), (None, None));
        assert!(Hresult::E_FAIL.is_failure() && !Hresult::S_FALSE.is_failure());
        assert_eq!(format!("{:?}", Hresult::E_FAIL), "0x80004005 (E_FAIL)");
    }
}
