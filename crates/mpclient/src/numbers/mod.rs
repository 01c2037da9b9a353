//! Every number of the API, by the name that it has in `MpClient.h`, with where it comes from.
//!
//! Microsoft documents the names of all and the values of many. The rest have never been published:
//! some have been seen in public programs, and for the others a value had to be chosen. Which is
//! which is part of the table, so that one correction here (and in the header, which a test compares)
//! corrects everything.

mod callback;
mod notify;
mod scan;
mod status;
mod threat;
mod update;

pub use callback::*;
pub use notify::*;
pub use scan::*;
pub use status::*;
pub use threat::*;
pub use update::*;

/// Where a number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Microsoft documents it.
    Documented,
    /// Microsoft documents the name; public programs agree on the value.
    Seen,
    /// Microsoft documents the name; the value is ours.
    Ours,
}

/// One number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// Its name in the header.
    pub name: &'static str,
    /// Its value.
    pub value: u32,
    /// Where the value comes from.
    pub origin: Origin,
}

/// A group of numbers: constants, and a table of them. Each part names its origin.
macro_rules! numbers {
    ($table:ident: $($origin:ident { $($name:ident = $value:expr,)* })*) => {
        $($(
            #[doc = concat!("`", stringify!($name), "`")]
            pub const $name: u32 = $value;
        )*)*
        /// The numbers of this group.
        pub(super) const $table: &[$crate::numbers::Number] = &[$($($crate::numbers::Number {
            name: stringify!($name),
            value: $name,
            origin: $crate::numbers::Origin::$origin,
        },)*)*];
    };
}
use numbers;

/// Every number.
pub fn all() -> impl Iterator<Item = &'static Number> {
    let groups = [
        update::NUMBERS,
        notify::NUMBERS,
        callback::NUMBERS,
        scan::NUMBERS,
        status::NUMBERS,
        threat::NUMBERS,
    ];
    groups.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_stands_once() {
        let names: BTreeSet<_> = all().map(|number| number.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(names.len() > 250);
    }

    #[test]
    fn no_two_notifications_share_a_number() {
        let values: BTreeSet<_> = notify::NUMBERS.iter().map(|number| number.value).collect();
        assert_eq!(values.len(), notify::NUMBERS.len());
    }

    #[test]
    fn update_options_are_single_bits_and_do_not_overlap() {
        let options = [
            MPUPDATE_OPTION_ASYNC,
            MPUPDATE_OPTION_PROGRESS,
            MPUPDATE_OPTION_HTTP,
            MPUPDATE_OPTION_UNC,
            MPUPDATE_OPTION_MANAGED,
            MPUPDATE_OPTION_UNMANAGED,
        ];
        assert!(options.iter().all(|option| option.is_power_of_two()));
        assert_eq!(options.iter().fold(0, |all, option| all | option), 0x3F);
    }
}
