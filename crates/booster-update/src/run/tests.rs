use super::*;
use crate::{Held, Step};
use booster_definitions::{
    ArchiveInfo, Counts, FullPackage, MANIFEST_FORMAT, ReleaseManifest, Requires, Version,
};

fn full(restart_required: bool) -> Step {
    Step::Full(Box::new(ReleaseManifest {
        format: MANIFEST_FORMAT,
        component: Component::Nis,
        version: Version::default(),
        published: Timestamp::UNIX_EPOCH,
        archive: ArchiveInfo { sha256: Digest::of(b""), size: 0, files: 0 },
        full: FullPackage { target: String::new(), size: 0 },
        counts: Counts::default(),
        requires: Requires::default(),
        restart_required,
        notes: None,
    }))
}

fn waits() -> Step {
    let version = Version::default();
    Step::Held(Held::NeedsNewerEngine { offered: version, required: version, engine: version })
}

#[test]
fn the_outcome_is_what_the_caller_has_to_know_first() {
    for (steps, looked, applied) in [
        (vec![], Outcome::Current, Outcome::Current),
        (vec![Step::Nothing], Outcome::Current, Outcome::Current),
        (vec![full(false), Step::Nothing], Outcome::Available, Outcome::Updated),
        (vec![full(false), full(true)], Outcome::Available, Outcome::RestartRequired),
        (vec![waits()], Outcome::SoftwareUpdateAvailable, Outcome::SoftwareUpdateAvailable),
        (vec![full(false), waits()], Outcome::Available, Outcome::SoftwareUpdateAvailable),
        (vec![full(true), waits()], Outcome::Available, Outcome::RestartRequired),
    ] {
        let steps = Component::ALL.into_iter().zip(steps).collect();
        let plan = Plan { steps, ..Plan::default() };
        assert_eq!((outcome(&plan, true), outcome(&plan, false)), (looked, applied), "{plan:?}");
    }
}
