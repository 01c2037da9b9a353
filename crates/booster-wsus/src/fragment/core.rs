//! The core fragment: what an update is, and how it stands to others.

use crate::{Limits, Reader, UpdateIdentity, Uuid, Writer, XmlError};
use std::str::FromStr;

/// What an update is, and how it stands to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    /// The update and its revision.
    pub identity: UpdateIdentity,
    /// What it is.
    pub kind: UpdateKind,
    /// Updates that it takes the place of.
    pub superseded: Vec<Uuid>,
    /// What has to be installed before it: all of these.
    pub prerequisites: Vec<Prerequisite>,
    /// Updates that it is made of: of each group one.
    pub bundled: Vec<Vec<UpdateIdentity>>,
}

/// What an update is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpdateKind {
    /// Software, or definitions.
    Software,
    /// A driver.
    Driver,
    /// A product, a classification, or what they belong to.
    Category,
    /// A question to the machine.
    Detectoid,
}

/// What has to be installed before an update: one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prerequisite {
    /// The alternatives.
    pub any_of: Vec<Uuid>,
    /// Whether it says that the update belongs to that category.
    pub is_category: bool,
}

impl UpdateKind {
    const NAMES: [(&'static str, Self); 4] = [
        ("Software", Self::Software),
        ("Driver", Self::Driver),
        ("Category", Self::Category),
        ("Detectoid", Self::Detectoid),
    ];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

impl FromStr for UpdateKind {
    type Err = XmlError;

    fn from_str(text: &str) -> Result<Self, XmlError> {
        let known = Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        known.ok_or_else(|| XmlError::value("UpdateType", text, "a type of update"))
    }
}

impl Core {
    /// Reads a fragment.
    ///
    /// # Errors
    /// It is none, or goes over a limit.
    pub fn read(fragment: &str, limits: &Limits) -> Result<Self, XmlError> {
        let (mut identity, mut kind) = (None, None);
        let (mut superseded, mut prerequisites, mut bundled) = (Vec::new(), Vec::new(), Vec::new());
        super::read(fragment, limits, |reader, name| {
            match name {
                "UpdateIdentity" if identity.is_none() => identity = Some(read_identity(reader)?),
                "Properties" => kind = reader.attribute_value("UpdateType", "a type of update")?,
                "Relationships" => reader.children(|reader, name| {
                    match name {
                        "SupersededUpdates" => superseded = reader.list("UpdateIdentity", update)?,
                        "Prerequisites" => prerequisites = read_prerequisites(reader)?,
                        "BundledUpdates" => bundled = read_bundled(reader)?,
                        _ => {}
                    }
                    Ok(())
                })?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self {
            identity: identity.ok_or(XmlError::Missing("UpdateIdentity"))?,
            kind: kind.ok_or(XmlError::Missing("UpdateType"))?,
            superseded,
            prerequisites,
            bundled,
        })
    }

    /// Whether it belongs to one of these categories.
    pub fn belongs_to(&self, categories: &[Uuid]) -> bool {
        self.prerequisites.iter().any(|clause| clause.any_of.iter().any(|one| categories.contains(one)))
    }

    /// Writes the fragment, with rules that say whether the update is installed.
    pub fn write(&self, is_installed: bool) -> String {
        let mut writer = Writer::default();
        let Self { identity, kind, superseded, prerequisites, bundled } = self;
        put_identity(&mut writer, *identity);
        let explicit = if *kind == UpdateKind::Software { "true" } else { "false" };
        let properties = [("UpdateType", kind.as_str()), ("ExplicitlyDeployable", explicit)];
        writer.empty("Properties", &properties);
        if !(superseded.is_empty() && prerequisites.is_empty() && bundled.is_empty()) {
            writer.element("Relationships", |writer| {
                write_list(writer, "SupersededUpdates", superseded, |writer, id| put_update(writer, *id));
                write_list(writer, "Prerequisites", prerequisites, Prerequisite::put);
                write_list(writer, "BundledUpdates", bundled, |writer, group| {
                    writer.element("AtLeastOne", |writer| {
                        group.iter().for_each(|member| put_identity(writer, *member));
                    });
                });
            });
        }
        let rule = if is_installed { "True" } else { "False" };
        writer.element("ApplicabilityRules", |writer| {
            writer.element("IsInstalled", |writer| writer.empty(rule, &[]));
            if *kind == UpdateKind::Software {
                writer.element("IsInstallable", |writer| writer.empty("True", &[]));
            }
        });
        writer.finish()
    }
}

impl Prerequisite {
    /// One update.
    pub fn on(update: Uuid) -> Self {
        Self { any_of: vec![update], is_category: false }
    }

    /// One category that the update belongs to.
    pub fn category(category: Uuid) -> Self {
        Self { any_of: vec![category], is_category: true }
    }

    fn put(writer: &mut Writer, clause: &Self) {
        match clause.any_of.as_slice() {
            [one] if !clause.is_category => put_update(writer, *one),
            all => {
                let attributes: &[_] = if clause.is_category { &[("IsCategory", "true")] } else { &[] };
                writer.tagged("AtLeastOne", attributes, |writer| {
                    all.iter().for_each(|one| put_update(writer, *one));
                });
            }
        }
    }
}

fn write_list<T>(writer: &mut Writer, name: &str, items: &[T], write: impl FnMut(&mut Writer, &T)) {
    if !items.is_empty() {
        writer.list(name, items, write);
    }
}

fn put_update(writer: &mut Writer, update: Uuid) {
    writer.empty("UpdateIdentity", &[("UpdateID", &update.to_string())]);
}

fn put_identity(writer: &mut Writer, identity: UpdateIdentity) {
    let (update, revision) = (identity.update.to_string(), identity.revision.to_string());
    writer.empty("UpdateIdentity", &[("UpdateID", &update), ("RevisionNumber", &revision)]);
}

fn update(reader: &mut Reader<'_>) -> Result<Uuid, XmlError> {
    reader.attribute_value("UpdateID", "a GUID")?.ok_or(XmlError::Missing("UpdateID"))
}

fn read_identity(reader: &mut Reader<'_>) -> Result<UpdateIdentity, XmlError> {
    let revision = reader.attribute_value("RevisionNumber", "an integer")?.unwrap_or(0);
    Ok(UpdateIdentity { update: update(reader)?, revision })
}

fn read_prerequisites(reader: &mut Reader<'_>) -> Result<Vec<Prerequisite>, XmlError> {
    let mut clauses = Vec::new();
    reader.children(|reader, name| {
        match name {
            "UpdateIdentity" => clauses.push(Prerequisite::on(update(reader)?)),
            "AtLeastOne" => {
                let is_category = reader.attribute("IsCategory")?.is_some_and(|value| value == "true");
                clauses.push(Prerequisite { any_of: reader.list("UpdateIdentity", update)?, is_category });
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(clauses)
}

fn read_bundled(reader: &mut Reader<'_>) -> Result<Vec<Vec<UpdateIdentity>>, XmlError> {
    let mut groups = Vec::new();
    reader.children(|reader, name| {
        match name {
            "UpdateIdentity" => groups.push(vec![read_identity(reader)?]),
            "AtLeastOne" => groups.push(reader.list("UpdateIdentity", read_identity)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(groups)
}
