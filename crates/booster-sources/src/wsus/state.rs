//! What is kept between conversations: who this machine is, and what is known of a server.
//!
//! What is known of one server is never used with another: each has a file of its own, named by the kind
//! of source and the address. The machine's id is kept for life. It is all that tells a server one machine
//! from another, so whoever knows it can pass for the machine there: the public update service is
//! told another than the organisation's own servers.

use crate::{SourceError, SourceKind};
use booster_wsus::{Sha1, UpdateIdentity, Uuid, message::Cookie};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};
use url::Url;

/// The form of these files; others are not read.
const FORMAT: u32 = 2;

/// The folder of these files, for one server.
#[derive(Debug)]
pub(super) struct StateFolder {
    client: PathBuf,
    server: PathBuf,
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct ClientFile {
    client_id: Uuid,
}

/// What is known of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServerState {
    format: u32,
    /// Its configuration.
    pub(super) config: Option<KeptConfig>,
    /// The cookie to show.
    pub(super) cookie: Option<KeptCookie>,
    /// What this machine was when it registered.
    pub(super) registered: Option<String>,
    /// Revisions whose files are known, by the server's ids.
    pub(super) revisions: BTreeMap<i32, KeptRevision>,
    /// The repository's timestamp, as it came last.
    pub(super) timestamp: Option<KeptTimestamp>,
    /// What was told last, and when.
    pub(super) told: Option<(String, Timestamp)>,
}

/// What a server's configuration comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptConfig {
    pub(super) last_change: String,
    pub(super) is_registration_required: bool,
    /// The plug-in's name and the address of its service, as the server gave them.
    pub(super) plug_in: String,
    pub(super) service_url: String,
    /// The most revisions of one request.
    pub(super) revisions_at_once: usize,
}

/// A cookie as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptCookie {
    pub(super) expiration: String,
    #[serde(with = "base64_text")]
    pub(super) data: Vec<u8>,
}

/// What a revision holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptRevision {
    update: Uuid,
    revision: i32,
    pub(super) files: Vec<KeptFile>,
}

/// A file and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptFile {
    pub(super) name: String,
    pub(super) size: u64,
    #[serde(with = "base64_text")]
    sha1: [u8; 20],
    #[serde(with = "base64_text")]
    pub(super) sha256: [u8; 32],
    pub(super) url: String,
}

/// The repository's timestamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptTimestamp {
    #[serde(with = "base64_text")]
    pub(super) sha256: [u8; 32],
    #[serde(with = "base64_text")]
    pub(super) bytes: Vec<u8>,
}

impl ServerState {
    /// Forgets everything: the server is another one.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl From<Cookie> for KeptCookie {
    fn from(cookie: Cookie) -> Self {
        Self { expiration: cookie.expiration, data: cookie.data }
    }
}

impl From<KeptCookie> for Cookie {
    fn from(kept: KeptCookie) -> Self {
        Self { expiration: kept.expiration, data: kept.data }
    }
}

impl KeptRevision {
    pub(super) fn new(identity: UpdateIdentity, files: Vec<KeptFile>) -> Self {
        Self { update: identity.update, revision: identity.revision, files }
    }

    /// Whether it is this update's revision still.
    pub(super) fn is(&self, identity: UpdateIdentity) -> bool {
        (self.update, self.revision) == (identity.update, identity.revision)
    }
}

impl KeptFile {
    pub(super) fn new(name: String, size: u64, sha1: Sha1, sha256: [u8; 32], url: String) -> Self {
        Self { name, size, sha1: sha1.0, sha256, url }
    }

    pub(super) const fn sha1(&self) -> Sha1 {
        Sha1(self.sha1)
    }
}

impl StateFolder {
    pub(super) fn new(folder: &Path, kind: SourceKind, root: &Url) -> Self {
        let client = match kind {
            SourceKind::Unmanaged => "client-unmanaged.json",
            _ => "client.json",
        };
        let key = hex::encode(&sha256(format!("{kind} {root}").as_bytes())[..16]);
        Self {
            client: folder.join(client),
            server: folder.join(format!("{key}.json")),
            folder: folder.to_owned(),
        }
    }

    /// Who this machine is to servers of this kind. The id is drawn once.
    pub(super) fn client_id(&self) -> Result<Uuid, SourceError> {
        let failed =
            |step, source| SourceError::Io { location: self.client.display().to_string(), step, source };
        match fs::read(&self.client) {
            Ok(bytes) => {
                if let Ok(file) = serde_json::from_slice::<ClientFile>(&bytes) {
                    return Ok(file.client_id);
                }
                tracing::warn!(file = %self.client.display(), "the machine's id is damaged, it gets another one");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("read the machine's id", error)),
        }
        let client_id = random_id().map_err(|error| failed("draw the machine's id", error))?;
        let bytes = serde_json::to_vec(&ClientFile { client_id }).map_err(io::Error::from);
        let written = bytes.and_then(|bytes| self.write(&self.client, &bytes));
        written.map_err(|error| failed("write the machine's id", error))?;
        Ok(client_id)
    }

