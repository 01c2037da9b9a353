//! Writing, replacing and deleting.

use super::*;
use booster_smb::Small;
use booster_test_support::{SambaShare, SmbTap};

async fn writable() -> Option<(Samba, TempDir, Share)> {
    let files = folder(&[]);
    let server = Samba::start(&[SambaShare::writable("drop", files.path())])?;
    let share = connect(&as_account(&server, "drop")).await.unwrap();
    Some((server, files, share))
}

#[tokio::test]
async fn a_file_appears_whole_in_folders_that_are_made_for_it() {
    let Some((_server, files, share)) = writable().await else { return };
    bounded(share.write("a b/ü/new", &content(3_000_000))).await.unwrap();
    assert!(std::fs::read(files.path().join("a b/ü/new")).unwrap() == content(3_000_000));
    bounded(share.write("a b/ü/new", b"newer")).await.unwrap();
    assert_eq!(std::fs::read(files.path().join("a b/ü/new")).unwrap(), b"newer");
    let listed = bounded(share.list("a b/ü")).await.unwrap().unwrap();
    assert_eq!(listed.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["new"]);
    bounded(share.delete("a b/ü/new")).await.unwrap();
    bounded(share.delete("a b/ü/new")).await.unwrap();
    assert_eq!(bounded(share.list("a b/ü")).await.unwrap(), Some(Vec::new()));
    assert_eq!(bounded(share.list("missing")).await.unwrap(), None);
}

#[tokio::test]
async fn a_file_that_is_being_read_is_replaced_when_the_reader_has_closed_it() {
    let Some((_server, _files, share)) = writable().await else { return };
    bounded(share.write("x", b"old")).await.unwrap();
    let reader = bounded(share.open("x")).await.unwrap().unwrap();
    let close = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(reader);
    };
    let (written, ()) = tokio::join!(bounded(share.write("x", b"new")), close);
    written.unwrap();
    assert_eq!(bounded(share.read_small("x", 10)).await.unwrap(), Some(Small::Whole(b"new".to_vec())));
}

#[tokio::test]
async fn what_was_aborted_leaves_nothing() {
    let Some((_server, files, share)) = writable().await else { return };
    let mut upload = bounded(share.upload("x")).await.unwrap();
    bounded(upload.write(&content(1_000_000))).await.unwrap();
    bounded(upload.abort()).await;
    assert_eq!(std::fs::read_dir(files.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_is_held_by_one_at_a_time() {
    let Some((server, _files, share)) = writable().await else { return };
    let held = bounded(share.hold("lock")).await.unwrap();
    assert!(held.is_some());
    let other = connect(&as_account(&server, "drop")).await.unwrap();
    assert!(bounded(other.hold("lock")).await.unwrap().is_none());
    drop((held, share));
    let freed = async {
        while other.hold("lock").await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    bounded(freed).await;
}

#[tokio::test]
async fn a_share_that_may_only_be_read_is_not_written() {
    let files = folder(&[("x", b"old")]);
    let Some(server) = Samba::start(&[SambaShare::account("read", files.path())]) else { return };
    let share = connect(&as_account(&server, "read")).await.unwrap();
    assert_eq!(bounded(share.write("x", b"new")).await, Err(ShareError::Denied));
    assert_eq!(bounded(share.delete("x")).await, Err(ShareError::Denied));
    assert_eq!(std::fs::read(files.path().join("x")).unwrap(), b"old");
}

/// A share behind which the server answers, or is waited for, no longer than this.
async fn impatient(server: &Samba, port: u16) -> Share {
    let options =
        ShareOptions { port, response_timeout: Duration::from_secs(1), ..as_account(server, "drop") };
    connect(&options).await.unwrap()
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_whatever_is_asked_of_it() {
    let Some((server, _files, _share)) = writable().await else { return };
    let mut shares = Vec::new();
    for _ in 0..4 {
        shares.push(impatient(&server, server.port()).await);
    }
    let mut begun = bounded(shares[0].upload("x")).await.unwrap();
    bounded(begun.write(&content(1_000_000))).await.unwrap();
    let large = content(30_000_000);
    server.freeze();
    let given_up = |result: Result<(), ShareError>| {
        assert!(matches!(result, Err(ShareError::NoAnswer { .. } | ShareError::Lost { .. })), "{result:?}");
    };
    let (finished, listed, held, written) = bounded(async {
        tokio::join!(begun.finish(), shares[1].list(""), shares[2].hold("lock"), shares[3].write("y", &large))
    })
    .await;
    server.thaw();
    given_up(finished);
    given_up(listed.map(drop));
    given_up(held.map(drop));
    given_up(written);
}

#[tokio::test]
async fn a_slow_server_has_its_time_for_each_answer_and_not_for_all_of_them() {
    let Some((server, files, share)) = writable().await else { return };
    for number in 0..4000 {
        std::fs::write(files.path().join(format!("{number:0100}")), "").unwrap();
    }
    let tap = SmbTap::slow(server.port(), Duration::from_millis(200));
    let slow = impatient(&server, tap.port()).await;
    assert_eq!(bounded(slow.list("")).await.unwrap().unwrap().len(), 4000);
    assert!(tap.messages() > 6, "{} messages: the folder is too small", tap.messages());
    // Eight blocks are on their way at least when the last of them has been handed over.
    bounded(slow.write("large", &content(10_000_000))).await.unwrap();
    assert_eq!(bounded(share.read_small("large", 10)).await.unwrap(), Some(Small::Larger(10_000_000)));
}

/// A small file system of its own, unmounted when it goes.
struct Tmpfs(TempDir);

impl Tmpfs {
    /// `None`, with a message, where this user may not mount.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "booster-test"])
            .arg(folder.path())
            .stderr(std::process::Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        eprintln!("skipped: a tmpfs cannot be mounted by this user");
        None
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_share_that_is_full_keeps_what_it_has_and_no_debris() {
    let Some(small) = Tmpfs::mount() else { return };
    let Some(server) = Samba::start(&[SambaShare::writable("drop", small.0.path())]) else { return };
    let share = connect(&as_account(&server, "drop")).await.unwrap();
    bounded(share.write("x", b"old")).await.unwrap();
    let full = bounded(share.write("x", &content(8_000_000))).await;
    assert_eq!(full, Err(ShareError::Full));
    assert_eq!(std::fs::read(small.0.path().join("x")).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(small.0.path()).unwrap().count(), 1, "debris is left");
    drop(share);
}
