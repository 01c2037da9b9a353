//! What an attacker who holds the network, a mirror or one key can try.

use crate::support::{Machine, Publisher, Scripted, days, start};
use booster_trust::{
    Check, Limits, RoleVersions, TrustError,
    signing::{self, MetaEntry, SigningKey, TopRole},
};
use std::fs;

#[tokio::test]
async fn an_older_timestamp_is_named_after_the_retries_and_never_accepted() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    let old = publisher.read("timestamp.json");
    publisher.publish();
    machine.refresh(&publisher, start()).await.unwrap();
    let before = machine.state_bytes();

    publisher.write("timestamp.json", &old);
    let mut client = machine.client(publisher.folder());
    assert_eq!(client.check(start()).await.unwrap(), Check::Changed);
    let refused = client.refresh(start()).await;
    assert!(
        matches!(refused, Err(TrustError::OlderThanKnown { known: 2, offered: 1, attempts: 3 })),
        "{refused:?}"
    );
    assert_eq!(machine.state_bytes(), before);
}

#[tokio::test]
async fn a_new_timestamp_over_an_older_snapshot_is_a_rollback() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    let old = MetaEntry::of(1, &publisher.read("1.snapshot.json"));
    publisher.publish();
    machine.refresh(&publisher, start()).await.unwrap();
    publisher.write_timestamp(old);
    let refused = machine.refresh(&publisher, start()).await;
    assert!(matches!(refused, Err(TrustError::Rollback { known: 2, offered: 1, .. })), "{refused:?}");
    assert_eq!(machine.state().versions().timestamp, Some(2));
}

#[tokio::test]
async fn targets_cannot_go_back_even_after_a_refresh_that_failed_half_way() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    let old_targets = MetaEntry::of(1, &publisher.read("1.targets.json"));
    publisher.publish();
    machine.refresh(&publisher, start()).await.unwrap();

    // The machine learns of a third snapshot that it never gets. Its own snapshot, the second, does
    // not fit under the third timestamp, and the verifier cannot load it to compare with.
    publisher.publish();
    fs::remove_file(publisher.metadata().join("3.snapshot.json")).unwrap();
    machine.refresh(&publisher, start()).await.unwrap_err();
    assert_eq!(machine.state().versions().timestamp, Some(3));

    let rolled_back = publisher.write_snapshot(old_targets);
    publisher.write_timestamp(rolled_back);
    let refused = machine.refresh(&publisher, start()).await;
    assert!(
        matches!(&refused, Err(TrustError::Rollback { role, known: 2, offered: 1 }) if role.contains("targets")),
        "{refused:?}"
    );
    let expected = RoleVersions { root: 1, timestamp: Some(4), snapshot: Some(2), targets: Some(2) };
    assert_eq!(machine.state().versions(), expected);
}

#[tokio::test]
async fn a_frozen_repository_is_noticed_when_its_timestamp_expires() {
    let publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();
    machine.refresh(&publisher, start() + days(6)).await.unwrap();
    let frozen = machine.refresh(&publisher, start() + days(8)).await;
    assert!(
        matches!(&frozen, Err(TrustError::Expired { role, expired_at })
            if role == "timestamp" && *expired_at == start() + days(7)),
        "{frozen:?}"
    );
}

#[tokio::test]
async fn each_role_that_has_expired_is_refused_by_name() {
    for role in TopRole::ALL {
        let mut publisher = Publisher::new();
        for other in TopRole::ALL {
            publisher.lifetimes.insert(other, if other == role { days(1) } else { days(1000) });
        }
        publisher.rotate(TopRole::Root);
        publisher.publish();
        let machine = Machine::new(&publisher);
        let refused = machine.refresh(&publisher, start() + days(2)).await;
        assert!(
            matches!(&refused, Err(TrustError::Expired { role: named, .. }) if *named == role.as_str()),
            "{role}: {refused:?}"
        );
        assert_eq!(machine.state().versions().targets, None, "{role}");
        // The root itself is kept: the next one may not have expired.
        assert_eq!(machine.state().versions().root, 2, "{role}");
    }
}

#[tokio::test]
async fn a_repository_of_another_publisher_is_named_as_such() {
    let (publisher, mut stranger) = (Publisher::new(), Publisher::new());
    let machine = Machine::new(&publisher);
    let before = machine.state_bytes();
    let refused = machine.refresh(&stranger, start()).await;
    assert!(matches!(refused, Err(TrustError::OtherPublisher { .. })), "{refused:?}");
    stranger.rotate(TopRole::Root);
    let refused = machine.refresh(&stranger, start()).await;
    assert!(matches!(refused, Err(TrustError::OtherPublisher { .. })), "{refused:?}");
    assert_eq!(machine.state_bytes(), before);
}

#[tokio::test]
async fn no_flipped_bit_of_any_metadata_file_is_accepted() {
    let mut publisher = Publisher::new();
    publisher.rotate(TopRole::Root);
    publisher.publish();
    for name in ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"] {
        let whole = publisher.read(name);
        let machine = Machine::new(&publisher);
        for at in 0..whole.len() {
            // Each byte once, each bit in turn.
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            publisher.write(name, &flipped);
            let refused = machine.refresh(&publisher, start()).await;
            let accepted = machine.state().role_files().any(|(_, bytes)| bytes == flipped);
            assert!(refused.is_err() && !accepted, "{name}: bit {} of byte {at}: {refused:?}", at % 8);
        }
        publisher.write(name, &whole);
    }
}

