use super::*;
use booster_definitions::{Counts, FullPackage, MANIFEST_FORMAT, Requires, full_target};
use booster_store::Verdict;

const ENGINE: Version = Version([1, 2, 0, 0]);

fn release(version: u16, content: &str, engine: Version) -> ReleaseManifest {
    let version = Version([1, version, 0, 0]);
    ReleaseManifest {
        format: MANIFEST_FORMAT,
        component: Component::Antivirus,
        version,
        published: jiff::Timestamp::UNIX_EPOCH,
        archive: ArchiveInfo { sha256: Digest::of(content.as_bytes()), size: 1, files: 1 },
        full: FullPackage { target: full_target(Component::Antivirus, version), size: 1 },
        counts: Counts::default(),
        requires: Requires { engine },
        restart_required: false,
        notes: None,
    }
}

/// A word for each decision, so that a table reads as one.
fn word(step: &Step) -> &'static str {
    match step {
        Step::Full(_) => "full",
        Step::Nothing => "nothing",
        Step::Held(Held::NeedsNewerEngine { .. }) => "newer engine",
        Step::Held(Held::OlderThanInstalled { .. }) => "older",
        Step::Held(Held::OtherContent { .. }) => "other content",
        Step::Held(Held::Rejected { .. }) => "rejected",
        Step::Held(_) => "held",
    }
}

fn installed(release: &ReleaseManifest, damaged: bool) -> InstalledRelease {
    let ReleaseManifest { version, published, archive, .. } = *release;
    InstalledRelease { version, published, archive, damaged }
}

fn policy(components: Option<Vec<Component>>) -> Policy {
    Policy { engine: ENGINE, components, may_go_back: BTreeSet::new(), rejected: Vec::new() }
}

#[test]
fn each_component_is_decided_by_version_content_and_engine() {
    let old_engine = Version([1, 0, 0, 0]);
    let new_engine = Version([1, 2, 0, 1]);
    for (installed, offered, expected) in [
        (None, release(1, "a", old_engine), "full"),
        (None, release(1, "a", ENGINE), "full"),
        (None, release(1, "a", new_engine), "newer engine"),
        (Some((1, "a")), release(1, "a", old_engine), "nothing"),
        // What is installed stays installed, whatever it would need today.
        (Some((1, "a")), release(1, "a", new_engine), "nothing"),
        (Some((1, "a")), release(1, "b", old_engine), "other content"),
        (Some((1, "a")), release(2, "a", old_engine), "full"),
        (Some((1, "a")), release(2, "b", old_engine), "full"),
        (Some((1, "a")), release(2, "b", new_engine), "newer engine"),
        (Some((2, "a")), release(1, "a", old_engine), "older"),
        // A downgrade is refused before the engine is looked at.
        (Some((2, "a")), release(1, "a", new_engine), "older"),
    ] {
        let installed = installed.map(|(version, content)| {
            let release = release(version, content, old_engine);
            self::installed(&release, false)
        });
        assert_eq!(
            word(&step(installed.as_ref(), &offered, &policy(None))),
            expected,
            "{installed:?} -> {} engine {}",
            offered.version,
            offered.requires.engine
        );
    }
}

#[test]
fn a_damaged_component_is_installed_afresh_and_still_never_downgraded() {
    let installed = release(2, "a", ENGINE);
    let installed = self::installed(&installed, true);
    let policy = policy(None);
    for (offered, expected) in [
        (release(2, "a", ENGINE), "full"),
        (release(2, "b", ENGINE), "other content"),
        (release(1, "a", ENGINE), "older"),
    ] {
        assert_eq!(word(&step(Some(&installed), &offered, &policy)), expected);
    }
}

#[test]
fn only_the_administrators_pin_leads_back() {
    let installed = installed(&release(2, "a", ENGINE), false);
    let back = Policy { may_go_back: BTreeSet::from([Component::Antivirus]), ..policy(None) };
    let older = release(1, "b", ENGINE);
    assert_eq!(word(&step(Some(&installed), &older, &back)), "full");
    assert_eq!(word(&step(Some(&installed), &older, &policy(None))), "older");
}

#[test]
fn a_rejected_release_is_held_by_its_number_and_its_content_and_the_next_one_is_taken() {
    let verdict = Verdict { why: Why::Crashed, reason: String::new(), time: jiff::Timestamp::UNIX_EPOCH };
    let rejected = vec![RejectedRelease::new(&release(2, "bad", ENGINE), &verdict)];
    let policy = Policy { rejected, ..policy(None) };
    let installed = installed(&release(1, "good", ENGINE), false);
    for (offered, expected) in [
        (release(2, "bad", ENGINE), "rejected"),
        (release(3, "bad", ENGINE), "rejected"),
        (release(3, "better", ENGINE), "full"),
        (release(1, "good", ENGINE), "nothing"),
    ] {
        let step = step(Some(&installed), &offered, &policy);
        assert_eq!(word(&step), expected, "{}", offered.version);
    }
}

#[test]
fn one_held_component_does_not_hold_the_others() {
    let offered = BTreeMap::from([
        (Component::Antivirus, release(1, "a", Version([9, 0, 0, 0]))),
        (Component::Nis, release(1, "n", ENGINE)),
    ]);
    let plan = plan(&BTreeMap::new(), &offered, &policy(None));
    assert!(plan.needs_newer_engine());
    assert_eq!(plan.updates().count(), 1);
    assert_eq!(plan.refusal(), None);
}

#[test]
fn only_wanted_components_are_planned() {
    let offered = BTreeMap::from([
        (Component::Antivirus, release(1, "a", ENGINE)),
        (Component::Nis, release(1, "n", ENGINE)),
    ]);
    let policy = policy(Some(vec![Component::Nis]));
    let plan = plan(&BTreeMap::new(), &offered, &policy);
    assert_eq!(plan.steps.keys().collect::<Vec<_>>(), [&Component::Nis]);
}
