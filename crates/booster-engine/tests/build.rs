//! Images built of definitions, and scanners that use them.

mod common;

use booster_definitions::{Component, Counts};
use booster_engine::{BuildError, ContentScanner as _};
use common::{Generation, eicar, rule, version};
use std::path::Path;

#[test]
fn what_was_built_detects_and_says_by_which_definition() {
    let generation = Generation::new(&[
        ("antivirus/rules/a.yar", &rule("FindsMarker", "marker-of-a-threat")),
        (
            "antispyware/b.yar",
            r#"rule Named { meta: threat = "Spy/Test" strings: $a = "spy-marker" condition: $a }"#,
        ),
        ("nis/carried.rules", "alert tcp any any"),
    ]);
    let report = generation.build().unwrap();
    assert_eq!(report.per_component[&Component::Antivirus], Counts { files: 1, rules: 1, hashes: 0 });
    assert_eq!(report.per_component[&Component::Nis], Counts { files: 1, rules: 0, hashes: 0 });
    let scanner = generation.scanner();
    let found = scanner
        .scan_content(Path::new("x"), b"a marker-of-a-threat and a spy-marker", "")
        .unwrap()
        .detections;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].threat, "FindsMarker");
    assert_eq!((found[0].file.as_str(), found[0].rule.as_deref()), ("rules/a.yar", Some("FindsMarker")));
    assert_eq!(found[0].version, version(Component::Antivirus));
    assert_eq!(found[1].threat, "Spy/Test");
    assert_eq!((found[1].file.as_str(), found[1].component), ("b.yar", Component::Antispyware));
}

#[test]
fn hash_lists_detect_and_known_good_lists_overrule() {
    let eicar = eicar();
    assert_eq!(eicar.len(), 68);
    let generation = Generation::new(&[
        ("antivirus/rules.yar", &rule("Standard", "STANDARD-ANTIVIRUS-TEST")),
        ("antivirus/list.hdb", "44d88612fea8a8f36de82e1278abb02f:68:Eicar.Test\n"),
    ]);
    assert_eq!(generation.build().unwrap().per_component[&Component::Antivirus].hashes, 1);
    let report = generation.scanner().scan_content(Path::new("x"), &eicar, "").unwrap();
    let found: Vec<_> =
        report.detections.iter().map(|d| (d.threat.as_str(), d.file.as_str(), d.rule.is_some())).collect();
    assert_eq!(found, [("Eicar.Test", "list.hdb", false), ("Standard", "rules.yar", true)]);

    let good = booster_definitions::Digest::of(&eicar);
    generation.put("antivirus/good.sfp", format!("{good}:68:Test files are good").as_bytes());
    generation.build().unwrap();
    let report = generation.scanner().scan_content(Path::new("x"), &eicar, "").unwrap();
    assert!(report.known_good && report.detections.is_empty());
}

#[test]
fn a_set_that_fails_its_self_tests_is_refused_with_every_file() {
    let generation = Generation::new(&[
        ("antivirus/a.yar", &rule("Finds", "marker")),
        ("antivirus/selftest/must-detect/one", "a marker"),
        ("antivirus/selftest/must-detect/two", "nothing"),
        ("antispyware/selftest/must-not-detect/three", "another marker"),
        ("antispyware/selftest/must-not-detect/four", "nothing"),
    ]);
    let Err(BuildError::SelfTest { failures }) = generation.build() else { panic!("the self-test passed") };
    let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "antivirus/selftest/must-detect/two: must be detected, and is not",
            "antispyware/selftest/must-not-detect/three: must not be detected, but antivirus/a.yar finds Finds in it"
        ]
    );
    generation.put("antivirus/selftest/must-detect/two", b"marker");
    generation.put("antispyware/selftest/must-not-detect/three", b"");
    assert_eq!(generation.build().unwrap().self_tests, 4);
}

#[test]
fn wrong_hash_lines_refuse_the_build_with_file_and_line() {
    let generation = Generation::new(&[("antivirus/l.hsb", "# good\n<html>\n")]);
    let error = generation.build_leaving_out().unwrap_err();
    assert!(error.to_string().ends_with("antivirus/l.hsb:2: not of the form HASH:SIZE:NAME"), "{error}");
}

#[test]
fn a_set_published_as_one_large_file_is_kept_compiled_as_well() {
    let mut rules: String = (0..2500).map(|n| rule(&format!("Rule{n}"), &format!("<marker {n}>"))).collect();
    rules.push_str("import \"nonexistent\"\nrule Faulty { condition: nothing }\nrule Both { condition: Rule7 and Rule2400 }\n");
    let generation = Generation::new(&[("antivirus/all.yar", &rules)]);
    let report = generation.build_leaving_out().unwrap();
    assert_eq!(report.per_component[&Component::Antivirus].rules, 2501);
    let told: Vec<String> = report.rejected.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|t| t.starts_with("antivirus/all.yar:2502:26: rule Faulty")), "{told:?}");
    assert!(told.iter().any(|t| t.starts_with("antivirus/all.yar:2501:1: ")), "{told:?}");
    assert!(generation.path("image/rules-2.bin").is_file());
    let report = generation.scanner().scan_content(Path::new("x"), b"<marker 7> <marker 2400>", "").unwrap();
    let mut found: Vec<_> = report.detections.iter().map(|d| d.threat.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, ["Both", "Rule2400", "Rule7"]);
}
