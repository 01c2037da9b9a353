//! Mirrors: in folders and on a share, from folders, from a misbehaving server and from a share.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod common;

use booster_definitions::Component::{Antivirus, Nis};
use booster_publish::{
    MirrorError, MirrorReport, MirrorRequest, PublishError, Repository, RepositoryOptions, Withdrawal,
};
use booster_smb::{Account, ShareOptions, SignIn};
use booster_sources::{
    DirectorySource, HttpOptions, HttpSource, ProxyChoice, Source, SourceError, UncSource,
};
use booster_test_support::{Fault, FaultyServer, Samba, SambaShare};
use booster_trust::TrustError;
use common::{Machine, Site, block, files_below, rule, versions};
use jiff::Timestamp;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A place for mirrors, and what a mirror keeps on this machine.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn place(&self) -> PathBuf {
        self.dir.path().join("mirror")
    }

    fn request(&self, site: &Site, source: Arc<dyn Source>) -> MirrorRequest {
        MirrorRequest { retries: 5, ..site.mirror_request(source, self.dir.path().join("work")) }
    }

    fn mirror(&self, site: &Site, source: Arc<dyn Source>) -> Result<MirrorReport, MirrorError> {
        self.mirror_as(self.request(site, source))
    }

    fn mirror_as(&self, request: MirrorRequest) -> Result<MirrorReport, MirrorError> {
        mirror_to(&self.repository(), &request)
    }

    fn repository(&self) -> Repository {
        let options = RepositoryOptions { keep: 1, ..RepositoryOptions::default() };
        Repository::open(self.place().to_str().unwrap(), options).unwrap()
    }
}

fn mirror_to(repository: &Repository, request: &MirrorRequest) -> Result<MirrorReport, MirrorError> {
    block(repository.mirror(request, Timestamp::now(), &CancellationToken::new(), &|_| {}))
}

fn folder(path: PathBuf) -> Arc<dyn Source> {
    Arc::new(DirectorySource::new(path))
}

fn web(server: &FaultyServer) -> Arc<dyn Source> {
    let options =
        HttpOptions { proxy: ProxyChoice::Direct, ..HttpOptions::new(server.url().parse().unwrap()) };
    Arc::new(HttpSource::new(options).unwrap())
}

/// A site with two releases of one component and one of another.
fn site() -> Site {
    let site = Site::with(RepositoryOptions { keep: 1, ..RepositoryOptions::default() });
    site.publish(Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "first"))]).unwrap();
    site.publish(Antivirus, "1.1.0.0", &[("a.yar", &rule("a", "second"))]).unwrap();
    site.publish(Nis, "1.0.0.0", &[("n.yar", &rule("n", "third"))]).unwrap();
    site
}

/// What readers see of a repository: its files without those that are the publisher's own affair.
fn seen(place: &Path) -> Vec<(String, String)> {
    let files = files_below(place).into_iter().filter(|(name, _)| !name.starts_with('.'));
    files.map(|(name, digest)| (name, digest.to_string())).collect()
}

#[test]
fn a_mirror_is_the_original_byte_for_byte_and_costs_nothing_where_nothing_is_new() {
    let (site, desk) = (site(), Desk::new());
    let report = desk.mirror(&site, folder(site.folder())).unwrap();
    assert!(report.changed && report.copied >= 5 && report.kept == 0, "{report:?}");
    assert_eq!(seen(&desk.place()), seen(&site.folder()));
    let machine = Machine::with(&site.root, &desk.place());
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.1.0.0", "nis 1.0.0.0"]);

    let again = desk.mirror(&site, folder(site.folder())).unwrap();
    assert!(!again.changed && again.copied == 0 && again.kept == report.copied, "{again:?}");
}

#[test]
fn what_the_publisher_withdraws_or_replaces_goes_from_the_mirror_as_well() {
    let (site, desk) = (site(), Desk::new());
    desk.mirror(&site, folder(site.folder())).unwrap();
    for version in ["1.2.0.0", "1.3.0.0"] {
        site.publish(Antivirus, version, &[("a.yar", &rule("a", version))]).unwrap();
        desk.mirror(&site, folder(site.folder())).unwrap();
        assert_eq!(seen(&desk.place()), seen(&site.folder()));
    }
}

#[test]
fn a_damaged_file_is_found_and_copied_again() {
    let (site, desk) = (site(), Desk::new());
    desk.mirror(&site, folder(site.folder())).unwrap();
    let archives = desk.place().join("targets/antivirus");
    let victim = fs::read_dir(archives).unwrap().map(|entry| entry.unwrap().path()).next().unwrap();
    let mut bytes = fs::read(&victim).unwrap();
    bytes[0] ^= 1;
    fs::write(&victim, bytes).unwrap();
    let source = || folder(site.folder());
    assert_eq!(desk.mirror(&site, source()).unwrap().repaired, 0, "its length is right, and nobody looked");
    let report = desk.mirror_as(MirrorRequest { verify: true, ..desk.request(&site, source()) }).unwrap();
    assert_eq!((report.copied, report.repaired), (1, 1));
    assert_eq!(seen(&desk.place()), seen(&site.folder()));
}

