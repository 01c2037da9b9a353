//! Distributed file systems: referrals of a real server to itself under two names.

use super::*;
use booster_smb::Small;
use booster_test_support::SambaShare;
use std::os::unix::fs::symlink;

/// A share whose links lead to another share, by the server's own name and by another.
fn namespace() -> Option<(Samba, [TempDir; 2])> {
    let (root, files) = (folder(&[("here", b"root")]), folder(&[("set/a", b"hello")]));
    symlink(r"msdfs:127.0.0.1\files", root.path().join("same")).unwrap();
    symlink(r"msdfs:localhost\files", root.path().join("other")).unwrap();
    let shares = [
        SambaShare::with("root", root.path(), "msdfs root = yes\nguest ok = no\n"),
        SambaShare::account("files", files.path()),
    ];
    Some((Samba::start_with_settings(&shares, "host msdfs = yes")?, [root, files]))
}

#[tokio::test]
async fn a_referral_is_followed_to_the_named_server_and_to_those_that_are_listed() {
    let Some((server, _folders)) = namespace() else { return };
    for (link, listed) in [("same", vec![]), ("other", vec!["LocalHost".to_owned()])] {
        let unc = format!(r"{}\{link}\set", server.unc("root")).parse().unwrap();
        let options = ShareOptions { unc, dfs_servers: listed, ..as_account(&server, "root") };
        let share = connect(&options).await.unwrap();
        let read = bounded(share.read_small("a", 100)).await.unwrap();
        assert_eq!(read, Some(Small::Whole(b"hello".to_vec())), "{link}");
        assert!(share.unc().to_string().ends_with(r"\files\set"), "{:?}", share.unc());
    }
}

#[tokio::test]
async fn a_referral_to_another_server_is_not_followed() {
    let Some((server, _folders)) = namespace() else { return };
    let unc = format!(r"{}\other\set", server.unc("root")).parse().unwrap();
    let refused = connect(&ShareOptions { unc, ..as_account(&server, "root") }).await;
    assert!(
        matches!(&refused, Err(ShareError::OtherServer { server }) if server == "localhost"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_is_not_behind_a_link_is_read_from_the_root() {
    let Some((server, _folders)) = namespace() else { return };
    let share = connect(&as_account(&server, "root")).await.unwrap();
    let read = bounded(share.read_small("here", 100)).await.unwrap();
    assert_eq!(read, Some(Small::Whole(b"root".to_vec())));
    let opened = bounded(share.open("here")).await.unwrap().map(|file| file.size());
    assert_eq!(opened, Some(4));
}
