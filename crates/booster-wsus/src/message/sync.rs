//! `SyncUpdates`, with `StartCategoryScan` before it and `RefreshCache` beside it: what there is for a
//! machine.

use super::{
    Cookie, GUID, INTEGER,
    authorize::{read_cookie, write_cookie},
    inside,
};
use crate::{
    Call, Read, Reader, Service, UpdateIdentity, Uuid, Write, Writer, XmlError,
    time::{read_time, write_time},
};
use jiff::Timestamp;
use std::str::FromStr;

/// Asks for the updates that the machine does not know yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncUpdates {
    /// The cookie.
    pub cookie: Cookie,
    /// What the machine knows and has.
    pub parameters: SyncParameters,
}

/// What a machine knows and has, by the server's own revision ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncParameters {
    /// Updates that others have as a prerequisite, and that are installed here.
    pub installed_non_leaf: Vec<i32>,
    /// All others that are known.
    pub other_cached: Vec<i32>,
    /// Whether it is the pass for drivers.
    pub is_driver_pass: bool,
    /// Whether software is not asked for.
    pub skip_software_sync: bool,
    /// Only updates of these categories.
    pub filter_categories: Vec<Uuid>,
}

/// What there is for a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncResult {
    /// Updates that it does not know.
    pub new_updates: Vec<UpdateInfo>,
    /// Revisions that it has to forget.
    pub out_of_scope: Vec<i32>,
    /// Updates that it knows, with another deployment.
    pub changed_updates: Vec<UpdateInfo>,
    /// Whether there is more.
    pub is_truncated: bool,
    /// The cookie to show from now on.
    pub new_cookie: Option<Cookie>,
}

/// One revision of an update, and what is to become of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateInfo {
    /// The revision's id, which means something to this server alone.
    pub id: i32,
    /// What is to become of it.
    pub deployment: Option<Deployment>,
    /// Whether no other update has it as a prerequisite.
    pub is_leaf: bool,
    /// The core fragment: see [`fragment::Core`](crate::fragment::Core).
    pub xml: Option<String>,
}

/// What is to become of an update.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployment {
    /// The deployment's own id.
    pub id: i32,
    /// What is to be done.
    pub action: Action,
    /// By when it is to be done.
    pub deadline: Option<Timestamp>,
    /// Whether an administrator wants it done.
    pub is_assigned: bool,
    /// When this last changed, as servers write it.
    pub last_change: String,
}

/// What is to be done with an update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Action {
    /// It may be installed.
    OptionalInstall,
    /// It is approved for this machine.
    Install,
    /// It is to be removed.
    Uninstall,
    /// Only whether it would be needed is to be told.
    PreDeploymentCheck,
    /// It is not to be installed.
    Block,
    /// It is a category, a detector or another prerequisite.
    #[default]
    Evaluate,
    /// It is a part of another one.
    Bundle,
}

impl Action {
    const NAMES: [(&'static str, Self); 7] = [
        ("OptionalInstall", Self::OptionalInstall),
        ("Install", Self::Install),
        ("Uninstall", Self::Uninstall),
        ("PreDeploymentCheck", Self::PreDeploymentCheck),
        ("Block", Self::Block),
        ("Evaluate", Self::Evaluate),
        ("Bundle", Self::Bundle),
    ];

    /// The action's name on the wire.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, action)| *action == self).map_or("", |(name, _)| name)
    }
}

impl FromStr for Action {
    type Err = XmlError;

    fn from_str(text: &str) -> Result<Self, XmlError> {
        let known = Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, action)| *action);
        known.ok_or_else(|| XmlError::value("Action", text, "an action"))
    }
}

/// Says which categories the next scan is about. It shows no cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartCategoryScan {
    /// The categories.
    pub requested: Vec<RequestedCategory>,
}

/// One category that a scan is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestedCategory {
    /// Categories with the same index have to fit all, those with different ones one at least.
    pub index: i32,
    /// The category.
    pub category: Uuid,
}

/// What is to be asked for then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CategoryScan {
    /// The categories to filter by.
    pub preferred: Vec<Uuid>,
    /// Those that the server does not know.
    pub in_error: Vec<Uuid>,
}

/// Asks for the revision ids that updates have by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshCache {
    /// The cookie.
    pub cookie: Cookie,
    /// The updates.
    pub updates: Vec<UpdateIdentity>,
}

