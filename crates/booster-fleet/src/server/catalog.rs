//! The catalog: a repository as updates, with the ids that this site's servers share.
//!
//! One update carries the signed metadata, and one each release with everything that leads to it: its
//! manifest, its archive and the patches. Ids follow from content, so that servers on one database agree
//! without talking to each other.

use crate::{Approvals, FleetError, ReleaseKey, Result, Rule, Verdict, fleet::Fleet};
use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, digest};
use booster_definitions::{Digest, DigestWriter, TargetName};
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
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Revision numbers of native servers begin here.
const FIRST_REVISION: i32 = 100;

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// In memory.
    Bytes(Bytes),
    /// In this object of the repository.
    Object(String),
}

/// A repository as updates.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    updates: Vec<Update>,
    by_id: HashMap<i32, usize>,
    files: HashMap<Sha1, Held>,
    /// Ids of what everything else has as a prerequisite.
    categories: Vec<i32>,
    /// The highest revision id that there was.
    pub(super) highest: i32,
    public_url: String,
}

#[derive(Debug)]
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
}

/// One update as a group's machines get it.
#[derive(Debug)]
pub(super) struct GroupItem {
    pub(super) id: i32,
    pub(super) is_category: bool,
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
        let core = |revision| Core {
            identity: UpdateIdentity { update: category, revision },
            kind: UpdateKind::Category,
            superseded: Vec::new(),
            prerequisites: Vec::new(),
            bundled: Vec::new(),
        };
        let id = fleet.revision(category, Digest::of(title.as_bytes())).await?;
        self.categories.push(id);
        self.add(Update {
            id,
            identity: core(FIRST_REVISION).identity,
            is_category: true,
            release: None,
            published: Timestamp::UNIX_EPOCH,
            core: core(FIRST_REVISION).write(true),
            extended: None,
            localized: words(title, ""),
            files: Vec::new(),
        });
        Ok(())
    }

    async fn add_metadata(&mut self, fleet: &Fleet, publication: &Publication, now: Timestamp) -> Result<()> {
        let mut files = Vec::new();
        let mut names = String::new();
        // Whoever's keys these are, the first root says it: another publisher's metadata is another update.
        let mut publisher = Digest::of(b"");
        for file in &publication.metadata {
            let (sha1, sha256) = (sha1(&file.bytes), Digest::of(&file.bytes));
            if file.name == "1.root.json" {
                publisher = sha256;
            }
            names.push_str(&format!("{} {sha256}\n", file.name));
            self.hold(sha1, &file.name, Content::Bytes(file.bytes.clone().into()));
            files.push(of_update(&file.name, file.bytes.len() as u64, sha1, sha256));
        }
        let update = derived(&publisher);
        let id = fleet.revision(update, Digest::of(names.as_bytes())).await?;
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
        let update = derived(&manifest.sha256);
        let id = fleet.revision(update, Digest::of(names.as_bytes())).await?;
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
            // Ids only grow, and so do the revisions of an update.
            identity: UpdateIdentity { update, revision: FIRST_REVISION.saturating_add(id) },
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
        self.updates.push(update);
    }

    fn hold(&mut self, sha1: Sha1, name: &str, content: Content) {
        let ending = name.rsplit('.').next().unwrap_or("bin").to_owned();
        self.files.insert(sha1, Held { content, ending });
    }

    /// Goes on giving out metadata that a machine may just have been told of.
    pub(super) fn keep_metadata_of(&mut self, before: &Self) {
        for update in before.updates.iter().filter(|update| update.release.is_none()) {
            for sha1 in &update.files {
                if let Some(Held { content, ending }) = before.files.get(sha1) {
                    let held = || Held { content: content.clone(), ending: ending.clone() };
                    self.files.entry(*sha1).or_insert_with(held);
                }
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

    pub(super) fn update(&self, id: i32) -> Option<&Update> {
        self.by_id.get(&id).and_then(|index| self.updates.get(*index))
    }

    pub(super) fn by_identity(&self, identity: UpdateIdentity) -> Option<&Update> {
        self.updates.iter().find(|update| update.identity == identity)
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
        let item = |update: &Update| {
            let Verdict::Approved { deadline } = Self::verdict(update, approvals, group, rule) else {
                return None;
            };
            let info = UpdateInfo {
                id: update.id,
                deployment: Some(Self::deployment(update, deadline)),
                is_leaf: !update.is_category,
                xml: Some(update.core.clone()),
            };
            Some(GroupItem { id: update.id, is_category: update.is_category, written: info.written().into() })
        };
        GroupView { items: self.updates.iter().filter_map(item).collect() }
    }
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

fn sha1(bytes: &[u8]) -> Sha1 {
    finished(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref())
}

fn finished(digest: &[u8]) -> Sha1 {
    let mut sha1 = [0; 20];
    sha1.copy_from_slice(digest);
    Sha1(sha1)
}

/// The SHA-1 of a target's file. `None`: the file is missing or is not what was signed, and is left out.
async fn read_file(folder: &Path, target: &PublishedTarget) -> Result<Option<Sha1>> {
    let path = folder.join(&target.object);
    let read = tokio::task::spawn_blocking(move || hash(&path))
        .await
        .unwrap_or_else(|died| Err(io::Error::other(died)));
    match read {
        Ok((sha1, sha256)) if sha256 == target.sha256 => Ok(Some(sha1)),
        Ok(_) => {
            tracing::error!(object = target.object, "the file is not what was signed, and is left out");
            Ok(None)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            tracing::warn!(object = target.object, "the file is not there, and is left out");
            Ok(None)
        }
        Err(source) => Err(FleetError::File { object: target.object.clone(), source }),
    }
}

fn hash(path: &PathBuf) -> io::Result<(Sha1, Digest)> {
    let mut writer = DigestWriter::new(Sha1Writer(Context::new(&SHA1_FOR_LEGACY_USE_ONLY)));
    io::copy(&mut std::fs::File::open(path)?, &mut writer)?;
    let (sha256, _, Sha1Writer(context)) = writer.finish();
    Ok((finished(context.finish().as_ref()), sha256))
}

struct Sha1Writer(Context);

impl Write for Sha1Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
