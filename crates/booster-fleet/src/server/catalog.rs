//! The catalog: a repository as updates, with the ids that this site's servers share.
//!
//! One update carries the signed metadata, and one each release with everything that leads to it: its
//! manifest, its archive and the patches. Ids follow from content, so that servers on one database agree
//! without talking to each other.

use super::digests::{read_file, sha1};
use crate::{Approvals, ReleaseKey, Result, Rule, Verdict, fleet::Fleet};
use booster_definitions::{Digest, TargetName};
use booster_publish::{Publication, PublishedTarget};
use booster_sources::{DEFINITION_UPDATES, PRODUCT};
use booster_wsus::{
    Sha1, UpdateIdentity, Uuid,
    fragment::{Core, Extended, File, Localized, Prerequisite, UpdateKind},
    message::{Action, Deployment, FileLocation, UpdateInfo},
};
use bytes::Bytes;
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    sync::Arc,
};

/// Revision numbers of native servers begin here. Ours end here as well: other content is another update, so
/// that an identity means the same bytes for ever, and also where a database was put back from a backup.
const REVISION: i32 = 100;
/// Catalogs before this one whose updates are still answered for: another server may give them out yet, and a
/// machine may just have been told of them.
const FORMER: usize = 8;

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// In memory.
    Bytes {
        /// The name of the file in the repository.
        name: String,
        bytes: Bytes,
        sha256: Digest,
    },
    /// In this object of the repository.
    Object(String),
}

/// A repository as updates.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    updates: Vec<Arc<Update>>,
    /// What earlier catalogs offered and this one does not, the newest first.
    former: Vec<Vec<Arc<Update>>>,
    by_id: HashMap<i32, usize>,
    files: HashMap<Sha1, Held>,
    /// Ids of what everything else has as a prerequisite.
    categories: Vec<i32>,
    /// The highest revision id that there was.
    pub(super) highest: i32,
    public_url: String,
}

#[derive(Debug, Clone)]
struct Held {
    content: Content,
    ending: String,
}

/// One update.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) id: i32,
    pub(super) identity: UpdateIdentity,
    pub(super) is_category: bool,
    /// The release that it carries.
    pub(super) release: Option<ReleaseKey>,
    published: Timestamp,
    core: String,
    pub(super) extended: Option<String>,
    pub(super) localized: String,
    pub(super) files: Vec<Sha1>,
}

/// What one group's machines get: updates that are written already.
#[derive(Debug)]
pub(super) struct GroupView {
    pub(super) items: Vec<GroupItem>,
    /// The digest of all deadlines; not 0.
    pub(super) deadlines: u64,
}

/// One update as a group's machines get it.
#[derive(Debug)]
pub(super) struct GroupItem {
    pub(super) id: i32,
    pub(super) is_category: bool,
    /// What becomes of it, where that can change.
    pub(super) deployment: Option<Deployment>,
    pub(super) written: Arc<str>,
}

impl Catalog {
    /// Makes the catalog of what is published. Files whose SHA-1 is not known are read.
    pub(super) async fn of(
        publication: Publication,
        folder: &Path,
        fleet: &Fleet,
        public_url: &str,
        now: Timestamp,
    ) -> Result<Self> {
        let mut catalog = Self { public_url: public_url.to_owned(), ..Self::default() };
        for (category, title) in [(PRODUCT, "Booster"), (DEFINITION_UPDATES, "Definition Updates")] {
            catalog.add_category(fleet, category, title).await?;
        }
        catalog.add_metadata(fleet, &publication, now).await?;
        let known = fleet.known_files().await?;
        let mut releases: BTreeMap<ReleaseKey, Vec<PublishedTarget>> = BTreeMap::new();
        for target in publication.targets {
            if let Ok(name) = target.name.parse::<TargetName>() {
                let key = ReleaseKey { component: name.component(), version: name.version() };
                releases.entry(key).or_default().push(target);
            }
        }
        for (release, targets) in releases {
            catalog.add_release(fleet, release, targets, folder, &known, now).await?;
        }
        catalog.highest = fleet.highest_revision().await?;
        Ok(catalog)
    }

    async fn add_category(&mut self, fleet: &Fleet, category: Uuid, title: &str) -> Result<()> {
        let identity = UpdateIdentity { update: category, revision: REVISION };
        let core = Core {
            identity,
            kind: UpdateKind::Category,
            superseded: Vec::new(),
            prerequisites: Vec::new(),
            bundled: Vec::new(),
        };
        let id = fleet.revision(category, Digest::of(title.as_bytes())).await?;
        self.categories.push(id);
        self.add(Update {
            id,
            identity,
            is_category: true,
            release: None,
            published: Timestamp::UNIX_EPOCH,
            core: core.write(true),
            extended: None,
            localized: words(title, ""),
            files: Vec::new(),
        });
        Ok(())
    }

