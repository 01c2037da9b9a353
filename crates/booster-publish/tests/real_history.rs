//! Real rules and a real hash feed, some versions around a broken one, published in order.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod common;

use booster_definitions::Component::Antivirus;
use booster_engine::OnInvalid;
use booster_publish::{Outcome, feeds::convert};
use common::{Machine, Site, history};

/// A version and a file of it whose rules use a module that they do not import: mended in the next.
const BROKEN: (usize, &str) = (13, "apt_apt36_operation_sindoor.yar");

#[test]
fn a_real_rule_set_is_published_and_what_is_broken_in_it_is_named_and_left_out() {
    let Some(data) = history() else { return };
    let versions = common::history_versions(data.path());
    assert_eq!(versions.len(), 21);
    let site = Site::new();
    let machine = Machine::new(&site);
    let mut unchanged = 0;
    for (n, folder) in versions.iter().enumerate().take(14).skip(10) {
        let feed = convert(std::fs::File::open(folder.join("iocs/hash-iocs.txt")).unwrap()).unwrap();
        assert!(feed.hashes > 3000, "{} hashes in {}", feed.hashes, folder.display());
        assert!(feed.skipped.len() < 20, "{:?}", feed.skipped);
        let mut request = site.request(Antivirus, &format!("1.{}.0.0", n + 1), &folder.join("yara"));
        request.extra = feed.files("feeds/hash-iocs").unwrap();
        request.on_invalid = OnInvalid::LeaveOut;
        if n == 10 {
            // One file that the engine cannot take, named to the publisher and left out.
            let broken = "rule broken { condition: pe.no_such_field }\n";
            request.extra.push((
                "added/broken.yar".parse().unwrap(),
                booster_definitions::archive::Source::Bytes(broken.as_bytes().to_vec()),
            ));
        }
        let report = site.publish_request(&request).unwrap();
        let rejected: Vec<String> = report.rejected.iter().map(ToString::to_string).collect();
        eprintln!(
            "{} {:?}: {} rules, {} hashes, {} bytes packed, left out {:?}",
            request.version,
            report.outcome,
            report.counts.rules,
            report.counts.hashes,
            report.download_size,
            report.left_out
        );
        let mut expected: Vec<&str> = Vec::new();
        if n == 10 {
            expected.push("added/broken.yar");
        }
        expected.extend((n + 1 == BROKEN.0).then_some(BROKEN.1));
        assert_eq!(report.left_out.iter().collect::<Vec<_>>(), expected, "{rejected:?}");
        for file in &expected {
            assert!(
                rejected.iter().any(|rule| rule.starts_with(&format!("antivirus/{file}:"))),
                "{rejected:?}"
            );
        }
        if report.outcome == Outcome::Unchanged {
            unchanged += 1;
            continue;
        }
        assert!(report.counts.rules > 5000 && report.counts.hashes == feed.hashes, "{:?}", report.counts);
        let seen = machine.see().unwrap();
        let (manifest, files) = &seen[&Antivirus];
        assert_eq!(manifest.version, request.version);
        assert_eq!(manifest.counts, report.counts);
        assert_eq!(files.len() as u64, report.counts.files);
        assert!(files.contains_key("feeds/hash-iocs.hdb") && !files.contains_key("added/broken.yar"));
    }
    assert_eq!(unchanged, 0);
}
