//! Rules compiled, salvaged, saved, and run on content.

use super::*;

fn compile(source: &str) -> Compiled {
    Yara.compile(&[RuleInput { component: Component::Antivirus, file: "rules/a.yar", source }])
}

fn scan_with(set: &dyn RuleSet, content: &[u8], facts: FileFacts<'_>) -> Vec<String> {
    let found = set.scan(content, &facts, Duration::from_secs(10)).unwrap();
    found.into_iter().map(|found| found.rule).collect()
}

/// The rules left out, as `name:line:column`, and the names of those that match the content.
fn salvaged(source: &str, content: &str) -> (Vec<String>, Vec<String>) {
    let compiled = compile(source);
    let place = |r: &RejectedRule| format!("{}:{}:{}", r.rule.as_deref().unwrap_or("-"), r.line, r.column);
    let left_out = compiled.rejected.iter().map(place).collect();
    (left_out, scan_with(compiled.set.as_ref(), content.as_bytes(), FileFacts::default()))
}

#[test]
fn the_key_names_the_version_that_is_built_in() {
    let lock = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock"));
    let (name, version) = KEY.split_once(' ').unwrap();
    assert!(
        lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")),
        "KEY is not what Cargo.lock says"
    );
}

#[test]
fn a_faulty_rule_is_left_out_and_its_neighbours_stay() {
    let (left_out, found) = salvaged(
        r#"
import "pe"
rule First { strings: $a = "text" condition: $a }
// a comment, and a rule that uses what is not there
private rule Faulty { strings: $a = "text" condition: $a and unknown_thing == 1 }
rule UsesFaulty { condition: Faulty }
rule UsesFirst { condition: First and not pe.is_pe }
"#,
        "text",
    );
    assert_eq!(left_out, ["Faulty:5:62", "UsesFaulty:6:30"]);
    assert_eq!(found, ["First", "UsesFirst"]);
}

#[test]
fn a_rule_that_does_not_parse_is_left_out_and_its_neighbours_stay() {
    let (left_out, found) = salvaged(
        r#"
rule First { strings: $a = "text" condition: $a }
rule Faulty : tag {
    strings:
        $a = "text
    condition:
        $a
}
rule Second { condition: true }
rul Third { condition: true }
rule Fourth { condition: true }
rule Unending { condition: true
"#,
        "text",
    );
    assert_eq!(found, ["First", "Second", "Fourth"]);
    assert_eq!(left_out.len(), 3, "{left_out:?}");
    assert!(left_out[0].starts_with("Faulty:5:"), "{left_out:?}");
    assert_eq!(left_out[1], "-:10:1");
    assert!(left_out[2].starts_with("Unending:"), "{left_out:?}");
}

#[test]
fn rules_in_comments_stay_dead_when_their_neighbours_are_cut_out() {
    let (_, found) = salvaged(
        "rule A { condition: true }\nrule Faulty { condition: \n/*\nrule Dead { condition: true }\n*/\nrule B { condition: true }",
        "",
    );
    assert_eq!(found, ["A", "B"]);
}

#[test]
fn a_head_that_is_wrong_costs_only_its_own_rule() {
    let (left_out, found) =
        salvaged("rule A { condition: true }\nrule 1B { condition: true }\nrule C { condition: true }", "");
    assert_eq!(found, ["A", "C"]);
    assert_eq!(left_out, ["1B:2:6"]);
}

#[test]
fn without_its_global_rule_a_file_matches_nothing() {
    for faulty in
        ["global private rule OnlySome { condition: unknown == 1 }", "global rule OnlySome { condition: }"]
    {
        let (left_out, found) = salvaged(
            &format!("rule Before {{ condition: true }}\n{faulty}\nrule After {{ condition: true }}"),
            "",
        );
        assert_eq!(found, [] as [&str; 0], "{faulty}");
        assert_eq!(left_out.len(), 1, "{left_out:?}");
        assert!(left_out[0].starts_with("OnlySome:2:"), "{left_out:?}");
    }
}

#[test]
fn nothing_of_a_file_that_is_not_yara_is_taken_and_the_place_is_told() {
    for text in [
        "<html>\n<body>rule of thumb</body>\n</html>",
        "\u{fe0f}\u{20ac}",
        "{",
        "rule",
        "\0\0\0",
        "include \"x\"",
    ] {
        let compiled = compile(text);
        assert!(!compiled.rejected.is_empty(), "{text:?} was taken");
        assert!(compiled.set.counts().is_empty(), "{text:?} gave rules");
        assert!(compiled.rejected.iter().all(|r| r.line >= 1), "{:?}", compiled.rejected);
    }
}

#[test]
fn includes_are_refused() {
    let (left_out, found) = salvaged("include \"/etc/passwd\"\nrule A { condition: true }", "");
    assert_eq!((left_out, found), (vec!["-:1:1".to_owned()], vec!["A".to_owned()]));
}

#[test]
fn a_file_of_nothing_but_faults_ends() {
    let many = "rule A { condition: nothing }\n".repeat(1000);
    let compiled = compile(&many);
    assert!(compiled.set.counts().is_empty());
    assert!((100..=101).contains(&compiled.rejected.len()), "{}", compiled.rejected.len());
}

#[test]
fn names_belong_to_their_file() {
    let source = "rule Same { condition: true }";
    let inputs = ["a.yar", "b.yar"].map(|file| RuleInput { component: Component::Nis, file, source });
    let compiled = Yara.compile(&inputs);
    assert!(compiled.rejected.is_empty());
    assert_eq!(compiled.set.counts()[&Component::Nis], 2);
    let (left_out, _) = salvaged("rule Same { condition: true }\nrule Same { condition: true }", "");
    assert_eq!(left_out, ["Same:2:6"]);
}

#[test]
fn rules_see_what_is_known_of_the_file() {
    let compiled = compile(
        r#"rule All { condition: filename == "a.exe" and filepath contains "/tmp/" and extension == ".exe"
            and filetype == "EXE" and owner == "web" }"#,
    );
    let facts = FileFacts {
        filename: "a.exe",
        filepath: "/tmp/a.exe",
        extension: ".exe",
        filetype: "EXE",
        owner: "web",
    };
    assert_eq!(scan_with(compiled.set.as_ref(), b"", facts), ["All"]);
    assert!(scan_with(compiled.set.as_ref(), b"", FileFacts { owner: "root", ..facts }).is_empty());
}

