//! A file share as a source, on a real file server (Samba).

use super::*;
use booster_sources::{
    Account, Counters, Refusals, ShareError, ShareOptions, SignIn, SourceKind, UncSource, download_from,
};
use booster_test_support::{Samba, SambaShare, SmbTap};
use futures_util::StreamExt as _;
use std::net::TcpListener;

fn options(server: &Samba, share: &str) -> ShareOptions {
    let sign_in = SignIn::Account(Account::new(Samba::USER, Samba::PASSWORD, ""));
    ShareOptions { port: server.port(), sign_in, ..ShareOptions::new(server.unc(share).parse().unwrap()) }
}

fn unc(server: &Samba, share: &str) -> UncSource {
    UncSource::new(options(server, share))
}

/// A server with one share of a folder.
fn serve(folder: &Path) -> Option<Samba> {
    Samba::start(&[SambaShare::account("Größe & more", folder)])
}

const SHARE: &str = "Größe & more";

#[tokio::test]
async fn a_share_is_read_and_counted() {
    let folder = repository();
    let Some(server) = serve(folder.path()) else { return };
    let source = unc(&server, SHARE);
    assert_eq!(bounded(timestamp(&source)).await.unwrap().as_deref(), Some(TIMESTAMP));
    assert_eq!(bounded(fetch(&source, &patient())).await.unwrap(), archive());
    let bytes = (TIMESTAMP.len() + archive().len()) as u64;
    assert_eq!(source.counters(), Counters { requests: 2, bytes });
    assert_eq!((source.kind(), source.location()), (SourceKind::Unc, server.unc(SHARE)));
    let located = source.locate(Area::Metadata, "timestamp.json");
    assert_eq!(located, format!(r"{}\metadata\timestamp.json", server.unc(SHARE)));
    assert!(!format!("{source:?}").contains(Samba::PASSWORD));
}

#[tokio::test]
async fn a_file_that_is_not_there_is_absent_and_a_share_that_is_not_there_is_a_failure() {
    let folder = repository();
    let Some(server) = serve(folder.path()) else { return };
    let (rules, cancel) = (patient(), CancellationToken::new());
    let source = unc(&server, SHARE);
    for path in ["2.root.json", "deep/down/x.json", "timestamp.json/x"] {
        let absent = bounded(read(&source, Area::Metadata, path, 100, &rules, &cancel)).await;
        assert!(matches!(absent, Ok(None)), "{path}: {absent:?}");
    }
    let missing = bounded(download(&source, "x/y", 1, &rules, &cancel, &mut |_| Ok(()))).await;
    assert!(matches!(missing, Err(SourceError::NotFound { .. })), "{missing:?}");
    let no_share = bounded(timestamp(&unc(&server, "missing"))).await;
    assert!(matches!(no_share, Err(SourceError::Share { error: ShareError::NoShare, .. })), "{no_share:?}");
}

