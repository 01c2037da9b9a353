//! Which versions are in use: what `MpManagerVersionQuery` answers.

use crate::{Manager, error::Result};
use booster_definitions::{Component, Version};
use booster_store::Installed;
use jiff::Timestamp;

/// One component's version, and when it was last updated on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComponentVersion {
    /// The version.
    pub version: Version,
    /// When it was last updated; nothing where that is not known.
    pub updated: Option<Timestamp>,
}

/// The versions in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// This library, which is the service as well.
    pub product: ComponentVersion,
    /// The engine in this library.
    pub engine: ComponentVersion,
    /// The installed antivirus definitions.
    pub antivirus: Option<ComponentVersion>,
    /// The installed antispyware definitions.
    pub antispyware: Option<ComponentVersion>,
    /// The installed definitions of network inspection.
    pub nis: Option<ComponentVersion>,
}

/// The version of this library.
pub const PRODUCT_VERSION: Version = Version([
    number(env!("CARGO_PKG_VERSION_MAJOR")),
    number(env!("CARGO_PKG_VERSION_MINOR")),
    number(env!("CARGO_PKG_VERSION_PATCH")),
    0,
]);

const fn number(text: &str) -> u16 {
    match u16::from_str_radix(text, 10) {
        Ok(number) => number,
        // At compile time: the version of the package is no version of the API.
        Err(_) => panic!("a part of the package's version is no 16-bit number"),
    }
}

impl Manager {
    /// The versions in use.
    ///
    /// # Errors
    /// The settings cannot be used, or the data folder cannot be read.
    pub fn versions(&self) -> Result<Versions> {
        let current = self.settings()?.store().current()?;
        Ok(Versions::of(current.as_ref()))
    }
}

impl Versions {
    fn of(current: Option<&Installed>) -> Self {
        // When this library was installed is known to nobody here.
        let part_of_library = |version| ComponentVersion { version, updated: None };
        let installed = |component| {
            let installed = current?.component(component)?;
            Some(ComponentVersion { version: installed.manifest.version, updated: Some(installed.installed) })
        };
        Self {
            product: part_of_library(PRODUCT_VERSION),
            engine: part_of_library(booster_engine::ENGINE_VERSION),
            antivirus: installed(Component::Antivirus),
            antispyware: installed(Component::Antispyware),
            nis: installed(Component::Nis),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_installed_the_library_still_has_its_versions() {
        let versions = Versions::of(None);
        assert_eq!(versions.product.version.to_string(), concat!(env!("CARGO_PKG_VERSION"), ".0"));
        assert_eq!(versions.engine.version, booster_engine::ENGINE_VERSION);
        assert_eq!((versions.antivirus, versions.antispyware, versions.nis), (None, None, None));
    }
}
