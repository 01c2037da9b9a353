//! Third parties: one who changes what goes over the wire, and others who use the same files.

use super::{reading::fetch, *};
use booster_test_support::{SambaShare, SmbMessage, SmbTap};

/// A server before which somebody changes messages.
async fn through(
    meddler: impl Fn(&mut SmbMessage) + Send + Sync + 'static,
) -> Option<(Result<Option<Vec<u8>>, ShareError>, u64)> {
    let files = folder(&[("large", &content(3_000_000))]);
    let server = Samba::start(&[SambaShare::account("priv", files.path())])?;
    let tap = SmbTap::meddling(server.port(), meddler);
    let options = ShareOptions { port: tap.port(), ..as_account(&server, "priv") };
    let fetched = match connect(&options).await {
        Ok(share) => fetch(&share, "large", 0).await,
        Err(error) => Err(error),
    };
    Some((fetched, tap.most_reads()))
}

#[tokio::test]
async fn many_blocks_of_a_file_are_on_their_way_at_once() {
    let Some((fetched, most_reads)) = through(|_| {}).await else { return };
    assert!(fetched.unwrap() == Some(content(3_000_000)));
    // Of the twelve that it has.
    assert!(most_reads >= 4, "{most_reads}");
}

#[tokio::test]
async fn what_a_third_party_changes_on_the_way_is_noticed() {
    let in_a_block = |message: &mut SmbMessage| {
        if message.is_answer && message.command() == Some(SmbMessage::READ) {
            *message.bytes.last_mut().unwrap() ^= 1;
        }
    };
    // The header's flags at offset 16 say that it is signed: without that, and without a signature.
    let unsigned = |message: &mut SmbMessage| {
        if message.is_answer && message.command() == Some(SmbMessage::READ) {
            message.bytes[16] &= !0x08;
            message.bytes[48..64].fill(0);
            *message.bytes.last_mut().unwrap() ^= 1;
        }
    };
    // The server's name for itself, at offset 8 of its answer: nothing that the session needs, but hashed.
    let in_the_first_exchange = |message: &mut SmbMessage| {
        if message.is_answer && message.command() == Some(SmbMessage::NEGOTIATE) {
            message.bytes[64 + 8] ^= 1;
        }
    };
    // What the client can do, at offset 8 of its request: an attempt to have nothing encrypted.
    let in_what_the_client_can = |message: &mut SmbMessage| {
        if !message.is_answer && message.command() == Some(SmbMessage::NEGOTIATE) {
            message.bytes[64 + 8] &= !0x40;
        }
    };
    for (name, changed) in [
        ("in a block", through(in_a_block).await),
        ("unsigned", through(unsigned).await),
        ("in the first answer", through(in_the_first_exchange).await),
        ("in the first request", through(in_what_the_client_can).await),
    ] {
        let Some((fetched, _)) = changed else { return };
        assert!(matches!(&fetched, Err(ShareError::Tampered)), "{name}: {:?}", fetched.map(|_| ()));
    }
}

#[tokio::test]
async fn a_reader_keeps_nobody_from_reading_changing_or_deleting_the_file() {
    let files = folder(&[("large", &content(3_000_000))]);
    let Some(smbclient) = booster_test_support::installed("smbclient") else { return };
    let Some(server) = Samba::start(&[SambaShare::writable("drop", files.path())]) else { return };
    let reader = connect(&as_account(&server, "drop")).await.unwrap();
    let open = bounded(reader.open("large")).await.unwrap().unwrap();
    let other = connect(&as_account(&server, "drop")).await.unwrap();
    assert!(fetch(&other, "large", 0).await.unwrap() == Some(content(3_000_000)));
    // Another client, which writes into the same file.
    let user = format!("{}%{}", Samba::USER, Samba::PASSWORD);
    let mut client = tokio::process::Command::new(smbclient);
    let empty = tempfile::NamedTempFile::new().unwrap();
    let put = format!("put {} large", empty.path().display());
    client.args(["-p", &server.port().to_string(), "-U", &user, "//127.0.0.1/drop", "-c", &put]);
    let output = bounded(client.output()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read(files.path().join("large")).unwrap(), b"");
    bounded(other.delete("large")).await.unwrap();
    drop(open);
}
