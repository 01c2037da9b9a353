//! The scan: which updates a server has for this machine, round by round.
//!
//! Of everything that others build upon only our categories count as installed, with what they belong to
//! and the detector of this machine's processor, so that a server sends nothing of what it has for
//! everybody else. No server can make it go on for ever: a round that brings
//! nothing unseen is the last, and so is the three hundredth.

use super::FRAGMENT;
use booster_wsus::{
    UpdateIdentity, Uuid, XmlError,
    fragment::{Core, UpdateKind},
    message::{Action, SyncParameters, SyncResult, UpdateInfo},
};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashSet};

/// Rounds of one scan.
const ROUNDS: u32 = 300;
/// Revisions of one scan.
const REVISIONS: usize = 20_000;
/// Entries of `InstalledNonLeafUpdateIDs` above which real servers refuse a request.
const INSTALLED: usize = 400;
/// How deep bundles are looked into.
const BUNDLES: u32 = 4;

/// The updates that ask for a processor, the same on every server, by Rust's names of architectures.
const PROCESSORS: [(&str, Uuid); 4] = [
    ("x86_64", Uuid::from_u128(0x59653007_e2e9_4f71_8525_2ff588527978)),
    ("x86", Uuid::from_u128(0x3e0afb10_a9fb_4c16_a60e_5790c3803437)),
    ("arm", Uuid::from_u128(0x7af068bd_e532_41bd_8a11_a4099504e4a9)),
    ("aarch64", Uuid::from_u128(0x4103af66_247a_4782_b970_8899394c27c3)),
];

/// Why a scan cannot be gone on with.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScanError {
    #[error("an update's own words: {0}")]
    Fragment(#[from] XmlError),
    #[error("it names more than {REVISIONS} revisions")]
    TooManyRevisions,
    #[error("it asks for more than {ROUNDS} rounds")]
    TooManyRounds,
}

/// A revision whose files are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) id: i32,
    pub(super) identity: UpdateIdentity,
    pub(super) deadline: Option<Timestamp>,
}

/// A scan that goes on.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    products: &'a [Uuid],
    classifications: &'a [Uuid],
    /// What else counts as installed.
    ancestors: &'a [Uuid],
    seen: HashSet<i32>,
    installed: Vec<i32>,
    other: Vec<i32>,
    candidates: Vec<Candidate>,
    members: BTreeMap<UpdateIdentity, (i32, Core)>,
    rounds: u32,
}

#[derive(Debug)]
struct Candidate {
    id: i32,
    core: Core,
    deadline: Option<Timestamp>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(products: &'a [Uuid], classifications: &'a [Uuid], ancestors: &'a [Uuid]) -> Self {
        Self {
            products,
            classifications,
            ancestors,
            seen: HashSet::new(),
            installed: Vec::new(),
            other: Vec::new(),
            candidates: Vec::new(),
            members: BTreeMap::new(),
            rounds: 0,
        }
    }

    /// What the next round says.
    pub(super) fn parameters(&self) -> SyncParameters {
        SyncParameters {
            installed_non_leaf: self.installed.clone(),
            other_cached: self.other.clone(),
            ..SyncParameters::default()
        }
    }

    /// Takes a round's answer; whether there has to be another.
    pub(super) fn take(&mut self, result: SyncResult) -> Result<bool, ScanError> {
        self.rounds += 1;
        let (mut unseen, mut new_installed) = (false, false);
        for update in result.new_updates {
            if !self.seen.insert(update.id) {
                continue;
            }
            unseen = true;
            if self.seen.len() > REVISIONS {
                return Err(ScanError::TooManyRevisions);
            }
            new_installed |= self.judge(update)?;
        }
        let more = unseen && (result.is_truncated || new_installed);
        if more && self.rounds >= ROUNDS { Err(ScanError::TooManyRounds) } else { Ok(more) }
    }

    /// Puts a revision where it belongs; whether it is one that others build upon, and installed.
    fn judge(&mut self, update: UpdateInfo) -> Result<bool, ScanError> {
        let core = update.xml.as_deref().map(|xml| Core::read(xml, &FRAGMENT));
        let ours = match core.transpose() {
            Ok(core) => core,
            // Somebody else's update is not worth failing for.
            Err(error) => {
                tracing::debug!(id = update.id, %error, "an update cannot be understood");
                None
            }
        };
        let Some(core) = ours else {
            self.other.push(update.id);
            return Ok(false);
        };
        if !update.is_leaf && self.is_installed(&core.identity.update) && self.installed.len() < INSTALLED {
            self.installed.push(update.id);
            return Ok(true);
        }
        self.other.push(update.id);
        let deployment = update.deployment.unwrap_or_default();
        match deployment.action {
            Action::Install | Action::OptionalInstall if self.is_candidate(&core) => {
                self.candidates.push(Candidate { id: update.id, core, deadline: deployment.deadline });
            }
            Action::Bundle => _ = self.members.insert(core.identity, (update.id, core)),
            _ => {}
        }
        Ok(false)
    }

