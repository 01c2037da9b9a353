//! Which versions are in use: what `MpManagerVersionQuery` answers.

use crate::{Manager, error::Result, service};
use booster_definitions::{Component, Version};
use booster_service::{status::Status, wire::generated::VersionReply};
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
    /// This library.
    pub product: ComponentVersion,
    /// The service; where none answers, this library, which is the service then.
    pub service: ComponentVersion,
    /// The engine, the service's or that in this library.
    pub engine: ComponentVersion,
    /// The antivirus definitions.
    pub antivirus: Option<ComponentVersion>,
    /// The antispyware definitions.
    pub antispyware: Option<ComponentVersion>,
    /// The definitions of network inspection.
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
    /// The versions in use: those that the service's engine has confirmed that it uses, where a service answers;
    /// else what is installed.
    ///
    /// # Errors
    /// The settings cannot be used, the data folder cannot be read, or a service that has to be used is not there.
    pub fn versions(&self) -> Result<Versions> {
        let settings = self.settings()?;
        let served = service::ask(&settings, async |mut client| {
            Ok(Versions::of_service(&client.version().await?, &client.status().await?))
        })?;
        match served {
            Some(versions) => Ok(versions),
            None => Ok(Versions::of(settings.store().current()?.as_ref())),
        }
    }
}

impl Versions {
    fn of(current: Option<&Installed>) -> Self {
        let installed = |component| {
            let installed = current?.component(component)?;
            Some(ComponentVersion { version: installed.manifest.version, updated: Some(installed.installed) })
        };
        Self::with(PRODUCT_VERSION, booster_engine::ENGINE_VERSION, installed)
    }

    fn of_service(versions: &VersionReply, status: &Status) -> Self {
        let in_use = |name| {
            let component = status.components.iter().find(|component| component.name == name)?;
            let version = component.in_use?;
            // Only what is installed has its time told.
            let updated = (version == component.version).then_some(component.installed);
            Some(ComponentVersion { version, updated })
        };
        Self::with(of_package(&versions.service), status.engine, in_use)
    }

    fn with(
        service: Version,
        engine: Version,
        component: impl Fn(Component) -> Option<ComponentVersion>,
    ) -> Self {
        // When a program was installed is known to nobody here.
        let program = |version| ComponentVersion { version, updated: None };
        Self {
            product: program(PRODUCT_VERSION),
            service: program(service),
            engine: program(engine),
            antivirus: component(Component::Antivirus),
            antispyware: component(Component::Antispyware),
            nis: component(Component::Nis),
        }
    }
}

/// A package's version, such as `1.2.3` or `1.2.3-rc.1`, as the API has versions; what cannot be told is 0.
fn of_package(text: &str) -> Version {
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let mut parts = [0; 4];
    for (part, number) in parts.iter_mut().zip(numbers.split('.')) {
        *part = number.parse().unwrap_or_default();
    }
    Version(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_a_version_of_four_numbers() {
        for (text, version) in [("1.2.3", [1, 2, 3, 0]), ("1.20.3-rc.1", [1, 20, 3, 0]), ("", [0; 4])] {
            assert_eq!(of_package(text), Version(version), "{text}");
        }
    }

    #[test]
    fn where_nothing_is_installed_the_library_still_has_its_versions() {
        let versions = Versions::of(None);
        assert_eq!(versions.product.version.to_string(), concat!(env!("CARGO_PKG_VERSION"), ".0"));
        assert_eq!(versions.service, versions.product);
        assert_eq!(versions.engine.version, booster_engine::ENGINE_VERSION);
        assert_eq!((versions.antivirus, versions.antispyware, versions.nis), (None, None, None));
    }
}