#[test]
fn the_threat_is_what_the_metadata_say_and_else_the_rule() {
    for (metadata, threat) in [
        ("", "R"),
        ("meta: description = \"x\" malware = \"Family\" threat = \"Virus:DOS/Test\"", "Virus:DOS/Test"),
        ("meta: malware_family = \"Family\"", "Family"),
        ("meta: threat = \"\" severity = 5", "R"),
        ("meta: threat = 5", "R"),
    ] {
        let compiled = compile(&format!("rule R {{ {metadata} condition: true }}"));
        let found = compiled.set.scan(b"", &FileFacts::default(), Duration::from_secs(10)).unwrap();
        assert_eq!(found[0].threat, threat, "{metadata}");
        assert_eq!((found[0].component, found[0].file.as_str()), (Component::Antivirus, "rules/a.yar"));
    }
}

#[test]
fn a_saved_set_loads_to_the_same() {
    let compiled = compile(
        "import \"pe\" rule A { meta: threat = \"T\" strings: $a = /te[xy]t/ wide ascii condition: $a and not pe.is_pe }",
    );
    let saved = compiled.set.save().unwrap();
    let loaded = Yara.load(&saved).unwrap();
    assert_eq!(loaded.save().unwrap(), saved);
    assert_eq!(scan_with(loaded.as_ref(), b"a text", FileFacts::default()), ["A"]);
    assert!(Yara.load(&saved[..saved.len() - 1]).is_err());
}

#[test]
fn a_set_with_more_rules_than_load_again_is_not_saved() {
    let rules =
        |count: usize| (0..count).map(|n| format!("rule R{n} {{ condition: true }}\n")).collect::<String>();
    let saved = compile(&rules(MOST_RULES_SAVED)).set.save().unwrap();
    assert_eq!(Yara.load(&saved).unwrap().counts()[&Component::Antivirus], MOST_RULES_SAVED as u64);
    assert_eq!(compile(&rules(MOST_RULES_SAVED + 1)).set.save(), None);
}

#[test]
fn a_scan_that_takes_too_long_ends_with_what_it_found() {
    let compiled = compile(
        r#"rule Quick { condition: true }
        rule Slow { condition: for all i in (0..100000000) : (for all j in (0..100000000) : (i + j >= 0)) }"#,
    );
    let ended = compiled.set.scan(b"content", &FileFacts::default(), Duration::from_millis(50)).unwrap_err();
    assert_eq!(ended.reason, InterruptReason::TimedOut);
    assert_eq!(ended.matches.iter().map(|found| found.rule.as_str()).collect::<Vec<_>>(), ["Quick"]);
}

#[test]
fn a_range_that_starts_below_zero_holds_what_it_holds_for_yara() {
    let finds = |condition: &str| {
        let source = format!("rule R {{ strings: $a = \"<?\" condition: {condition} }}");
        let compiled = compile(&source);
        assert!(compiled.rejected.is_empty(), "{condition}: {:?}", compiled.rejected);
        !scan_with(compiled.set.as_ref(), b"some text <?", FileFacts::default()).is_empty()
    };
    // What YARA 4.5.4 and yara-x 1.23.0 answer.
    for (condition, answer) in [
        ("$a in (filesize-1000..filesize)", true),
        ("any of them in (filesize-1000..filesize)", true),
        ("for all of ($a*) : ($ in (@a[1]-50..@a[1]+50))", true),
        ("$a in (filesize-1000..5)", false),
        ("$a in (filesize-1000..filesize-2000)", false),
        ("$a in (filesize-3..filesize)", true),
        ("$a in (filesize-1..filesize)", false),
        ("#a in (filesize-1000..filesize) == 1", true),
    ] {
        assert_eq!(finds(condition), answer, "{condition}");
    }
    // When this fails, boreal has changed its mind and `ranges` has no more use.
    let mut plain = boreal::Compiler::new();
    plain
        .add_rules_str("rule R { strings: $a = \"<?\" condition: $a in (filesize-1000..filesize) }")
        .unwrap();
    assert!(plain.finalize().scan_mem(b"some text <?").unwrap().rules.is_empty());
}

#[test]
fn places_of_faults_are_right_behind_a_range() {
    let source = "rule R { strings: $a = \"x\" condition: $a in (filesize-9..9) and nothing }";
    let (left_out, _) = salvaged(source, "");
    assert_eq!(left_out, [format!("R:1:{}", source.find("nothing").unwrap() + 1)]);
}

#[test]
fn a_slow_string_ends_at_the_time_limit() {
    let compiled = compile("rule R { strings: $a = /a.*b.*c.*d.*e.*f/s condition: $a }");
    let content = b"abcde".repeat(100_000);
    let ended = compiled.set.scan(&content, &FileFacts::default(), Duration::from_millis(50)).unwrap_err();
    assert_eq!(ended.reason, InterruptReason::TimedOut);
}
