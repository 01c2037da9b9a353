//! How the machine is protected: what `MpManagerStatusQueryEx` answers.
//!
//! The rules are those of `booster status`: age is counted from the publisher's signed date, and
//! nothing installed at all is out of date. Nothing is reported that the data folder does not say.

use crate::{
    Manager,
    error::Result,
    numbers::{
        MP_STATUS_FLAG_DUE_AS_SIGNATURE, MP_STATUS_FLAG_DUE_AV_SIGNATURE, MP_STATUS_FLAG_HEALTH_INITIALIZED,
        MP_STATUS_FLAG_MPENGINE_UNAVAILABLE,
    },
};
use booster_definitions::Component;
use booster_engine::Image;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How the machine is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Bits of `MPSTATUS_FLAG`.
    pub flags: u32,
    /// The antivirus definitions.
    pub antivirus: ComponentState,
    /// The antispyware definitions.
    pub antispyware: ComponentState,
}

/// What is known of one component's definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComponentState {
    /// None are installed.
    Absent,
    /// Installed, and in use.
    InUse,
    /// Installed, and the last verification found them damaged.
    Damaged,
}

/// What the judgement rests on.
#[derive(Debug, Clone, Default)]
struct Facts {
    /// When what is installed was published.
    published: BTreeMap<Component, Timestamp>,
    /// What the last verification found damaged.
    damaged: Vec<Component>,
    /// Whether the engine can read the image that was built of what is installed.
    image: bool,
    /// What is to be kept current.
    wanted: Vec<Component>,
}

impl Manager {
    /// How the machine is protected now.
    ///
    /// # Errors
    /// The settings cannot be used, or the data folder cannot be read.
    pub fn status(&self) -> Result<Status> {
        let settings = self.settings()?;
        let store = settings.store();
        let facts = match store.current()? {
            None => Facts { wanted: settings.components, ..Facts::default() },
            Some(current) => Facts {
                published: current
                    .record()
                    .components
                    .iter()
                    .map(|(name, installed)| (*name, installed.manifest.published))
                    .collect(),
                damaged: store.damaged_components()?,
                image: Image::read(&current.image_dir()).is_ok(),
                wanted: settings.components,
            },
        };
        let limit = SignedDuration::try_from(settings.freshness.out_of_date_after.0);
        Ok(Status::of(&facts, Timestamp::now(), limit.unwrap_or(SignedDuration::MAX)))
    }
}

impl Status {
    /// Judges the facts; `limit` is the age beyond which definitions are out of date.
    fn of(facts: &Facts, now: Timestamp, limit: SignedDuration) -> Self {
        let due = |component: Component| match facts.published.get(&component) {
            Some(&published) => now.duration_since(published) > limit,
            // A publisher need not have every component; one that has none has given nothing.
            None => facts.published.is_empty() && facts.wanted.contains(&component),
        };
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        Self {
            flags: MP_STATUS_FLAG_HEALTH_INITIALIZED
                | flag(!facts.image, MP_STATUS_FLAG_MPENGINE_UNAVAILABLE)
                | flag(due(Component::Antivirus), MP_STATUS_FLAG_DUE_AV_SIGNATURE)
                | flag(due(Component::Antispyware), MP_STATUS_FLAG_DUE_AS_SIGNATURE),
            antivirus: ComponentState::of(facts, Component::Antivirus),
            antispyware: ComponentState::of(facts, Component::Antispyware),
        }
    }
}

impl ComponentState {
    fn of(facts: &Facts, component: Component) -> Self {
        match (facts.published.contains_key(&component), facts.damaged.contains(&component)) {
            (false, _) => Self::Absent,
            (true, true) => Self::Damaged,
            (true, false) => Self::InUse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Component::{Antispyware, Antivirus};

    const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
    const WELL: u32 = MP_STATUS_FLAG_HEALTH_INITIALIZED;
    const AV: u32 = MP_STATUS_FLAG_DUE_AV_SIGNATURE;
    const AS: u32 = MP_STATUS_FLAG_DUE_AS_SIGNATURE;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn status(published: &[(Component, &str)], wanted: &[Component]) -> Status {
        let facts = Facts {
            published: published.iter().map(|&(name, time)| (name, at(time))).collect(),
            damaged: Vec::new(),
            image: !published.is_empty(),
            wanted: wanted.to_vec(),
        };
        Status::of(&facts, at("2026-03-10T12:00:00Z"), WEEK)
    }

    #[test]
    fn where_nothing_is_installed_there_is_no_engine_and_what_is_wanted_is_due() {
        let status = |wanted: &[Component]| status(&[], wanted);
        assert_eq!(status(&Component::ALL).flags, WELL | MP_STATUS_FLAG_MPENGINE_UNAVAILABLE | AV | AS);
        assert_eq!(status(&[Antivirus]).flags, WELL | MP_STATUS_FLAG_MPENGINE_UNAVAILABLE | AV);
        assert_eq!(status(&Component::ALL).antivirus, ComponentState::Absent);
    }

    #[test]
    fn each_component_is_due_by_its_own_signed_date() {
        let (fresh, old) = ("2026-03-03T12:00:00Z", "2026-03-03T11:59:59Z");
        for (antivirus, antispyware, flags) in [
            (fresh, fresh, WELL),
            (old, fresh, WELL | AV),
            (fresh, old, WELL | AS),
            (old, old, WELL | AV | AS),
        ] {
            let status = status(&[(Antivirus, antivirus), (Antispyware, antispyware)], &Component::ALL);
            assert_eq!(status.flags, flags, "{antivirus} {antispyware}");
        }
    }

    #[test]
    fn a_publisher_need_not_have_every_component() {
        let status = status(&[(Antivirus, "2026-03-10T00:00:00Z")], &Component::ALL);
        assert_eq!(status.flags, WELL);
        assert_eq!((status.antivirus, status.antispyware), (ComponentState::InUse, ComponentState::Absent));
    }

    #[test]
    fn damage_is_told_of_the_component_that_has_it() {
        let facts = Facts {
            published: [(Antivirus, at("2026-03-10T00:00:00Z")), (Antispyware, at("2026-03-10T00:00:00Z"))]
                .into(),
            damaged: vec![Antispyware],
            image: true,
            wanted: Component::ALL.to_vec(),
        };
        let status = Status::of(&facts, at("2026-03-10T12:00:00Z"), WEEK);
        assert_eq!((status.antivirus, status.antispyware), (ComponentState::InUse, ComponentState::Damaged));
    }
}