    fn is_installed(&self, update: &Uuid) -> bool {
        let lists = [self.products, self.classifications, self.ancestors];
        lists.iter().any(|list| list.contains(update)) || processor(std::env::consts::ARCH) == Some(*update)
    }

    fn is_candidate(&self, core: &Core) -> bool {
        core.kind == UpdateKind::Software
            && core.belongs_to(self.products)
            && core.belongs_to(self.classifications)
    }

    /// The revisions whose files are wanted, in the order of their ids: approved ones that no other takes the
    /// place of, and what they are made of.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        let superseded: HashSet<Uuid> =
            self.candidates.iter().flat_map(|one| one.core.superseded.iter().copied()).collect();
        let mut newest: BTreeMap<Uuid, &Candidate> = BTreeMap::new();
        for candidate in self.candidates.iter().filter(|one| !superseded.contains(&one.core.identity.update))
        {
            let kept = newest.entry(candidate.core.identity.update).or_insert(candidate);
            if kept.core.identity.revision < candidate.core.identity.revision {
                *kept = candidate;
            }
        }
        let mut wanted = BTreeMap::new();
        for Candidate { id, core, deadline } in newest.into_values() {
            self.want(&mut wanted, *id, core, *deadline, BUNDLES);
        }
        wanted.into_values().collect()
    }

    fn want(
        &self,
        wanted: &mut BTreeMap<i32, Wanted>,
        id: i32,
        core: &Core,
        deadline: Option<Timestamp>,
        depth: u32,
    ) {
        let one = Wanted { id, identity: core.identity, deadline };
        if wanted.insert(id, one).is_some() || depth == 0 {
            return;
        }
        let members = core.bundled.iter().flatten().filter_map(|member| self.members.get(member));
        for (id, core) in members {
            self.want(wanted, *id, core, deadline, depth - 1);
        }
    }
}

