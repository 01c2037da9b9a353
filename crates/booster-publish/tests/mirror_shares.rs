//! Writers on a share that lose their connection, and readers who come meanwhile.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod common;

use booster_definitions::Component::Antivirus;
use booster_publish::{
    MirrorError, MirrorProgress, MirrorReport, MirrorRequest, PublishError, Repository, RepositoryOptions,
};
use booster_smb::{Account, ShareOptions, SignIn};
use booster_sources::{
    DirectorySource, MetadataRepository, Resume, Sink, Source, TransferRules, UncSource, download_from,
};
use booster_test_support::{Samba, SambaShare, SmbTap};
use booster_trust::{Client, ClientOptions, TrustedState};
use common::{Machine, Site, block, files_below, rule, versions};
use jiff::Timestamp;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A publisher, and a server with a share that has one folder for everything.
struct World {
    site: Site,
    dir: TempDir,
    server: Samba,
}

impl World {
    /// `None` where there is no Samba.
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("share")).unwrap();
        let server = Samba::start(&[SambaShare::writable("set", &dir.path().join("share"))])?;
        let site = Site::with(RepositoryOptions::default());
        site.publish(Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "first"))]).unwrap();
        Some(Self { site, dir, server })
    }

    /// Where the server keeps a folder of the share.
    fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join("share").join(name)
    }

    /// A copy of the publisher's folder.
    fn copy(&self, to: &Path) {
        fs::create_dir_all(to).unwrap();
        let copied =
            std::process::Command::new("cp").arg("-r").arg(self.site.folder().join(".")).arg(to).status();
        assert!(copied.unwrap().success());
    }

    fn request(&self, from: &Path, work: &str) -> MirrorRequest {
        self.site.mirror_request(Arc::new(DirectorySource::new(from)), self.dir.path().join(work))
    }
}

/// A folder of the share, by a port.
fn share(port: u16, name: &str) -> ShareOptions {
    let unc = format!(r"\\127.0.0.1\set\{name}").parse().unwrap();
    let sign_in = SignIn::Account(Account::new(Samba::USER, Samba::PASSWORD, ""));
    ShareOptions { port, sign_in, ..ShareOptions::new(unc) }
}

fn repository(share: ShareOptions, keep: usize) -> Repository {
    let place = share.unc.to_string();
    let options = RepositoryOptions { share: Some(share), keep, ..RepositoryOptions::default() };
    Repository::open(&place, options).unwrap()
}

fn mirror(place: &Repository, request: &MirrorRequest) -> Result<MirrorReport, MirrorError> {
    mirror_watched(place, request, &|_| {})
}

/// Mirrors as soon as the server has noticed that the one before is gone.
fn mirror_when_free(place: &Repository, request: &MirrorRequest) -> Result<MirrorReport, MirrorError> {
    for _ in 0..500 {
        match mirror(place, request) {
            Err(MirrorError::Place(PublishError::Busy { .. })) => {
                std::thread::sleep(Duration::from_millis(10))
            }
            mirrored => return mirrored,
        }
    }
    panic!("the lock is held for ever");
}

fn mirror_watched(
    place: &Repository,
    request: &MirrorRequest,
    progress: &(dyn Fn(MirrorProgress) + Sync),
) -> Result<MirrorReport, MirrorError> {
    block(place.mirror(request, Timestamp::now(), &CancellationToken::new(), progress))
}