    /// What is known of the server. What cannot be read is not known.
    pub(super) fn load(&self) -> ServerState {
        let known = match fs::read(&self.server) {
            Ok(bytes) => serde_json::from_slice::<ServerState>(&bytes).ok(),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(file = %self.server.display(), %error, "what is known of the server cannot be read");
                }
                None
            }
        };
        known.filter(|known| known.format == FORMAT).unwrap_or_default()
    }

    /// Keeps what is known, where it has changed.
    pub(super) fn save(&self, state: &ServerState) -> io::Result<()> {
        let state = ServerState { format: FORMAT, ..state.clone() };
        if self.load() == state {
            return Ok(());
        }
        self.write(&self.server, &serde_json::to_vec(&state)?)
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        booster_durable::replace_file(file, bytes)
    }
}

/// A random id.
pub(super) fn random_id() -> io::Result<Uuid> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no randomness"))?;
    Ok(uuid_of(bytes))
}

/// Bytes as a version 4 id (RFC 9562, section 5.4).
const fn uuid_of(mut bytes: [u8; 16]) -> Uuid {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Uuid::from_bytes(bytes)
}

/// The SHA-256 of bytes.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut all = [0; 32];
    all.copy_from_slice(digest.as_ref());
    all
}

/// The SHA-1 of bytes.
pub(super) fn sha1(bytes: &[u8]) -> Sha1 {
    let mut hash = Sha1Hash::default();
    hash.take(bytes);
    hash.digest()
}

/// A SHA-1 that is made while bytes come.
#[derive(Clone)]
pub(super) struct Sha1Hash(aws_lc_rs::digest::Context);

impl Default for Sha1Hash {
    fn default() -> Self {
        Self(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY))
    }
}

impl Sha1Hash {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn digest(self) -> Sha1 {
        let mut all = [0; 20];
        all.copy_from_slice(self.0.finish().as_ref());
        Sha1(all)
    }
}

/// Bytes as text.
mod base64_text {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        bytes: impl AsRef<[u8]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
        bytes.try_into().map_err(|_| D::Error::custom("another length"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(dir: &tempfile::TempDir, root: &str) -> StateFolder {
        StateFolder::new(dir.path(), SourceKind::Managed, &root.parse().unwrap())
    }

    #[test]
    fn a_machine_has_one_id_for_life_and_the_public_service_knows_another() {
        let dir = tempfile::tempdir().unwrap();
        let id = folder(&dir, "https://a/").client_id().unwrap();
        assert_eq!(id.get_version_num(), 4);
        assert_eq!(folder(&dir, "https://b/").client_id().unwrap(), id);
        let public = || StateFolder::new(dir.path(), SourceKind::Unmanaged, &"https://a/".parse().unwrap());
        let known_there = public().client_id().unwrap();
        assert_ne!(known_there, id);
        assert_eq!(
            (public().client_id().unwrap(), folder(&dir, "https://a/").client_id().unwrap()),
            (known_there, id)
        );
        let other = tempfile::tempdir().unwrap();
        assert_ne!(folder(&other, "https://a/").client_id().unwrap(), id);
    }

    #[test]
    fn the_id_of_a_machine_that_had_one_for_all_goes_on_as_that_of_its_own_servers() {
        let dir = tempfile::tempdir().unwrap();
        let id = "5e0c3a2f-3f86-4d53-9a6f-0a4a2f6c8d11";
        fs::write(dir.path().join("client.json"), format!("{{\"client_id\":\"{id}\"}}")).unwrap();
        assert_eq!(folder(&dir, "https://a/").client_id().unwrap().to_string(), id);
        let public = StateFolder::new(dir.path(), SourceKind::Unmanaged, &"https://a/".parse().unwrap());
        assert_ne!(public.client_id().unwrap().to_string(), id);
    }

    #[test]
    fn what_is_known_of_one_server_is_not_known_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let cookie = Some(KeptCookie { expiration: "x".to_owned(), data: vec![1, 255] });
        let state = ServerState { format: FORMAT, cookie, ..ServerState::default() };
        folder(&dir, "https://a/").save(&state).unwrap();
        assert_eq!(folder(&dir, "https://a/").load(), state);
        assert_eq!(folder(&dir, "https://b/").load(), ServerState::default());
        let public = StateFolder::new(dir.path(), SourceKind::Unmanaged, &"https://a/".parse().unwrap());
        assert_eq!(public.load(), ServerState::default());
    }

    #[test]
    fn damaged_and_foreign_state_is_no_state() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(&dir, "https://a/");
        for bytes in ["", "{", "{\"format\":1,\"revisions\":{}}", "[]"] {
            fs::write(&folder.server, bytes).unwrap();
            assert_eq!(folder.load(), ServerState::default(), "{bytes}");
        }
    }
}