    async fn add_metadata(&mut self, fleet: &Fleet, publication: &Publication, now: Timestamp) -> Result<()> {
        let mut files = Vec::new();
        let mut names = String::new();
        for file in &publication.metadata {
            let (sha1, sha256) = (sha1(&file.bytes), Digest::of(&file.bytes));
            names.push_str(&format!("{} {sha256}\n", file.name));
            let bytes = file.bytes.clone().into();
            self.hold(sha1, &file.name, Content::Bytes { name: file.name.clone(), bytes, sha256 });
            files.push(of_update(&file.name, file.bytes.len() as u64, sha1, sha256));
        }
        let content = Digest::of(names.as_bytes());
        let update = derived(&content);
        let id = fleet.revision(update, content).await?;
        let title = "Signed metadata of the repository";
        self.add_software(id, update, None, now, title, files);
        Ok(())
    }

    async fn add_release(
        &mut self,
        fleet: &Fleet,
        release: ReleaseKey,
        targets: Vec<PublishedTarget>,
        folder: &Path,
        known: &HashMap<Digest, Sha1>,
        now: Timestamp,
    ) -> Result<()> {
        let is_manifest =
            |target: &&PublishedTarget| matches!(target.name.parse(), Ok(TargetName::Manifest(..)));
        // Without its manifest a release is not offered; patches to it may be left.
        let Some(manifest) = targets.iter().find(is_manifest).cloned() else { return Ok(()) };
        let (mut files, mut names) = (Vec::new(), String::new());
        for target in targets {
            let sha1 = match known.get(&target.sha256) {
                Some(sha1) => *sha1,
                None => match read_file(folder, &target).await? {
                    Some(sha1) => {
                        fleet.know_file(target.sha256, sha1).await?;
                        sha1
                    }
                    None => continue,
                },
            };
            let name = target.object.rsplit('/').next().unwrap_or(&target.object).to_owned();
            names.push_str(&format!("{name}\n"));
            self.hold(sha1, &name, Content::Object(target.object));
            files.push(of_update(&name, target.length, sha1, target.sha256));
        }
        let content = Digest::of(names.as_bytes());
        let update = derived(&content);
        let id = fleet.revision(update, content).await?;
        let published = manifest.availability.map_or(now, |availability| availability.published);
        self.add_software(id, update, Some(release), published, &format!("Definitions {release}"), files);
        Ok(())
    }

    fn add_software(
        &mut self,
        id: i32,
        update: Uuid,
        release: Option<ReleaseKey>,
        published: Timestamp,
        title: &str,
        files: Vec<File>,
    ) {
        let core = Core {
            identity: UpdateIdentity { update, revision: REVISION },
            kind: UpdateKind::Software,
            superseded: Vec::new(),
            prerequisites: vec![Prerequisite::category(DEFINITION_UPDATES), Prerequisite::category(PRODUCT)],
            bundled: Vec::new(),
        };
        let digests = files.iter().map(|file| file.sha1).collect();
        self.add(Update {
            id,
            identity: core.identity,
            is_category: false,
            release,
            published,
            core: core.write(false),
            extended: Some(Extended { files }.write(published)),
            localized: words(title, "Signed by their publisher, and checked by each machine."),
            files: digests,
        });
    }

    fn add(&mut self, update: Update) {
        self.by_id.insert(update.id, self.updates.len());
        self.updates.push(Arc::new(update));
    }

    fn hold(&mut self, sha1: Sha1, name: &str, content: Content) {
        let ending = name.rsplit('.').next().unwrap_or("bin").to_owned();
        self.files.insert(sha1, Held { content, ending });
    }

    /// Goes on answering for what earlier catalogs offered.
    pub(super) fn keep_former(&mut self, before: &Self) {
        let gone = before.updates.iter().filter(|update| !self.by_id.contains_key(&update.id));
        let gone: Vec<_> = gone.cloned().collect();
        self.former = std::iter::once(gone).chain(before.former.iter().cloned()).take(FORMER).collect();
        for sha1 in self.former.iter().flatten().flat_map(|update| &update.files) {
            if let Some(held) = before.files.get(sha1) {
                self.files.entry(*sha1).or_insert_with(|| held.clone());
            }
        }
    }

