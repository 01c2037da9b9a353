//! The client workflow over a real, signed repository in a folder.

mod support;

use booster_trust::{Check, TrustError};
use support::{Machine, Publisher, start};

#[tokio::test]
async fn a_refresh_trusts_what_was_published_and_a_check_then_costs_one_request() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    let folder = publisher.folder();

    let mut client = machine.client(folder.clone());
    assert_eq!(client.check(start()).await.unwrap(), Check::Changed);
    client.refresh(start()).await.unwrap();
    let target = client.target("antivirus/release.json", start()).await.unwrap();
    target.verify(b"release 1").unwrap();
    assert_eq!(target.location(), format!("antivirus/{}.release.json", target.sha256().unwrap()));

    folder.requests();
    let mut client = machine.client(folder.clone());
    assert_eq!(client.check(start()).await.unwrap(), Check::Unchanged);
    assert_eq!(folder.requests(), ["timestamp.json"]);

    publisher.put("antivirus/release.json", b"release 2");
    publisher.publish();
    assert_eq!(client.check(start()).await.unwrap(), Check::Changed);
    client.refresh(start()).await.unwrap();
    client.target("antivirus/release.json", start()).await.unwrap().verify(b"release 2").unwrap();
    let missing = client.target("nis/release.json", start()).await;
    assert!(matches!(missing, Err(TrustError::NoSuchTarget { .. })), "{missing:?}");
}
