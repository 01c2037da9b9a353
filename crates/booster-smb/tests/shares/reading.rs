//! Signing in and reading.

use super::*;
use booster_smb::Small;
use booster_test_support::SambaShare;
use futures_util::StreamExt as _;

/// A whole file, from an offset on.
pub(crate) async fn fetch(share: &Share, path: &str, offset: u64) -> Result<Option<Vec<u8>>, ShareError> {
    let Some(file) = bounded(share.open(path)).await? else { return Ok(None) };
    let mut bytes = Vec::new();
    let mut stream = std::pin::pin!(file.bytes_from(offset));
    while let Some(chunk) = bounded(stream.next()).await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(Some(bytes))
}

#[tokio::test]
async fn a_guest_and_an_account_read_what_they_may() {
    let (open, closed) = (folder(&[("a/small", b"hello")]), folder(&[("large", &content(5_000_000))]));
    let shares = [SambaShare::guest("pub", open.path()), SambaShare::account("priv", closed.path())];
    let Some(server) = Samba::start(&shares) else { return };
    let guest = connect(&as_guest(&server, "pub")).await.unwrap();
    assert_eq!(fetch(&guest, "a/small", 0).await.unwrap().as_deref(), Some(b"hello".as_slice()));
    let refused = connect(&as_guest(&server, "priv")).await;
    assert!(matches!(refused, Err(ShareError::Denied)), "{refused:?}");

    let account = connect(&as_account(&server, "priv")).await.unwrap();
    for offset in [0, 1, 1 << 20, 4_999_999, 5_000_000, 6_000_000] {
        let rest = content(5_000_000).split_off((offset as usize).min(5_000_000));
        assert!(fetch(&account, "large", offset).await.unwrap() == Some(rest), "{offset}");
    }
    assert!(matches!(connect(&as_account(&server, "missing")).await, Err(ShareError::NoShare)));
}

#[tokio::test]
async fn signing_and_encryption_are_had_where_the_server_requires_them() {
    let files = folder(&[("large", &content(3_000_000))]);
    let shares = [
        SambaShare::account("priv", files.path()),
        SambaShare::guest("pub", files.path()),
        SambaShare::with("sealed", files.path(), "guest ok = no\nsmb encrypt = required\n"),
    ];
    for (settings, share, encrypted) in [
        ("server signing = mandatory", "priv", false),
        ("server smb encrypt = required", "priv", true),
        (
            "server smb encrypt = required\nserver smb3 encryption algorithms = AES-256-GCM AES-128-GCM",
            "priv",
            true,
        ),
        ("server smb encrypt = required\nserver smb3 encryption algorithms = AES-128-CCM", "priv", true),
        ("", "sealed", true),
        ("server smb3 signing algorithms = AES-128-CMAC", "priv", false),
    ] {
        let Some(server) = Samba::start_with_settings(&shares, settings) else { return };
        let account = connect(&as_account(&server, share)).await.unwrap();
        assert_eq!(account.is_encrypted(), encrypted, "{settings} {share}");
        assert!(fetch(&account, "large", 0).await.unwrap() == Some(content(3_000_000)), "{settings} {share}");
        if settings.contains("mandatory") {
            let guest = connect(&as_guest(&server, "pub")).await.unwrap();
            assert!(fetch(&guest, "large", 0).await.unwrap() == Some(content(3_000_000)));
        }
    }
}

#[tokio::test]
async fn a_small_file_is_read_in_one_round_trip() {
    let files = folder(&[("metadata/timestamp.json", b"{}")]);
    let Some(server) = Samba::start(&[SambaShare::guest("pub", files.path())]) else { return };
    let share = connect(&as_guest(&server, "pub")).await.unwrap();
    let before = share.messages();
    let read = share.read_small("metadata/timestamp.json", 16_384).await.unwrap();
    assert_eq!(read, Some(Small::Whole(b"{}".to_vec())));
    assert_eq!(share.messages() - before, 1);
    assert_eq!(share.read_small("metadata/missing.json", 16_384).await.unwrap(), None);
    assert_eq!(share.read_small("missing/missing.json", 16_384).await.unwrap(), None);
    assert_eq!(share.read_small("metadata/timestamp.json", 1).await.unwrap(), Some(Small::Larger(2)));
    for what in ["metadata"] {
        let read = share.read_small(what, 100).await;
        assert!(matches!(read, Err(ShareError::NotAFile)), "{what}: {read:?}");
        let opened = share.open(what).await.map(|file| file.map(|file| file.size()));
        assert!(matches!(opened, Err(ShareError::NotAFile)), "{what}: {opened:?}");
    }
}

#[tokio::test]
async fn a_folder_of_ten_thousand_files_is_listed_whole_and_one_of_them_is_found_at_once() {
    let files = folder(&[]);
    for number in 0..10_000 {
        write(files.path(), &format!("targets/{number}.tar.zst"), number.to_string().as_bytes());
    }
    let Some(server) = Samba::start(&[SambaShare::account("priv", files.path())]) else { return };
    let share = connect(&as_account(&server, "priv")).await.unwrap();
    let listed = bounded(share.list("targets")).await.unwrap().unwrap();
    let names: std::collections::BTreeSet<_> = listed.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!((listed.len(), names.len()), (10_000, 10_000));
    let before = share.messages();
    let read = bounded(share.read_small("targets/9999.tar.zst", 100)).await.unwrap();
    assert_eq!(read, Some(Small::Whole(b"9999".to_vec())));
    assert_eq!(share.messages() - before, 1);
}