#[test]
fn nothing_that_is_not_signed_comes_into_a_mirror() {
    let (site, desk) = (site(), Desk::new());
    desk.mirror(&site, folder(site.folder())).unwrap();
    let before = seen(&desk.place());

    // A file that was changed at the source.
    site.publish(Antivirus, "1.2.0.0", &[("a.yar", &rule("a", "fourth"))]).unwrap();
    let forged = copy(&site.folder());
    damage(forged.path());
    let refused = desk.mirror(&site, folder(forged.path().to_owned()));
    assert!(matches!(refused, Err(MirrorError::WrongTarget { .. })), "{refused:?}");
    assert_eq!(seen(&desk.place()), before);

    // Another publisher's repository.
    let other = Site::new();
    let refused = desk.mirror(&other, folder(other.folder()));
    assert!(matches!(refused, Err(MirrorError::Trust(TrustError::OtherPublisher { .. }))), "{refused:?}");
    let unpinned = MirrorRequest { root: None, ..Desk::new().request(&site, folder(site.folder())) };
    let refused = mirror_to(&Desk::new().repository(), &unpinned);
    assert!(matches!(refused, Err(MirrorError::Trust(TrustError::NotInitialised))), "{refused:?}");
    assert_eq!(seen(&desk.place()), before);
}

#[test]
fn an_older_state_never_takes_the_place_of_a_newer_one() {
    let (site, desk) = (site(), Desk::new());
    let old = copy(&site.folder());
    site.publish(Antivirus, "1.2.0.0", &[("a.yar", &rule("a", "fourth"))]).unwrap();
    desk.mirror(&site, folder(site.folder())).unwrap();
    let before = seen(&desk.place());
    let elsewhere = MirrorRequest {
        work: desk.dir.path().join("other work"),
        ..desk.request(&site, folder(old.path().to_owned()))
    };
    let refused = desk.mirror_as(elsewhere);
    assert!(matches!(refused, Err(MirrorError::Ahead { .. })), "{refused:?}");
    assert_eq!(seen(&desk.place()), before);
}