#[tokio::test]
async fn a_wrong_password_is_shown_once_and_never_told() {
    let folder = repository();
    let Some(server) = serve(folder.path()) else { return };
    let secret = "geheim-geheim";
    let sign_in = SignIn::Account(Account::new(Samba::USER, secret, ""));
    let source = UncSource::new(ShareOptions { sign_in, ..options(&server, SHARE) });
    for _ in 0..3 {
        let refused = bounded(timestamp(&source)).await.unwrap_err();
        assert!(
            matches!(&refused, SourceError::Share { error: ShareError::SignIn { .. }, .. }),
            "{refused:?}"
        );
        assert!(!format!("{refused} {refused:?} {source:?}").contains(secret));
    }
    // Another share of the server is not shown it either, and another server is.
    let refusals = Refusals::default();
    let tap = SmbTap::before(server.port());
    for (port, expected) in [(tap.port(), "wrong password"), (tap.port(), "wrong password"), (1, "refused")] {
        let sign_in = SignIn::Account(Account::new(Samba::USER, secret, ""));
        let options = ShareOptions { sign_in, port, ..options(&server, SHARE) };
        let refused =
            bounded(timestamp(&UncSource::beside(options, &refusals))).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
    assert_eq!(tap.connections(), 1);
    // An unknown user is taken for a guest by this server; here nobody asked to be one.
    let sign_in = SignIn::Account(Account::new("nobody-here", secret, ""));
    let source = UncSource::new(ShareOptions { sign_in, ..options(&server, SHARE) });
    let refused = bounded(timestamp(&source)).await;
    assert!(
        matches!(&refused, Err(SourceError::Share { error: ShareError::Guest { .. }, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn accounts_that_may_not_sign_in_are_told_apart() {
    let folder = repository();
    let shares = [SambaShare::account(SHARE, folder.path())];
    for (server, expected) in [
        (Samba::start_with_expired_password(&shares), "must be changed"),
        (Samba::start_with_disabled_account(&shares), "is disabled"),
        (Samba::start_with_expired_account(&shares), "has expired"),
    ] {
        let Some(server) = server else { return };
        let refused = bounded(timestamp(&unc(&server, SHARE))).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}

#[tokio::test]
async fn a_guest_gets_in_where_guests_may_and_nowhere_else() {
    let folder = repository();
    let shares = [SambaShare::guest("open", folder.path()), SambaShare::account("closed", folder.path())];
    let Some(server) = Samba::start(&shares) else { return };
    let guest = |share| UncSource::new(ShareOptions { sign_in: SignIn::Guest, ..options(&server, share) });
    assert_eq!(bounded(timestamp(&guest("open"))).await.unwrap().as_deref(), Some(TIMESTAMP));
    let refused = bounded(timestamp(&guest("closed"))).await;
    assert!(matches!(&refused, Err(SourceError::Share { error: ShareError::Denied, .. })), "{refused:?}");
    let sealed =
        ShareOptions { sign_in: SignIn::Guest, require_encryption: true, ..options(&server, "open") };
    let refused = bounded(timestamp(&UncSource::new(sealed))).await;
    assert!(
        matches!(&refused, Err(SourceError::Share { error: ShareError::NoEncryption { .. }, .. })),
        "{refused:?}"
    );
    let Some(strict) = Samba::start_with_settings(&shares, "map to guest = Never\nrestrict anonymous = 2")
    else {
        return;
    };
    let guest = ShareOptions { sign_in: SignIn::Guest, ..options(&strict, "open") };
    let refused = bounded(timestamp(&UncSource::new(guest))).await;
    assert!(matches!(&refused, Err(SourceError::Share { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_old_server_is_refused_with_what_it_speaks() {
    let folder = repository();
    let shares = [SambaShare::account(SHARE, folder.path())];
    for (settings, spoken) in [
        ("server max protocol = SMB3_02", "3.0.2"),
        ("server max protocol = SMB2_10\nserver min protocol = SMB2_02", "2.1"),
        ("server max protocol = NT1\nserver min protocol = NT1", "1, as it hangs up"),
    ] {
        let Some(server) = Samba::start_with_settings(&shares, settings) else { return };
        let refused = bounded(timestamp(&unc(&server, SHARE))).await;
        assert!(
            matches!(
                &refused,
                Err(SourceError::Share { error: ShareError::OldDialect { dialect }, .. }) if dialect.contains(spoken)
            ),
            "{settings}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn what_is_not_sent_in_the_clear_can_be_required() {
    let folder = repository();
    let Some(server) = serve(folder.path()) else { return };
    let source = UncSource::new(ShareOptions { require_encryption: true, ..options(&server, SHARE) });
    assert_eq!(bounded(fetch(&source, &patient())).await.unwrap(), archive());
    let unable = [SambaShare::account(SHARE, folder.path())];
    let Some(unable) = Samba::start_with_settings(&unable, "server smb encrypt = off") else { return };
    let source = UncSource::new(ShareOptions { require_encryption: true, ..options(&unable, SHARE) });
    let refused = bounded(timestamp(&source)).await;
    assert!(
        matches!(&refused, Err(SourceError::Share { error: ShareError::NoEncryption { .. }, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_read_goes_on_where_it_was_broken_off_after_the_server_was_killed() {
    let folder = repository();
    let large: Vec<u8> = (0..30_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    write(folder.path(), &format!("targets/{ARCHIVE}"), &large);
    let Some(mut server) = serve(folder.path()) else { return };
    let source = unc(&server, SHARE);
    let (rules, cancel) = (patient(), CancellationToken::new());

    let mut received = Vec::new();
    let mut sink = |chunk: &[u8]| {
        if received.is_empty() {
            server.kill();
        }
        received.extend_from_slice(chunk);
        Ok(())
    };
    let length = large.len() as u64;
    let broken = bounded(download(&source, ARCHIVE, length, &rules, &cancel, &mut sink)).await;
    assert!(matches!(broken, Err(SourceError::ConnectionLost { .. })), "{broken:?}");
    assert!(!received.is_empty() && received.len() < large.len());

    let gone = bounded(timestamp(&source)).await;
    assert!(matches!(gone, Err(SourceError::Unreachable { .. })), "{gone:?}");

    server.restart();
    let from = at(received.len() as u64);
    let mut rest = |chunk: &[u8]| {
        received.extend_from_slice(chunk);
        Ok(())
    };
    bounded(download_from(&source, ARCHIVE, from, length, &rules, &cancel, &mut rest)).await.unwrap();
    assert!(received == large, "the whole is not what it must be");
}

#[tokio::test]
async fn a_session_that_ended_between_two_files_is_made_anew() {
    let folder = repository();
    let Some(mut server) = serve(folder.path()) else { return };
    let source = unc(&server, SHARE);
    bounded(timestamp(&source)).await.unwrap();
    server.kill();
    server.restart();
    assert_eq!(bounded(timestamp(&source)).await.unwrap().as_deref(), Some(TIMESTAMP));
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_at_every_stage() {
    let folder = repository();
    let large = vec![7; 30_000_000];
    write(folder.path(), &format!("targets/{ARCHIVE}"), &large);
    let Some(server) = serve(folder.path()) else { return };
    let limit = Duration::from_secs(1);
    let hasty = |port| ShareOptions {
        connect_timeout: limit,
        response_timeout: limit,
        port,
        ..options(&server, SHARE)
    };

    // One that takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = UncSource::new(hasty(silent.local_addr().unwrap().port()));
    let given_up = bounded(timestamp(&source)).await;
    assert!(matches!(given_up, Err(SourceError::NoAnswer { .. })), "{given_up:?}");

    // One that hangs between two files, and one that hangs in the middle of one.
    let source = UncSource::new(hasty(server.port()));
    bounded(timestamp(&source)).await.unwrap();
    server.freeze();
    let given_up = bounded(timestamp(&source)).await;
    assert!(matches!(given_up, Err(SourceError::NoAnswer { .. })), "{given_up:?}");
    server.thaw();

    let source = unc(&server, SHARE);
    let (rules, cancel) = (impatient_in_the_middle(), CancellationToken::new());
    let mut frozen = false;
    let mut sink = |_: &[u8]| {
        if !std::mem::replace(&mut frozen, true) {
            server.freeze();
        }
        Ok(())
    };
    let stalled = bounded(download(&source, ARCHIVE, large.len() as u64, &rules, &cancel, &mut sink)).await;
    assert!(matches!(stalled, Err(SourceError::Stalled { .. } | SourceError::TooSlow { .. })), "{stalled:?}");
}

/// Patient until the first byte, and not for long from then on.
fn impatient_in_the_middle() -> TransferRules {
    TransferRules { minimum_bytes: 1 << 30, window: Duration::from_secs(1), ..patient() }
}

#[tokio::test]
async fn cancelling_ends_a_read_at_once() {
    let folder = repository();
    write(folder.path(), &format!("targets/{ARCHIVE}"), &vec![7; 30_000_000]);
    let Some(server) = serve(folder.path()) else { return };
    let source = unc(&server, SHARE);
    let cancel = CancellationToken::new();
    let mut sink = |_: &[u8]| {
        cancel.cancel();
        Ok(())
    };
    let ended = bounded(download(&source, ARCHIVE, 30_000_000, &patient(), &cancel, &mut sink)).await;
    assert!(matches!(ended, Err(SourceError::Cancelled { .. })), "{ended:?}");
}

#[tokio::test]
async fn a_file_that_is_replaced_while_it_is_read_stays_what_it_was() {
    let folder = repository();
    let place = folder.path().join("targets").join(ARCHIVE);
    let (old, new) = (vec![1; 30_000_000], vec![2; 100]);
    std::fs::write(&place, &old).unwrap();
    let Some(server) = serve(folder.path()) else { return };
    let source = unc(&server, SHARE);
    let opened = bounded(source.open(Area::Targets, ARCHIVE, Resume::WHOLE)).await.unwrap().unwrap();
    let etag = opened.etag.clone().unwrap();
    let mut stream = opened.stream;
    let first = bounded(stream.next()).await.unwrap().unwrap();
    // As publishers and mirrors do it, which an open reader does not keep from it.
    std::fs::write(place.with_extension("new"), &new).unwrap();
    std::fs::rename(place.with_extension("new"), &place).unwrap();
    let mut received = first.len();
    while let Some(chunk) = bounded(stream.next()).await {
        let chunk = chunk.unwrap();
        assert!(chunk.iter().all(|&byte| byte == 1));
        received += chunk.len();
    }
    assert_eq!(received, old.len());
    let again = Resume { offset: 50, etag: Some(&etag) };
    let other = bounded(source.open(Area::Targets, ARCHIVE, again)).await.unwrap().unwrap();
    assert_eq!((other.start, other.length), (0, Some(100)), "another copy is sent from its beginning");
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_read_is_too_short() {
    let folder = repository();
    let place = folder.path().join("targets").join(ARCHIVE);
    std::fs::write(&place, vec![1; 30_000_000]).unwrap();
    let Some(server) = serve(folder.path()) else { return };
    let source = unc(&server, SHARE);
    let mut sink = |_: &[u8]| std::fs::File::options().write(true).open(&place)?.set_len(1_000_000);
    let cancel = CancellationToken::new();
    let short = bounded(download(&source, ARCHIVE, 30_000_000, &patient(), &cancel, &mut sink)).await;
    assert!(matches!(short, Err(SourceError::TooShort { .. })), "{short:?}");
}

#[tokio::test]
async fn a_reader_sees_the_old_timestamp_or_the_new_one_while_it_is_replaced() {
    let folder = repository();
    let Some(server) = serve(folder.path()) else { return };
    let source = unc(&server, SHARE);
    let place = folder.path().join("metadata/timestamp.json");
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = {
        let (place, done) = (place.clone(), std::sync::Arc::clone(&done));
        std::thread::spawn(move || {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                std::fs::write(place.with_extension("new"), TIMESTAMP).unwrap();
                std::fs::rename(place.with_extension("new"), &place).unwrap();
            }
        })
    };
    let mut seen = Vec::new();
    for _ in 0..300 {
        seen.push(bounded(timestamp(&source)).await);
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().unwrap();
    for seen in seen {
        assert_eq!(seen.unwrap().as_deref(), Some(TIMESTAMP));
    }
}

#[tokio::test]
async fn what_is_no_file_of_the_repository_is_refused() {
    let folder = repository();
    std::fs::create_dir(folder.path().join("metadata/folder")).unwrap();
    let Some(server) = serve(folder.path()) else { return };
    let source = unc(&server, SHARE);
    for path in ["folder", "../targets", "a:stream", "a*", "a."] {
        for area in [Area::Metadata, Area::Targets] {
            let refused = bounded(source.open(area, path, Resume::WHOLE)).await;
            assert!(
                matches!(&refused, Err(SourceError::UnsafePath { .. }))
                    || path == "folder" && area == Area::Targets,
                "{path}: {refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_share_with_ten_thousand_files_costs_no_more_than_another() {
    let folder = repository();
    for number in 0..10_000 {
        write(folder.path(), &format!("targets/antivirus/{number}.tar.zst"), b"x");
    }
    let Some(server) = serve(folder.path()) else { return };
    let source = unc(&server, SHARE);
    assert_eq!(bounded(fetch(&source, &patient())).await.unwrap(), archive());
    assert_eq!(source.counters().requests, 1);
}