#[test]
fn a_mirror_that_loses_its_lock_begins_again_or_ends_and_never_goes_on_without() {
    let Some(world) = World::new() else { return };
    let old = world.dir.path().join("old");
    world.copy(&old);
    let port = world.server.port();
    mirror(&repository(share(port, "m"), 1), &world.request(&old, "one")).unwrap();
    let machine = Machine::with(&world.site.root, &world.folder("m"));
    world.site.publish(Antivirus, "1.1.0.0", &[("a.yar", &rule("a", "second"))]).unwrap();

    let new = world.site.folder();
    let (request, other) = (world.request(&new, "one"), world.request(&old, "two"));
    let folder = world.folder("m");
    let World { mut server, .. } = world;
    for (retries, expected) in [(0, "antivirus 1.0.0.0"), (3, "antivirus 1.1.0.0")] {
        let before = files_below(&folder).len();
        let restarted = Mutex::new((&mut server, false));
        let progress = |_| {
            let (server, is_done) = &mut *restarted.lock().unwrap();
            if *is_done || files_below(&folder).len() == before {
                return;
            }
            // Something has been uploaded. The server goes and comes, and somebody else with it, who tidies.
            *is_done = true;
            server.kill();
            server.restart();
            std::thread::scope(|scope| {
                let other = scope.spawn(|| mirror(&repository(share(port, "m"), 1), &other));
                assert!(!other.join().unwrap().unwrap().changed);
            });
            assert_eq!(files_below(&folder).len(), before);
        };
        let place = repository(share(port, "m"), 1);
        let mirrored = mirror_watched(&place, &MirrorRequest { retries, ..request.clone() }, &progress);
        match &mirrored {
            Err(MirrorError::Place(PublishError::LockLost { .. })) => assert_eq!(retries, 0),
            mirrored => assert!(retries > 0 && mirrored.is_ok(), "{mirrored:?}"),
        }
        assert!(restarted.into_inner().unwrap().1, "nothing was uploaded");
        assert_eq!(versions(&machine.see().unwrap()), [expected]);
    }
}