/// The updates that the server knows, of those that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefreshedCache {
    /// The updates.
    pub updates: Vec<RefreshedUpdate>,
}

/// A known update and its revision id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshedUpdate {
    /// The revision's id.
    pub id: i32,
    /// The update.
    pub identity: UpdateIdentity,
    /// Whether no other update has it as a prerequisite.
    pub is_leaf: bool,
    /// What is to become of it.
    pub deployment: Deployment,
}

impl Call for SyncUpdates {
    const OPERATION: &'static str = "SyncUpdates";
    const SERVICE: Service = Service::Client;
    type Answer = SyncResult;
}

impl Call for StartCategoryScan {
    const OPERATION: &'static str = "StartCategoryScan";
    const SERVICE: Service = Service::Client;
    type Answer = CategoryScan;
}

impl Call for RefreshCache {
    const OPERATION: &'static str = "RefreshCache";
    const SERVICE: Service = Service::Client;
    type Answer = RefreshedCache;
}

impl Read for SyncUpdates {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let (mut cookie, mut parameters) = (None, None);
        reader.children(|reader, name| {
            match name {
                "cookie" => cookie = Some(read_cookie(reader)?),
                "parameters" => parameters = Some(SyncParameters::read(reader)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self {
            cookie: cookie.ok_or(XmlError::Missing("cookie"))?,
            parameters: parameters.ok_or(XmlError::Missing("parameters"))?,
        })
    }
}

impl Write for SyncUpdates {
    fn write(&self, writer: &mut Writer) {
        write_cookie(writer, "cookie", &self.cookie);
        writer.message("parameters", &self.parameters);
    }
}

impl Read for SyncParameters {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut parameters = Self::default();
        reader.children(|reader, name| {
            match name {
                "InstalledNonLeafUpdateIDs" => parameters.installed_non_leaf = integers(reader)?,
                "OtherCachedUpdateIDs" => parameters.other_cached = integers(reader)?,
                "SystemSpec" => parameters.is_driver_pass = true,
                "SkipSoftwareSync" => parameters.skip_software_sync = reader.boolean(name)?,
                "FilterCategoryIds" => {
                    parameters.filter_categories = reader.list("CategoryIdentifier", |reader| {
                        inside::<CategoryId>(reader, "Id").map(|category| category.0)
                    })?;
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(parameters)
    }
}

impl Write for SyncParameters {
    fn write(&self, writer: &mut Writer) {
        writer.value("ExpressQuery", false);
        write_integers(writer, "InstalledNonLeafUpdateIDs", &self.installed_non_leaf);
        write_integers(writer, "OtherCachedUpdateIDs", &self.other_cached);
        if self.is_driver_pass {
            writer.element("SystemSpec", |_| {});
        }
        writer.value("SkipSoftwareSync", self.skip_software_sync);
        if !self.filter_categories.is_empty() {
            writer.list("FilterCategoryIds", &self.filter_categories, |writer, category| {
                writer.element("CategoryIdentifier", |writer| writer.value("Id", category));
            });
        }
    }
}

struct CategoryId(Uuid);

impl Read for CategoryId {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        reader.value("Id", GUID).map(Self)
    }
}

impl Read for SyncResult {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        inside::<SyncContent>(reader, "SyncUpdatesResult").map(|content| content.0)
    }
}

struct SyncContent(SyncResult);

impl Read for SyncContent {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut result = SyncResult::default();
        reader.children(|reader, name| {
            match name {
                "NewUpdates" => result.new_updates = reader.list("UpdateInfo", UpdateInfo::read)?,
                "OutOfScopeRevisionIDs" => result.out_of_scope = integers(reader)?,
                "ChangedUpdates" => result.changed_updates = reader.list("UpdateInfo", UpdateInfo::read)?,
                "Truncated" => result.is_truncated = reader.boolean(name)?,
                "NewCookie" => {
                    result.new_cookie = Some(read_cookie(reader)?).filter(|cookie| !cookie.data.is_empty());
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self(result))
    }
}

impl Write for SyncResult {
    fn write(&self, writer: &mut Writer) {
        writer.element("SyncUpdatesResult", |writer| {
            if !self.new_updates.is_empty() {
                writer.list("NewUpdates", &self.new_updates, |writer, update| {
                    writer.message("UpdateInfo", update);
                });
            }
            self.write_rest(writer);
        });
    }
}

impl SyncResult {
    /// Writes the answer with updates that are written already, each as an `UpdateInfo` element.
    pub fn write_with<'a>(&self, writer: &mut Writer, updates: impl Iterator<Item = &'a str>) {
        writer.element("SyncUpdatesResult", |writer| {
            let mut updates = updates.peekable();
            if updates.peek().is_some() {
                writer.element("NewUpdates", |writer| updates.for_each(|update| writer.raw(update)));
            }
            self.write_rest(writer);
        });
    }

    fn write_rest(&self, writer: &mut Writer) {
        if !self.out_of_scope.is_empty() {
            write_integers(writer, "OutOfScopeRevisionIDs", &self.out_of_scope);
        }
        if !self.changed_updates.is_empty() {
            writer.list("ChangedUpdates", &self.changed_updates, |writer, update| {
                writer.message("UpdateInfo", update);
            });
        }
        writer.value("Truncated", self.is_truncated);
        if let Some(cookie) = &self.new_cookie {
            write_cookie(writer, "NewCookie", cookie);
        }
        writer.value("DriverSyncNotNeeded", true);
    }
}

impl UpdateInfo {
    /// The update as an element, for [`SyncResult::write_with`].
    pub fn written(&self) -> String {
        let mut writer = Writer::default();
        writer.message("UpdateInfo", self);
        writer.finish()
    }
}

impl Read for UpdateInfo {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut update = Self::default();
        let mut id = None;
        reader.children(|reader, name| {
            match name {
                "ID" => id = Some(reader.value(name, INTEGER)?),
                "Deployment" => update.deployment = Some(Deployment::read(reader)?),
                "IsLeaf" => update.is_leaf = reader.boolean(name)?,
                "Xml" => update.xml = Some(reader.text()?),
                _ => {}
            }
            Ok(())
        })?;
        update.id = id.ok_or(XmlError::Missing("ID"))?;
        Ok(update)
    }
}

impl Write for UpdateInfo {
    fn write(&self, writer: &mut Writer) {
        writer.value("ID", self.id);
        if let Some(deployment) = &self.deployment {
            writer.message("Deployment", deployment);
        }
        writer.value("IsLeaf", self.is_leaf);
        writer.value("IsShared", false);
        if let Some(xml) = &self.xml {
            writer.text("Xml", xml);
        }
    }
}

impl Read for Deployment {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut deployment = Self::default();
        let mut action = None;
        reader.children(|reader, name| {
            match name {
                "ID" => deployment.id = reader.value(name, INTEGER)?,
                "Action" => action = Some(reader.text()?.trim().parse()?),
                // One that cannot be read is none: it only ever hastens.
                "Deadline" => deployment.deadline = read_time(&reader.text()?),
                "IsAssigned" => deployment.is_assigned = reader.boolean(name)?,
                "LastChangeTime" => deployment.last_change = reader.text()?,
                _ => {}
            }
            Ok(())
        })?;
        deployment.action = action.ok_or(XmlError::Missing("Action"))?;
        Ok(deployment)
    }
}

impl Write for Deployment {
    fn write(&self, writer: &mut Writer) {
        writer.value("ID", self.id);
        writer.text("Action", self.action.as_str());
        if let Some(deadline) = self.deadline {
            writer.value("Deadline", write_time(deadline));
        }
        writer.value("IsAssigned", self.is_assigned);
        writer.text("LastChangeTime", &self.last_change);
        // Native machines fail without these.
        writer.value("AutoSelect", 0);
        writer.value("AutoDownload", 0);
        writer.value("SupersedenceBehavior", 0);
    }
}

impl Read for StartCategoryScan {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut requested = Vec::new();
        reader.children(|reader, name| {
            if name == "requestedCategories" {
                requested = reader.list("CategoryRelationship", RequestedCategory::read)?;
            }
            Ok(())
        })?;
        Ok(Self { requested })
    }
}

impl Read for RequestedCategory {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let (mut index, mut category) = (0, None);
        reader.children(|reader, name| {
            match name {
                "IndexOfAndGroup" => index = reader.value(name, INTEGER)?,
                "CategoryId" => category = Some(reader.value(name, GUID)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { index, category: category.ok_or(XmlError::Missing("CategoryId"))? })
    }
}

impl Write for StartCategoryScan {
    fn write(&self, writer: &mut Writer) {
        writer.list("requestedCategories", &self.requested, |writer, requested| {
            writer.element("CategoryRelationship", |writer| {
                writer.value("IndexOfAndGroup", requested.index);
                writer.value("CategoryId", requested.category);
            });
        });
    }
}

impl Read for CategoryScan {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut scan = Self::default();
        let guids = |reader: &mut Reader<'_>| reader.list("guid", |reader| reader.value("guid", GUID));
        reader.children(|reader, name| {
            match name {
                "preferredCategoryIds" => scan.preferred = guids(reader)?,
                "requestedCategoryIdsInError" => scan.in_error = guids(reader)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(scan)
    }
}

impl Write for CategoryScan {
    fn write(&self, writer: &mut Writer) {
        writer.list("preferredCategoryIds", &self.preferred, |writer, id| writer.value("guid", id));
        writer.list("requestedCategoryIdsInError", &self.in_error, |writer, id| writer.value("guid", id));
    }
}

impl Read for RefreshCache {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let (mut cookie, mut updates) = (None, Vec::new());
        reader.children(|reader, name| {
            match name {
                "cookie" => cookie = Some(read_cookie(reader)?),
                "globalIDs" => updates = reader.list("UpdateIdentity", read_identity)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { cookie: cookie.ok_or(XmlError::Missing("cookie"))?, updates })
    }
}

impl Write for RefreshCache {
    fn write(&self, writer: &mut Writer) {
        write_cookie(writer, "cookie", &self.cookie);
        writer.list("globalIDs", &self.updates, |writer, identity| {
            write_identity(writer, "UpdateIdentity", *identity);
        });
    }
}

impl Read for RefreshedCache {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut updates = Vec::new();
        reader.children(|reader, name| {
            if name == "RefreshCacheResult" {
                updates = reader.list("RefreshCacheResult", RefreshedUpdate::read)?;
            }
            Ok(())
        })?;
        Ok(Self { updates })
    }
}

impl Write for RefreshedCache {
    fn write(&self, writer: &mut Writer) {
        writer.list("RefreshCacheResult", &self.updates, |writer, update| {
            writer.element("RefreshCacheResult", |writer| {
                writer.value("RevisionID", update.id);
                write_identity(writer, "GlobalID", update.identity);
                writer.value("IsLeaf", update.is_leaf);
                writer.value("IsShared", false);
                writer.message("Deployment", &update.deployment);
            });
        });
    }
}

impl Read for RefreshedUpdate {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let (mut id, mut identity, mut is_leaf, mut deployment) = (None, None, false, None);
        reader.children(|reader, name| {
            match name {
                "RevisionID" => id = Some(reader.value(name, INTEGER)?),
                "GlobalID" => identity = Some(read_identity(reader)?),
                "IsLeaf" => is_leaf = reader.boolean(name)?,
                "Deployment" => deployment = Some(Deployment::read(reader)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self {
            id: id.ok_or(XmlError::Missing("RevisionID"))?,
            identity: identity.ok_or(XmlError::Missing("GlobalID"))?,
            is_leaf,
            deployment: deployment.unwrap_or_default(),
        })
    }
}

/// Reads an update's identity from the elements inside the reader's element.
pub(super) fn read_identity(reader: &mut Reader<'_>) -> Result<UpdateIdentity, XmlError> {
    let (mut update, mut revision) = (None, 0);
    reader.children(|reader, name| {
        match name {
            "UpdateID" => update = Some(reader.value(name, GUID)?),
            "RevisionNumber" => revision = reader.value(name, INTEGER)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(UpdateIdentity { update: update.ok_or(XmlError::Missing("UpdateID"))?, revision })
}

/// Writes an update's identity as elements.
pub(super) fn write_identity(writer: &mut Writer, name: &str, identity: UpdateIdentity) {
    writer.element(name, |writer| {
        writer.value("UpdateID", identity.update);
        writer.value("RevisionNumber", identity.revision);
    });
}

pub(super) fn integers(reader: &mut Reader<'_>) -> Result<Vec<i32>, XmlError> {
    reader.list("int", |reader| reader.value("int", INTEGER))
}

pub(super) fn write_integers(writer: &mut Writer, name: &str, integers: &[i32]) {
    writer.list(name, integers, |writer, integer| writer.value("int", integer));
}
