//! A repository on a file share, which a real server (Samba) has.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod common;

use booster_definitions::Component::Antivirus;
use booster_publish::{
    KeyRing, KeySet, PublishError, PublishReport, PublishRequest, Repository, RepositoryOptions,
};
use booster_smb::{Account, Share, ShareError, ShareOptions, SignIn};
use booster_test_support::{Samba, SambaShare};
use common::{Machine, block, files_below, rule, versions};
use jiff::Timestamp;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A publisher whose repository lies in a folder of a share.
struct Site {
    dir: tempfile::TempDir,
    server: Samba,
}

impl Site {
    /// `None` where there is no Samba.
    fn new(share: impl FnOnce(&Path) -> SambaShare) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("share")).unwrap();
        let server = Samba::start(&[share(&dir.path().join("share"))])?;
        Some(Self { dir, server })
    }

    fn share(&self) -> ShareOptions {
        let options = ShareOptions::new(self.server.unc("Freigabe ü").parse().unwrap());
        let sign_in = SignIn::Account(Account::new(Samba::USER, Samba::PASSWORD, ""));
        ShareOptions { port: self.server.port(), sign_in, ..options }
    }

    fn repository(&self) -> Repository {
        let options =
            RepositoryOptions { share: Some(self.share()), keep: 1, ..RepositoryOptions::default() };
        Repository::open(&format!(r"{}\site\a b", self.server.unc("Freigabe ü")), options).unwrap()
    }

    /// Where the server keeps it.
    fn folder(&self) -> PathBuf {
        self.dir.path().join("share/site/a b")
    }

    fn init(&self) -> Result<Vec<u8>, PublishError> {
        let keys = KeySet::in_folder(&self.dir.path().join("keys"), 1, 1).unwrap();
        Ok(block(self.repository().init(keys, Timestamp::now()))?.root)
    }

    fn publish(&self, version: &str, text: &str) -> Result<PublishReport, PublishError> {
        let folder = self.dir.path().join("releases").join(version);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.yar"), rule("a", text)).unwrap();
        let mut request = PublishRequest::new(Antivirus, version.parse().unwrap(), folder);
        request.level = 1;
        let keys = KeyRing::from_folder(&self.dir.path().join("keys")).unwrap();
        block(self.repository().publish(&request, &keys, Timestamp::now()))
    }
}

fn writable(folder: &Path) -> SambaShare {
    SambaShare::writable("Freigabe ü", folder)
}

#[test]
fn a_share_is_published_on_and_a_machine_sees_it() {
    let Some(site) = Site::new(writable) else { return };
    let root = site.init().unwrap();
    site.publish("1.0.0.0", "first").unwrap();
    let machine = Machine::with(&root, &site.folder());
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.0.0.0"]);
    site.publish("1.1.0.0", "second").unwrap();
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.1.0.0"]);
    let report = block(site.repository().refresh(&site.keys(), Timestamp::now())).unwrap();
    assert!(report.timestamp > 3, "{report:?}");
    assert!(machine.check(Timestamp::now()).is_ok());
    assert!(files_below(&site.folder()).keys().all(|name| !name.contains('#')), "debris is left");
    assert!(matches!(site.init(), Err(PublishError::AlreadyInitialised { .. })));
}

impl Site {
    fn keys(&self) -> KeyRing {
        KeyRing::from_folder(&self.dir.path().join("keys")).unwrap()
    }
}

#[test]
fn one_publisher_at_a_time_works_on_a_share() {
    let Some(site) = Site::new(writable) else { return };
    site.init().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let other = runtime.block_on(async {
        let unc = format!(r"{}\site\a b", site.server.unc("Freigabe ü")).parse().unwrap();
        let share = Share::connect(&ShareOptions { unc, ..site.share() }).await.unwrap();
        (share.hold(".publish.lock").await.unwrap().expect("nobody else has it"), share)
    });
    let refused = site.publish("1.0.0.0", "first");
    assert!(matches!(refused, Err(PublishError::Busy { .. })), "{refused:?}");
    drop(other);
    drop(runtime);
    site.publish("1.0.0.0", "first").unwrap();
}

#[test]
fn what_a_killed_publisher_left_is_deleted_by_the_next() {
    let Some(site) = Site::new(writable) else { return };
    site.init().unwrap();
    let debris = site.folder().join("targets/antivirus/aa.tar.zst#4711");
    fs::create_dir_all(debris.parent().unwrap()).unwrap();
    fs::write(&debris, "half").unwrap();
    site.publish("1.0.0.0", "first").unwrap();
    assert!(!debris.exists());
}

#[test]
fn a_file_on_a_share_that_no_machine_would_take_is_not_read() {
    let Some(site) = Site::new(writable) else { return };
    site.init().unwrap();
    let timestamp = site.folder().join("metadata/timestamp.json");
    let whole = fs::read(&timestamp).unwrap();
    for (file, size) in [("timestamp.json", 17 << 10), ("1.targets.json", 9 << 20)] {
        let path = site.folder().join("metadata").join(file);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, vec![b' '; size]).unwrap();
        let refused = site.publish("1.0.0.0", "first");
        assert!(matches!(&refused, Err(PublishError::TooLarge { .. })), "{file}: {refused:?}");
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(fs::read(&timestamp).unwrap(), whole, "nothing was written");
    site.publish("1.0.0.0", "first").unwrap();
}

#[test]
fn a_share_that_may_only_be_read_is_left_as_it_was() {
    let Some(site) = Site::new(|folder| SambaShare::account("Freigabe ü", folder)) else { return };
    let refused = site.init();
    assert!(matches!(&refused, Err(PublishError::Share { source: ShareError::Denied, .. })), "{refused:?}");
    assert!(!site.folder().exists());
}

#[test]
fn a_share_without_a_way_to_sign_in_is_refused_at_once() {
    let refused = Repository::open(r"\\files\set", RepositoryOptions::default());
    assert!(matches!(&refused, Err(PublishError::Location { .. })), "{refused:?}");
    let options = RepositoryOptions {
        share: Some(ShareOptions::new(r"\\files\set".parse().unwrap())),
        ..RepositoryOptions::default()
    };
    let refused = Repository::open(r"\\files\..", options);
    assert!(matches!(&refused, Err(PublishError::Location { .. })), "{refused:?}");
}