    /// The ids of everything that is offered.
    pub(super) fn ids(&self) -> HashSet<i32> {
        self.by_id.keys().copied().collect()
    }

    /// The digests of all files that are given out.
    pub(super) fn digests(&self) -> HashSet<Sha1> {
        self.files.keys().copied().collect()
    }

    /// The update with this id, which may be one that is not offered any more.
    pub(super) fn update(&self, id: i32) -> Option<&Update> {
        let current = self.by_id.get(&id).and_then(|index| self.updates.get(*index));
        let former = || self.former.iter().flatten().find(|update| update.id == id);
        current.or_else(former).map(Arc::as_ref)
    }

    pub(super) fn by_identity(&self, identity: UpdateIdentity) -> Option<&Update> {
        self.updates.iter().find(|update| update.identity == identity).map(Arc::as_ref)
    }

    pub(super) fn knows_category(&self, category: Uuid) -> bool {
        self.updates.iter().any(|update| update.is_category && update.identity.update == category)
    }

    /// The ids of all categories: what has them as prerequisites comes after them.
    pub(super) fn categories(&self) -> &[i32] {
        &self.categories
    }

    /// Where a file is fetched from.
    pub(super) fn location(&self, digest: Sha1) -> Option<FileLocation> {
        let held = self.files.get(&digest)?;
        let url = format!(
            "{}/Content/{:02X}/{digest}.{}",
            self.public_url.trim_end_matches('/'),
            digest.0[19],
            held.ending
        );
        Some(FileLocation { digest, url })
    }

    /// The file that is asked for by a path of [`location`](Self::location).
    pub(super) fn content(&self, path: &str) -> Option<&Content> {
        let file = path.rsplit('/').next()?;
        let mut digest = [0; 20];
        hex::decode_to_slice(file.split('.').next()?, &mut digest).ok()?;
        self.files.get(&Sha1(digest)).map(|held| &held.content)
    }

    /// Whether machines of a group get an update.
    pub(super) fn verdict(update: &Update, approvals: &Approvals, group: &str, rule: Rule) -> Verdict {
        match update.release {
            Some(release) => approvals.verdict(release, group, rule),
            // Without metadata nothing could be believed, and freshness is nobody's to withhold.
            None => Verdict::Approved { deadline: None },
        }
    }

    /// What becomes of an update for those who get it.
    pub(super) fn deployment(update: &Update, deadline: Option<Timestamp>) -> Deployment {
        Deployment {
            id: update.id,
            action: if update.is_category { Action::Evaluate } else { Action::Install },
            deadline,
            is_assigned: !update.is_category,
            last_change: update.published.strftime("%Y-%m-%d").to_string(),
        }
    }

    /// What machines of a group get.
    pub(super) fn view(&self, approvals: &Approvals, group: &str, rule: Rule) -> GroupView {
        let (mut items, mut deadlines) = (Vec::new(), BTreeMap::new());
        for update in &self.updates {
            let Verdict::Approved { deadline } = Self::verdict(update, approvals, group, rule) else {
                continue;
            };
            let deployment = Self::deployment(update, deadline);
            if let (Some(release), Some(deadline)) = (update.release, deadline) {
                deadlines.insert(release, deadline);
            }
            let info = UpdateInfo {
                id: update.id,
                deployment: Some(deployment.clone()),
                is_leaf: !update.is_category,
                xml: Some(update.core.clone()),
            };
            items.push(GroupItem {
                id: update.id,
                is_category: update.is_category,
                deployment: update.release.map(|_| deployment),
                written: info.written().into(),
            });
        }
        GroupView { items, deadlines: digest_of(&deadlines) }
    }
}

/// A number for these deadlines that others have not; never 0.
fn digest_of(deadlines: &BTreeMap<ReleaseKey, Timestamp>) -> u64 {
    let text: String =
        deadlines.iter().map(|(release, deadline)| format!("{release} {deadline}\n")).collect();
    let mut first = [0; 8];
    first.copy_from_slice(&Digest::of(text.as_bytes()).as_bytes()[..8]);
    u64::from_be_bytes(first).max(1)
}

fn of_update(name: &str, size: u64, sha1: Sha1, sha256: Digest) -> File {
    File { name: name.to_owned(), size, sha1, sha256: Some(*sha256.as_bytes()), is_patch: false }
}

fn words(title: &str, description: &str) -> String {
    let words =
        Localized { language: "en".to_owned(), title: title.to_owned(), description: description.to_owned() };
    words.write()
}

/// An id that follows from content.
fn derived(digest: &Digest) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