#[tokio::test]
async fn a_signature_in_capital_digits_is_refused() {
    let publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    let text = String::from_utf8(publisher.read("timestamp.json")).unwrap();
    let mark = "\"sig\":\"";
    let (head, rest) = text.split_at(text.find(mark).unwrap() + mark.len());
    let (signature, tail) = rest.split_at(128);
    publisher.write("timestamp.json", format!("{head}{}{tail}", signature.to_uppercase()).as_bytes());
    let refused = machine.refresh(&publisher, start()).await;
    assert!(matches!(refused, Err(TrustError::Malformed { .. })), "{refused:?}");
}

#[tokio::test]
async fn too_few_signatures_are_not_enough() {
    let mut publisher = Publisher::new();
    let second = SigningKey::generate().unwrap();
    publisher.root.authorise(TopRole::Targets, &second.public());
    publisher.root.set_threshold(TopRole::Targets, 2);
    publisher.root.version += 1;
    publisher.write_root();
    publisher.publish();
    let machine = Machine::new(&publisher);
    let refused = machine.refresh(&publisher, start()).await;
    assert!(matches!(refused, Err(TrustError::Threshold { found: 1, required: 2, .. })), "{refused:?}");

    // The second key is held elsewhere, and adds its signature to the same file.
    let targets = publisher.read("2.targets.json");
    let targets = signing::add_signatures(&targets, &[&second]).unwrap();
    publisher.write("2.targets.json", &targets);
    let snapshot = publisher.write_snapshot(MetaEntry::of(2, &targets));
    publisher.write_timestamp(snapshot);
    machine.refresh(&publisher, start()).await.unwrap();
}

#[tokio::test]
async fn a_new_root_needs_the_old_keys_as_well() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    let attacker = SigningKey::generate().unwrap();
    publisher.root.version = 2;
    for role in TopRole::ALL {
        publisher.root.authorise(role, &attacker.public());
    }
    publisher.write("2.root.json", &signing::sign(&publisher.root, &[&attacker]).unwrap());
    let refused = machine.refresh(&publisher, start()).await;
    assert!(matches!(refused, Err(TrustError::OtherPublisher { .. })), "{refused:?}");
    assert_eq!(machine.state().versions().root, 1);
}

#[tokio::test]
async fn every_size_has_a_limit() {
    let huge = 1 << 20;
    let cases = [
        ("2.root.json", Limits { root: huge - 1, ..Limits::default() }),
        ("timestamp.json", Limits { timestamp: huge - 1, ..Limits::default() }),
        ("1.snapshot.json", Limits { snapshot: huge - 1, ..Limits::default() }),
        ("1.targets.json", Limits { targets: huge - 1, ..Limits::default() }),
    ];
    for (name, limits) in cases {
        let mut publisher = Publisher::new();
        publisher.rotate(TopRole::Root);
        let mut machine = Machine::new(&publisher);
        machine.options.limits = limits;
        // The content itself is good: blanks are allowed in JSON.
        let mut padded = publisher.read(name);
        padded.resize(1 << 20, b' ');
        publisher.write(name, &padded);
        let refused = machine.refresh(&publisher, start()).await;
        assert!(
            matches!(&refused, Err(TrustError::TooLarge { file, limit }) if file == name && *limit == huge - 1),
            "{name}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_chain_of_roots_without_end_is_cut_off_but_what_was_walked_is_kept() {
    let mut publisher = Publisher::new();
    for _ in 0..5 {
        publisher.rotate(TopRole::Timestamp);
    }
    publisher.renew_timestamp();
    let mut machine = Machine::new(&publisher);
    machine.options.limits.root_rotations = 3;
    let refused = machine.refresh(&publisher, start()).await;
    assert!(matches!(refused, Err(TrustError::TooManyRoots { limit: 3 })), "{refused:?}");
    assert_eq!(machine.state().versions().root, 4);
    machine.refresh(&publisher, start()).await.unwrap();
    assert_eq!(machine.state().versions().root, 6);
}

#[tokio::test]
async fn an_html_page_or_nothing_in_place_of_a_file_is_refused() {
    let publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    for page in [&b"<html>502 Bad Gateway</html>"[..], b"", b"{}", b"null", b"[[[[[[[["] {
        let answer = Scripted(move |name: &str| Ok((name == "timestamp.json").then(|| page.to_vec())));
        let refused = machine.client(answer).refresh(start()).await;
        assert!(
            matches!(&refused, Err(TrustError::Malformed { file, .. }) if file == "timestamp.json"),
            "{refused:?}"
        );
    }
    let deep = Scripted(|name: &str| Ok((name == "timestamp.json").then(|| vec![b'['; 16_000])));
    let refused = machine.client(deep).refresh(start()).await;
    assert!(matches!(refused, Err(TrustError::Malformed { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_target_that_would_leave_its_folder_is_refused_though_it_is_signed() {
    let mut publisher = Publisher::new();
    let names = ["../escape", "/etc/passwd", "a//b", "a/./b", "c:/windows", "a\\..\\b", "a/\u{7}", ""];
    for name in names {
        publisher.put(name, b"x");
    }
    publisher.publish();
    let machine = Machine::new(&publisher);
    let mut client = machine.client(publisher.folder());
    client.refresh(start()).await.unwrap();
    for name in names {
        let refused = client.target(name, start()).await;
        assert!(matches!(refused, Err(TrustError::UnsafeTarget { .. })), "{name:?}: {refused:?}");
    }
    assert!(client.target("antivirus/release.json", start()).await.is_ok());
}