/// The update that asks for this processor.
fn processor(architecture: &str) -> Option<Uuid> {
    PROCESSORS.iter().find(|(name, _)| *name == architecture).map(|(_, update)| *update)
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_wsus::{fragment::Prerequisite, message::Deployment};

    const PRODUCT: Uuid = Uuid::from_u128(1);
    const CLASS: Uuid = Uuid::from_u128(2);
    const ANCESTOR: Uuid = Uuid::from_u128(3);

    fn identity(update: u128, revision: i32) -> UpdateIdentity {
        UpdateIdentity { update: Uuid::from_u128(update), revision }
    }

    fn core(update: u128, kind: UpdateKind) -> Core {
        Core {
            identity: identity(update, 100),
            kind,
            superseded: Vec::new(),
            prerequisites: vec![Prerequisite::category(PRODUCT), Prerequisite::category(CLASS)],
            bundled: Vec::new(),
        }
    }

    fn update(id: i32, core: &Core, action: Action) -> UpdateInfo {
        let deployment = Deployment { action, ..Deployment::default() };
        let is_leaf = core.kind != UpdateKind::Category;
        UpdateInfo { id, deployment: Some(deployment), is_leaf, xml: Some(core.write(false)) }
    }

    fn category(id: i32, category: u128) -> UpdateInfo {
        let core = Core { prerequisites: Vec::new(), ..core(category, UpdateKind::Category) };
        update(id, &core, Action::Evaluate)
    }

    fn software(id: i32, number: u128) -> UpdateInfo {
        update(id, &core(number, UpdateKind::Software), Action::Install)
    }

    fn answer(new_updates: Vec<UpdateInfo>, is_truncated: bool) -> SyncResult {
        SyncResult { new_updates, is_truncated, ..SyncResult::default() }
    }

    fn scan() -> Scan<'static> {
        Scan::new(&[PRODUCT], &[CLASS], &[ANCESTOR])
    }

    fn ids(scan: &Scan<'_>) -> Vec<i32> {
        scan.wanted().iter().map(|one| one.id).collect()
    }

    #[test]
    fn our_categories_are_installed_and_all_others_only_known() {
        let mut scan = scan();
        assert_eq!(scan.take(answer(vec![category(1, 1), category(2, 2), category(3, 77)], false)), Ok(true));
        let parameters = scan.parameters();
        assert_eq!((parameters.installed_non_leaf, parameters.other_cached), (vec![1, 2], vec![3]));
        assert_eq!(scan.take(answer(vec![software(4, 10)], false)), Ok(false));
        assert_eq!(ids(&scan), [4]);
    }

    #[test]
    fn ancestors_and_this_processor_are_installed_and_nothing_is_taken_because_of_them() {
        let mut scan = scan();
        let ours = processor(std::env::consts::ARCH).map(|ours| ours.as_u128());
        let detectors = PROCESSORS
            .iter()
            .enumerate()
            .map(|(at, (_, update))| category(10 + i32::try_from(at).unwrap(), update.as_u128()));
        let mut all: Vec<_> = detectors.collect();
        all.push(category(3, 3));
        // It has its company alone as a category.
        let prerequisites = vec![Prerequisite::category(ANCESTOR), Prerequisite::category(CLASS)];
        all.push(update(4, &Core { prerequisites, ..core(10, UpdateKind::Software) }, Action::Install));
        scan.take(answer(all.clone(), false)).unwrap();
        let installed = scan.parameters().installed_non_leaf;
        let expected = all.iter().filter(|one| {
            let id = Core::read(one.xml.as_deref().unwrap(), &FRAGMENT).unwrap().identity.update;
            id == ANCESTOR || ours == Some(id.as_u128())
        });
        assert_eq!(installed, expected.map(|one| one.id).collect::<Vec<_>>());
        assert_eq!(ids(&scan), [0; 0]);
    }

    #[test]
    fn a_scan_ends_although_a_server_repeats_itself_or_goes_on_for_ever() {
        let mut scan = scan();
        assert_eq!(scan.take(answer(vec![category(1, 1), software(2, 10)], true)), Ok(true));
        assert_eq!(scan.take(answer(vec![category(1, 1), software(2, 10)], true)), Ok(false));
        let mut scan = self::scan();
        let rounds = (1..).map(|id| scan.take(answer(vec![software(id, 10)], true)));
        assert_eq!(rounds.take_while(|more| *more == Ok(true)).count(), 299);
        assert_eq!(scan.take(answer(vec![software(0, 10)], true)), Err(ScanError::TooManyRounds));
        let mut scan = self::scan();
        let all = (1..=20_001).map(|id| UpdateInfo { id, ..UpdateInfo::default() }).collect();
        assert_eq!(scan.take(answer(all, true)), Err(ScanError::TooManyRevisions));
    }

    #[test]
    fn only_approved_definitions_of_ours_are_wanted() {
        let mut scan = scan();
        let foreign =
            Core { prerequisites: vec![Prerequisite::category(CLASS)], ..core(11, UpdateKind::Software) };
        let mut nonsense = software(6, 12);
        nonsense.xml = Some("<UpdateIdentity".to_owned());
        let all = vec![
            software(1, 10),
            update(2, &foreign, Action::Install),
            update(3, &core(13, UpdateKind::Software), Action::Evaluate),
            update(4, &core(14, UpdateKind::Software), Action::Block),
            update(5, &core(15, UpdateKind::Driver), Action::Install),
            nonsense,
        ];
        assert_eq!(scan.take(answer(all, false)), Ok(false));
        assert_eq!(ids(&scan), [1]);
    }

    #[test]
    fn what_is_superseded_or_an_older_revision_is_not_wanted_and_bundles_are_looked_into() {
        let mut scan = scan();
        let newest = Core {
            superseded: vec![Uuid::from_u128(10)],
            bundled: vec![vec![identity(20, 100)]],
            ..core(11, UpdateKind::Software)
        };
        // A bundle that holds itself.
        let member = Core { bundled: vec![vec![identity(20, 100)]], ..core(20, UpdateKind::Software) };
        let older = Core { identity: identity(11, 99), ..newest.clone() };
        let all = vec![
            software(1, 10),
            update(2, &newest, Action::Install),
            update(3, &older, Action::Install),
            update(4, &member, Action::Bundle),
            update(5, &core(21, UpdateKind::Software), Action::Bundle),
        ];
        assert_eq!(scan.take(answer(all, false)), Ok(false));
        assert_eq!(ids(&scan), [2, 4]);
    }
}
