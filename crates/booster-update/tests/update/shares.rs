//! Updates from a real file server, and everything that can be wrong with what is on it.

use crate::{
    behind,
    machine::{Machine, now},
    publish_second, publisher,
    publisher::{Publisher, VALIDITY, rule},
};
use booster_definitions::{Component, Version, manifest_target};
use booster_sources::{Account, ShareOptions, SignIn, Source, UncSource};
use booster_test_support::{Samba, SambaShare, SmbMessage, SmbTap};
use booster_update::{ErrorKind, EventKind, Outcome};
use jiff::SignedDuration;
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

const AV: Component = Component::Antivirus;
const SHARE: &str = "sigs";

fn serve(folder: &Path) -> Option<Samba> {
    Samba::start(&[SambaShare::account(SHARE, folder)])
}

/// The share as a source, through this port.
fn share(server: &Samba, port: u16) -> Arc<dyn Source> {
    let sign_in = SignIn::Account(Account::new(Samba::USER, Samba::PASSWORD, ""));
    let unc = server.unc(SHARE).parse().unwrap();
    let limit = Duration::from_secs(20);
    Arc::new(UncSource::new(ShareOptions {
        port,
        sign_in,
        response_timeout: limit,
        ..ShareOptions::new(unc)
    }))
}

/// What is done to a file.
type Damage = fn(&Path, &[u8]);

const DAMAGES: [(&str, Damage); 8] = [
    ("one bit", |path, good| {
        let mut bad = good.to_vec();
        bad[good.len() / 2] ^= 1;
        fs::write(path, bad).unwrap();
    }),
    ("cut short", |path, good| fs::write(path, &good[..30]).unwrap()),
    ("empty", |path, _| fs::write(path, "").unwrap()),
    ("a web page", |path, _| {
        fs::write(path, "<!DOCTYPE html><html><body>Please sign in</body></html>").unwrap()
    }),
    ("zeros", |path, good| fs::write(path, vec![0; good.len()]).unwrap()),
    ("endless", |path, good| {
        fs::File::options().write(true).open(path).unwrap().set_len(good.len() as u64 + (1 << 40)).unwrap()
    }),
    ("gone", |path, _| fs::remove_file(path).unwrap()),
    ("a folder", |path, _| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }),
];

#[tokio::test]
async fn whatever_is_wrong_with_a_file_has_a_name_changes_nothing_and_ends() {
    let (machine, publisher) = behind().await;
    let Some(server) = serve(publisher.path()) else { return };
    let archive = publisher.archive_url(AV, 2);
    let manifest = publisher.target_url(&manifest_target(AV, Version([1, 2, 0, 0])));
    let metadata = ["metadata/timestamp.json", "metadata/3.snapshot.json", "metadata/3.targets.json"];
    for file in metadata.into_iter().chain([manifest.as_str(), archive.as_str()]) {
        let path = publisher.path().join(file.trim_start_matches('/'));
        let good = fs::read(&path).unwrap();
        for (name, damage) in DAMAGES {
            damage(&path, &good);
            // The machine checks that nothing has changed.
            let told = machine.update_from(&[share(&server, server.port())]).await;
            told.is(Outcome::Failed);
            let kind = told.kind().unwrap();
            let expected: &[ErrorKind] = match name {
                "gone" => &[ErrorKind::NotFound],
                "a folder" => &[ErrorKind::NotFound, ErrorKind::Permission, ErrorKind::UnsafePath],
                "endless" => &[ErrorKind::TooLarge, ErrorKind::Truncated],
                _ => &[
                    ErrorKind::Untrusted,
                    ErrorKind::DigestMismatch,
                    ErrorKind::OtherPublisher,
                    ErrorKind::Truncated,
                    ErrorKind::WebPage,
                ],
            };
            assert!(expected.contains(&kind), "{file}, {name}: {kind:?} {:?}", told.report.error);
            machine.forget_downloads();
            if path.is_dir() {
                fs::remove_dir(&path).unwrap();
            }
            fs::write(&path, &good).unwrap();
        }
    }
    machine.update_from(&[share(&server, server.port())]).await.is(Outcome::Updated);
    assert_eq!(machine.version(AV), Some(2));
}

#[tokio::test]
async fn nothing_is_believed_because_it_is_on_the_share() {
    let mut publisher = publisher();
    let old = publisher.copy();
    publish_second(&mut publisher);
    let mut stranger = Publisher::new(now());
    for version in 1..=9 {
        stranger.publish(AV, version, &[("evil.yar", &rule("evil", "evil pattern"))]);
    }
    let shares = [("old", old.path()), ("stranger", stranger.path()), ("sigs", publisher.path())];
    let shares = shares.map(|(name, folder)| SambaShare::account(name, folder));
    let Some(server) = Samba::start(&shares) else { return };
    let of = |name: &str| -> Arc<dyn Source> {
        let sign_in = SignIn::Account(Account::new(Samba::USER, Samba::PASSWORD, ""));
        let unc = server.unc(name).parse().unwrap();
        Arc::new(UncSource::new(ShareOptions { port: server.port(), sign_in, ..ShareOptions::new(unc) }))
    };
    let machine = Machine::new(&publisher);
    machine.update_from(&[of("stranger")]).await.failed_with(ErrorKind::OtherPublisher);
    machine.update_from(&[of("sigs")]).await.is(Outcome::Updated);
    machine.update_from(&[of("old")]).await.failed_with(ErrorKind::OlderThanKnown);
    machine.clock.jump_to(now() + VALIDITY + SignedDuration::from_secs(1));
    machine.update_from(&[of("sigs")]).await.failed_with(ErrorKind::Expired);
    assert_eq!(machine.version(AV), Some(2));
}

#[tokio::test]
async fn an_update_that_a_dying_server_broke_off_is_gone_on_with() {
    let mut publisher = Publisher::new(now());
    let noise: Vec<u8> = (0..3_000_000u64)
        .map(|n| (n.wrapping_mul(n).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8)
        .collect();
    publisher.publish(AV, 1, &[("a.yar", &rule("a", "pattern")), ("noise.bin", &noise)]);
    let Some(mut server) = serve(publisher.path()) else { return };
    let blocks = AtomicU32::new(0);
    let tap = SmbTap::meddling(server.port(), move |message: &mut SmbMessage| {
        let is_block = message.is_answer && message.command() == Some(SmbMessage::READ);
        if is_block && message.bytes.len() > 200_000 && blocks.fetch_add(1, Ordering::SeqCst) == 4 {
            message.cut(|| {});
        }
    });
    let mut machine = Machine::new(&publisher);
    machine.options.download.retries = 0;
    let told = machine.update_from(&[share(&server, tap.port())]).await;
    told.failed_with(ErrorKind::Network);
    server.kill();
    machine.update_from(&[share(&server, server.port())]).await.failed_with(ErrorKind::Network);
    server.restart();
    let told = machine.update_from(&[share(&server, server.port())]).await;
    told.is(Outcome::Updated);
    let start = told.events.iter().find(|event| event.kind == EventKind::DownloadStart).unwrap();
    assert!(start.bytes.unwrap().0 >= 1_000_000, "{:?} were there", start.bytes);
}
