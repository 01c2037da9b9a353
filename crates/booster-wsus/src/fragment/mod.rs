//! What an update says about itself: pieces of XML with several elements at their top, which travel as
//! text inside messages.
//!
//! Their elements are in no namespace, and prefixes are written with a dot. Rules, and everything that an
//! update wants to have run, are passed over unread: here an update is its names and its files.

mod core;
mod extended;
mod localized;

pub use self::{
    core::{Core, Prerequisite, UpdateKind},
    extended::{Extended, File},
    localized::Localized,
};

use crate::{Limits, Reader, XmlError};

/// Visits the elements at the top of a fragment.
fn read(
    fragment: &str,
    limits: &Limits,
    visit: impl FnMut(&mut Reader<'_>, &str) -> Result<(), XmlError>,
) -> Result<(), XmlError> {
    Reader::new(fragment.trim_start().as_bytes(), limits)?.children(visit)
}
