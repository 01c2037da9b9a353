//! What revisions hold, and where it is.
//!
//! Kept is only what a server has said in full: the files of a revision, and an address for each. What is
//! missing may come another time, so it stays unknown and is asked for again.

use super::{Conversation, Interrupted, handshake::REVISIONS_AT_ONCE};
use crate::wsus::{
    FRAGMENT,
    scan::Wanted,
    state::{KeptFile, KeptRevision},
};
use booster_wsus::{
    Sha1,
    fragment::{Extended, File},
    message::{ExtendedInfo, FileLocation, GetExtendedUpdateInfo, GetFileLocations},
};
use std::collections::{BTreeMap, HashMap};

/// How many addresses are asked for at once.
const DIGESTS_AT_ONCE: usize = 100;

impl Conversation<'_> {
    /// Learns what revisions hold that are not known yet, and forgets all others.
    pub(in crate::wsus) async fn learn(&mut self, wanted: &[Wanted]) -> Result<(), Interrupted> {
        let is_wanted = |id: &i32, kept: &mut KeptRevision| {
            wanted.iter().any(|one| one.id == *id && kept.is(one.identity))
        };
        self.state.revisions.retain(is_wanted);
        let unknown: Vec<_> =
            wanted.iter().filter(|one| !self.state.revisions.contains_key(&one.id)).copied().collect();
        // The specification has this many "below" the limit.
        let config = self.state.config.as_ref();
        let limit = config.map_or(REVISIONS_AT_ONCE, |config| config.revisions_at_once);
        for some in unknown.chunks(limit.saturating_sub(1).max(1)) {
            let revisions: Vec<i32> = some.iter().map(|one| one.id).collect();
            let request = |cookie| GetExtendedUpdateInfo {
                cookie,
                revisions: revisions.clone(),
                fragments: vec!["Extended".to_owned()],
                locales: vec!["en".to_owned()],
            };
            let info = self.call(request).await?;
            self.keep(some, info).await?;
        }
        if self.addresses_are_void { self.locate_again().await } else { Ok(()) }
    }

    /// Keeps what an answer says in full of the revisions that were asked about.
    async fn keep(&mut self, asked: &[Wanted], info: ExtendedInfo) -> Result<(), Interrupted> {
        let mut files = BTreeMap::new();
        for fragment in &info.updates {
            let extended = Extended::read(&fragment.xml, &FRAGMENT);
            let extended = extended.map_err(|error| self.exchange.garbled("GetExtendedUpdateInfo", error))?;
            if let Some(extended) = extended {
                files.insert(fragment.id, extended.files);
            }
        }
        // What was declined since the round that named it may be approved again.
        files.retain(|id, _| !info.out_of_scope.contains(id));
        files.values_mut().for_each(|files| files.retain(is_usable));
        let mut urls = urls(info.locations);
        let all = files.values().flatten().map(|file| file.sha1);
        let missing: Vec<Sha1> = all.filter(|digest| !urls.contains_key(digest)).collect();
        urls.extend(self.locate_all(&missing).await?);
        for one in asked {
            let of_this = files.remove(&one.id).and_then(|files| placed(files, &urls));
            match of_this {
                Some(of_this) => {
                    _ = self.state.revisions.insert(one.id, KeptRevision::new(one.identity, of_this))
                }
                None => tracing::info!(id = one.id, "the server does not say what an update holds, or where"),
            }
        }
        Ok(())
    }

    /// Where a file is now; what is known of it is corrected.
    pub(in crate::wsus) async fn locate(&mut self, digest: Sha1) -> Result<Option<String>, Interrupted> {
        let urls = self.locate_all(&[digest]).await?;
        self.correct(&urls);
        Ok(urls.get(&digest).cloned())
    }

    /// Asks for all addresses, since those that are known are not the server's any more. What has none now
    /// is not known.
    async fn locate_again(&mut self) -> Result<(), Interrupted> {
        let files = self.state.revisions.values().flat_map(|revision| &revision.files);
        let digests: Vec<Sha1> = files.map(KeptFile::sha1).collect();
        let urls = self.locate_all(&digests).await?;
        let has_all =
            |revision: &KeptRevision| revision.files.iter().all(|file| urls.contains_key(&file.sha1()));
        self.state.revisions.retain(|_, revision| has_all(revision));
        self.correct(&urls);
        self.addresses_are_void = false;
        Ok(())
    }

    fn correct(&mut self, urls: &HashMap<Sha1, String>) {
        for file in self.state.revisions.values_mut().flat_map(|revision| &mut revision.files) {
            if let Some(url) = urls.get(&file.sha1()) {
                file.url.clone_from(url);
            }
        }
    }

    async fn locate_all(&mut self, digests: &[Sha1]) -> Result<HashMap<Sha1, String>, Interrupted> {
        let mut found = HashMap::new();
        for some in digests.chunks(DIGESTS_AT_ONCE) {
            let request = |cookie| GetFileLocations { cookie, digests: some.to_vec() };
            let answer = self.call(request).await?;
            self.keep_cookie(answer.new_cookie);
            found.extend(urls(answer.locations));
        }
        Ok(found)
    }
}

/// Whether a file can be used: whole ones can, whose SHA-256 is given. SHA-1 is a name and proves nothing.
fn is_usable(file: &File) -> bool {
    !file.is_patch && file.sha256.is_some()
}

/// The usable files with their addresses; `None` where one has none.
fn placed(files: Vec<File>, urls: &HashMap<Sha1, String>) -> Option<Vec<KeptFile>> {
    let place = |file: File| {
        let url = urls.get(&file.sha1)?.clone();
        Some(KeptFile::new(file.name, file.size, file.sha1, file.sha256?, url))
    };
    files.into_iter().map(place).collect()
}

fn urls(locations: Vec<FileLocation>) -> HashMap<Sha1, String> {
    locations.into_iter().map(|location| (location.digest, location.url)).collect()
}