#[test]
fn a_copy_that_was_broken_off_is_gone_on_with() {
    let (site, desk) = (Site::new(), Desk::new());
    let noise: String =
        (0..40_000u64).map(|n| format!("// {:x}\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    site.publish(Antivirus, "1.0.0.0", &[("a.yar", &(noise + &rule("a", "first")))]).unwrap();
    let archive = fs::read_dir(site.folder().join("targets/antivirus")).unwrap();
    let archive =
        archive.map(|entry| entry.unwrap().path()).find(|path| path.ends_with_name("tar.zst")).unwrap();
    let size = fs::metadata(&archive).unwrap().len();
    let path = format!("/targets/antivirus/{}", archive.file_name().unwrap().to_str().unwrap());
    let server = FaultyServer::serve(site.folder());
    server.misbehave(&path, Fault::ResetAfter(60_000));
    let broken = desk.mirror_as(MirrorRequest { retries: 0, ..desk.request(&site, web(&server)) });
    assert!(matches!(broken, Err(MirrorError::Source(SourceError::ConnectionLost { .. }))), "{broken:?}");
    assert!(!desk.place().join("metadata/timestamp.json").exists(), "readers see nothing of it");

    server.heal();
    let report = desk.mirror(&site, web(&server)).unwrap();
    assert!(report.copied_bytes < size, "{report:?}: {size} bytes were fetched again");
    // What an earlier publication listed is nothing that machines still ask for.
    let machine = Machine::with(&site.root, &desk.place());
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.0.0.0"]);
}

/// A copy of a repository.
fn copy(of: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp").arg("-r").arg(of.join(".")).arg(folder.path()).status();
    assert!(copied.unwrap().success());
    folder
}

/// Changes a byte of each archive.
fn damage(repository: &Path) {
    for entry in fs::read_dir(repository.join("targets/antivirus")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn a_source_that_is_ahead_and_damaged_does_not_make_a_whole_one_old() {
    let (site, desk) = (site(), Desk::new());
    desk.mirror(&site, folder(site.folder())).unwrap();
    site.publish(Antivirus, "1.2.0.0", &[("a.yar", &rule("a", "fourth"))]).unwrap();
    let behind = copy(&site.folder());
    site.publish(Antivirus, "1.3.0.0", &[("a.yar", &rule("a", "fifth"))]).unwrap();
    let ahead = copy(&site.folder());
    damage(ahead.path());
    let refused = desk.mirror(&site, folder(ahead.path().to_owned()));
    assert!(matches!(refused, Err(MirrorError::WrongTarget { .. })), "{refused:?}");
    desk.mirror(&site, folder(behind.path().to_owned())).unwrap();
    let machine = Machine::with(&site.root, &desk.place());
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.2.0.0", "nis 1.0.0.0"]);

    // What the mirror has had is trusted, also where it lies no longer.
    desk.mirror(&site, folder(site.folder())).unwrap();
    fs::remove_dir_all(desk.place()).unwrap();
    let refused = desk.mirror(&site, folder(behind.path().to_owned()));
    assert!(matches!(refused, Err(MirrorError::Trust(TrustError::OlderThanKnown { .. }))), "{refused:?}");
}

#[test]
fn what_was_withdrawn_before_it_had_been_copied_is_not_kept() {
    let (site, desk) = (site(), Desk::new());
    let noise: String =
        (0..40_000u64).map(|n| format!("// {:x}\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    site.publish(Antivirus, "1.2.0.0", &[("a.yar", &(noise + &rule("a", "fourth")))]).unwrap();
    let server = FaultyServer::serve(site.folder());
    let archives = fs::read_dir(site.folder().join("targets/antivirus")).unwrap();
    let archive =
        archives.map(|entry| entry.unwrap().path()).find(|path| path.ends_with_name(".1.2.0.0.tar.zst"));
    let path = format!("/targets/antivirus/{}", archive.unwrap().file_name().unwrap().to_str().unwrap());
    server.misbehave(&path, Fault::ResetAfter(60_000));
    desk.mirror_as(MirrorRequest { retries: 0, ..desk.request(&site, web(&server)) }).unwrap_err();
    let parts = || fs::read_dir(desk.dir.path().join("work/copies")).map_or(0, Iterator::count);
    assert_eq!(parts(), 1);

    let withdrawal = Withdrawal { component: Antivirus, version: None, reason: "noise".to_owned() };
    let settings = site.request(Antivirus, "1.2.0.0", site.dir.path());
    block(site.repository().withdraw(&withdrawal, &settings, &site.keys(), Timestamp::now())).unwrap();
    server.heal();
    desk.mirror(&site, web(&server)).unwrap();
    assert_eq!(parts(), 0);
}

#[test]
fn a_timestamp_that_no_machine_would_take_is_not_read() {
    let (site, desk) = (site(), Desk::new());
    desk.mirror(&site, folder(site.folder())).unwrap();
    let timestamp = desk.place().join("metadata/timestamp.json");
    fs::write(&timestamp, vec![b' '; (16 << 10) + 1]).unwrap();
    let refused = desk.mirror(&site, folder(site.folder()));
    let is_too_large = |error: &MirrorError| matches!(error, MirrorError::Place(PublishError::TooLarge { limit, .. }) if *limit == 16 << 10);
    assert!(refused.as_ref().is_err_and(is_too_large), "{refused:?}");
    fs::remove_file(&timestamp).unwrap();
    desk.mirror(&site, folder(site.folder())).unwrap();
    assert_eq!(seen(&desk.place()), seen(&site.folder()));
}

#[test]
fn one_program_at_a_time_works_on_a_mirror() {
    let (site, desk) = (site(), Desk::new());
    fs::create_dir_all(desk.place()).unwrap();
    let lock = fs::File::create(desk.place().join(".publish.lock")).unwrap();
    lock.lock().unwrap();
    let refused = desk.mirror(&site, folder(site.folder()));
    assert!(matches!(refused, Err(MirrorError::Place(PublishError::Busy { .. }))), "{refused:?}");
}

#[test]
fn a_share_is_mirrored_to_and_mirrored_from() {
    let (site, desk) = (site(), Desk::new());
    fs::create_dir(desk.dir.path().join("share")).unwrap();
    let shares = [
        SambaShare::writable("mirrors", &desk.dir.path().join("share")),
        SambaShare::account("original", &site.folder()),
    ];
    let Some(server) = Samba::start(&shares) else { return };
    let share = |unc: String| {
        let sign_in = SignIn::Account(Account::new(Samba::USER, Samba::PASSWORD, ""));
        ShareOptions { port: server.port(), sign_in, ..ShareOptions::new(unc.parse().unwrap()) }
    };
    let unc = format!(r"{}\branch office\ü", server.unc("mirrors"));
    let options =
        RepositoryOptions { share: Some(share(unc.clone())), keep: 1, ..RepositoryOptions::default() };
    let repository = Repository::open(&unc, options).unwrap();
    let request = desk.request(&site, Arc::new(UncSource::new(share(server.unc("original")))));
    let report = mirror_to(&repository, &request).unwrap();
    assert!(report.changed, "{report:?}");
    let place = desk.dir.path().join("share/branch office/ü");
    assert_eq!(seen(&place), seen(&site.folder()));

    site.publish(Antivirus, "1.2.0.0", &[("a.yar", &rule("a", "fourth"))]).unwrap();
    let request = desk.request(&site, Arc::new(UncSource::new(share(server.unc("original")))));
    mirror_to(&repository, &MirrorRequest { verify: true, ..request }).unwrap();
    assert_eq!(seen(&place), seen(&site.folder()));
    let machine = Machine::with(&site.root, &place);
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.2.0.0", "nis 1.0.0.0"]);
}

/// Whether a file's name ends so.
trait EndsWithName {
    fn ends_with_name(&self, end: &str) -> bool;
}

impl EndsWithName for PathBuf {
    fn ends_with_name(&self, end: &str) -> bool {
        self.to_string_lossy().ends_with(end)
    }
}