#[test]
fn a_publisher_whose_connection_ends_at_any_message_leaves_the_old_state_or_the_new_one() {
    let Some(world) = World::new() else { return };
    let release = world.site.release("next", &[("a.yar", &rule("a", "second"))]);
    let request = world.site.request(Antivirus, "1.1.0.0", &release);
    let (mut lost, mut published) = (0, 0);
    // Every fifth message: the others do not differ in kind, and each costs some seconds.
    for cut in (0..400).step_by(5) {
        let name = format!("cut-{cut}");
        let folder = world.folder(&name);
        world.copy(&folder);
        let (port, other) =
            (world.server.port(), world.request(&world.site.folder(), &format!("work-{cut}")));
        let ((done, is_done), there) = (mpsc::channel(), name.clone());
        let tap = SmbTap::cutting(port, cut, move || {
            // Where the new state is out already, this one is behind it.
            match mirror_when_free(&repository(share(port, &there), 8), &other) {
                Ok(_) | Err(MirrorError::Ahead { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            done.send(()).unwrap();
        });
        let place = repository(share(tap.port(), &name), 8);
        let result = block(place.publish(&request, &world.site.keys(), Timestamp::now()));
        match &result {
            Ok(_) => published += 1,
            Err(PublishError::LockLost { .. }) => lost += 1,
            Err(PublishError::Share { source, .. }) => assert!(source.is_lost(), "{cut}: {result:?}"),
            Err(error) => panic!("{cut}: {error}"),
        }
        let was_cut = tap.messages() > cut;
        if was_cut {
            // The other one may be at work still, where the publisher has given up.
            is_done.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        let seen = versions(&Machine::with(&world.site.root, &folder).see().unwrap());
        assert!(seen == ["antivirus 1.0.0.0"] || seen == ["antivirus 1.1.0.0"], "{cut}: {seen:?}");
        if result.is_ok() {
            assert_eq!(seen, ["antivirus 1.1.0.0"], "{cut}");
        }
        fs::remove_dir_all(&folder).unwrap();
        if !was_cut {
            break;
        }
    }
    assert!(lost > 5 && published > 0, "{lost} lost their lock, {published} came through");
}

/// A machine that reads a share as machines do, and verifies everything.
struct Reader {
    state: TempDir,
    source: Arc<dyn Source>,
}

/// A file in memory.
struct Bytes(Vec<u8>);

impl Sink for Bytes {
    fn begin(&mut self, start: u64, _: Option<&str>) -> io::Result<()> {
        assert_eq!(start, 0);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

impl Reader {
    fn new(root: &[u8], share: ShareOptions) -> Self {
        let state = tempfile::tempdir().unwrap();
        TrustedState::open(state.path()).unwrap().pin(root).unwrap();
        Self { state, source: Arc::new(UncSource::new(share)) }
    }

    /// The version of the timestamp that is there, all of whose files it has fetched and verified.
    async fn see(&self) -> Result<u64, Box<dyn std::error::Error>> {
        let (rules, cancel) = (TransferRules::default(), CancellationToken::new());
        let metadata = MetadataRepository::new(Arc::clone(&self.source), rules.clone(), cancel.clone());
        let state = TrustedState::open(self.state.path())?;
        let mut client = Client::new(metadata, state, ClientOptions::default())?;
        client.refresh(Timestamp::now()).await?;
        let names: Vec<String> = client.targets().map(|(name, _)| name.to_owned()).collect();
        for name in names {
            let target = client.target(&name, Timestamp::now()).await?;
            let mut bytes = Bytes(Vec::new());
            let from = Resume { offset: 0, etag: None };
            let (path, length) = (target.location(), target.length());
            download_from(self.source.as_ref(), path, from, length, &rules, &cancel, &mut bytes).await?;
            target.verify(&bytes.0)?;
        }
        Ok(client.versions().timestamp.unwrap_or_default())
    }
}

/// Reads on and on while something is written, and gives how many times the state was a new one.
fn read_while(reader: &Reader, write: impl FnOnce() + Send) -> u32 {
    let (is_done, news) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            block(async {
                let mut last = 0;
                // The last read begins when everything has been written.
                loop {
                    let was_done = is_done.load(Ordering::SeqCst);
                    let version = reader.see().await.unwrap_or_else(|error| panic!("behind {last}: {error}"));
                    assert!(version >= last, "{version} behind {last}");
                    news.fetch_add(u32::from(version > last), Ordering::SeqCst);
                    last = version;
                    if was_done {
                        return;
                    }
                }
            });
        });
        write();
        is_done.store(true, Ordering::SeqCst);
        reading.join().unwrap();
    });
    news.into_inner()
}

#[test]
fn readers_of_a_share_see_the_old_state_or_the_new_one_while_a_publisher_writes() {
    let Some(world) = World::new() else { return };
    world.copy(&world.folder("p"));
    let reader = Reader::new(&world.site.root, share(world.server.port(), "p"));
    let place = repository(share(world.server.port(), "p"), 8);
    let news = read_while(&reader, || {
        for number in 1..=25 {
            let version = format!("1.{number}.0.0");
            let folder = world.site.release(&version, &[("a.yar", &rule("a", &version))]);
            let request = world.site.request(Antivirus, &version, &folder);
            block(place.publish(&request, &world.site.keys(), Timestamp::now())).unwrap();
        }
    });
    assert!(news > 2, "{news} states were seen");
    let machine = Machine::with(&world.site.root, &world.folder("p"));
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.25.0.0"]);
}

#[test]
fn readers_of_a_share_see_the_old_state_or_the_new_one_while_a_mirror_writes() {
    let Some(world) = World::new() else { return };
    let place = repository(share(world.server.port(), "m"), 8);
    let request = world.request(&world.site.folder(), "work");
    mirror(&place, &request).unwrap();
    let reader = Reader::new(&world.site.root, share(world.server.port(), "m"));
    let news = read_while(&reader, || {
        for number in 1..=25 {
            let version = format!("1.{number}.0.0");
            world.site.publish(Antivirus, &version, &[("a.yar", &rule("a", &version))]).unwrap();
            mirror(&place, &request).unwrap();
        }
    });
    assert!(news > 2, "{news} states were seen");
    let machine = Machine::with(&world.site.root, &world.folder("m"));
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.25.0.0"]);
}

#[test]
fn a_mirror_is_cancelled_while_its_server_does_not_answer() {
    let Some(world) = World::new() else { return };
    // Long enough that only the cancellation can end it.
    let patient =
        ShareOptions { response_timeout: Duration::from_secs(3600), ..share(world.server.port(), "m") };
    let (place, request) = (repository(patient, 8), world.request(&world.site.folder(), "work"));
    let cancel = CancellationToken::new();
    let progress = |_| world.server.freeze();
    let mirrored = block(async {
        let mirrored = place.mirror(&request, Timestamp::now(), &cancel, &progress);
        // By then it waits for the server, or will in a moment.
        let cancelling = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            cancel.cancel();
        };
        let both = async { tokio::join!(mirrored, cancelling).0 };
        tokio::time::timeout(Duration::from_secs(50), both).await.expect("it did not end")
    });
    world.server.thaw();
    assert!(matches!(mirrored, Err(MirrorError::Cancelled)), "{mirrored:?}");
    // With its connection goes its lock.
    drop(place);
    let usual = share(world.server.port(), "m");
    assert!(mirror_when_free(&repository(usual, 8), &request).unwrap().changed);
    assert!(files_below(&world.folder("m")).keys().all(|name| !name.contains('#')), "debris is left");
}
