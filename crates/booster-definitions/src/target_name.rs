//! The names of a repository's targets: one place that makes them and reads them.

use crate::{Component, Version};
use std::{fmt, str::FromStr};

/// What a target is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetName {
    /// A release's manifest: `antivirus/1.2.3.4.release.json`.
    Manifest(Component, Version),
    /// A release's archive, compressed whole: `antivirus/1.2.3.4.tar.zst`.
    Full(Component, Version),
    /// A patch from the archive of an earlier release, the base: `antivirus/1.2.3.4.from-1.2.3.3.patch`.
    Patch {
        /// The component.
        component: Component,
        /// The release that it leads to.
        version: Version,
        /// The release that it starts from.
        base: Version,
    },
}

/// A target that is not named as Booster names its own. Other tools may have theirs beside ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of a manifest, an archive or a patch")]
pub struct ForeignTarget(pub String);

impl TargetName {
    /// The component that the target belongs to.
    pub const fn component(self) -> Component {
        match self {
            Self::Manifest(component, _) | Self::Full(component, _) | Self::Patch { component, .. } => {
                component
            }
        }
    }

    /// The release that the target belongs to; of a patch, the one that it leads to.
    pub const fn version(self) -> Version {
        match self {
            Self::Manifest(_, version) | Self::Full(_, version) | Self::Patch { version, .. } => version,
        }
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest(component, version) => write!(f, "{component}/{version}.release.json"),
            Self::Full(component, version) => write!(f, "{component}/{version}.tar.zst"),
            Self::Patch { component, version, base } => write!(f, "{component}/{version}.from-{base}.patch"),
        }
    }
}

impl FromStr for TargetName {
    type Err = ForeignTarget;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        parse(name).ok_or_else(|| ForeignTarget(name.to_owned()))
    }
}

fn parse(name: &str) -> Option<TargetName> {
    let (component, file) = name.split_once('/')?;
    let component: Component = component.parse().ok()?;
    if let Some(version) = file.strip_suffix(".release.json") {
        return Some(TargetName::Manifest(component, version.parse().ok()?));
    }
    if let Some(version) = file.strip_suffix(".tar.zst") {
        return Some(TargetName::Full(component, version.parse().ok()?));
    }
    let (version, base) = file.strip_suffix(".patch")?.split_once(".from-")?;
    Some(TargetName::Patch { component, version: version.parse().ok()?, base: base.parse().ok()? })
}

/// The target that holds a release's manifest.
pub fn manifest_target(component: Component, version: Version) -> String {
    TargetName::Manifest(component, version).to_string()
}

/// The target that holds a release's archive, compressed whole.
pub fn full_target(component: Component, version: Version) -> String {
    TargetName::Full(component, version).to_string()
}

/// The target that holds the patch to a release from an earlier one.
pub fn patch_target(component: Component, version: Version, base: Version) -> String {
    TargetName::Patch { component, version, base }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_made() {
        let (component, version, base) = (Component::Nis, Version([1, 2, 3, 4]), Version([1, 2, 3, 3]));
        for (name, text) in [
            (TargetName::Manifest(component, version), "nis/1.2.3.4.release.json"),
            (TargetName::Full(component, version), "nis/1.2.3.4.tar.zst"),
            (TargetName::Patch { component, version, base }, "nis/1.2.3.4.from-1.2.3.3.patch"),
        ] {
            assert_eq!(name.to_string(), text);
            assert_eq!(text.parse(), Ok(name));
            assert_eq!((name.component(), name.version()), (component, version));
        }
    }

    #[test]
    fn other_names_are_not_ours() {
        for text in [
            "",
            "nis",
            "nis/release.json",
            "other/1.2.3.4.release.json",
            "nis/1.2.3.release.json",
            "nis/1.2.3.4.from-1.2.3.patch",
            "nis/1.2.3.4.patch",
            "nis/x/1.2.3.4.tar.zst",
            "nis/01.2.3.4.tar.zst",
        ] {
            assert!(text.parse::<TargetName>().is_err(), "{text}");
        }
    }
}
