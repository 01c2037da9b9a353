//! How the machine is protected: what `MpManagerStatusQueryEx` answers.
//!
//! The rules are those of `booster status`: age is counted from the publisher's signed date, and
//! nothing installed at all is out of date. Nothing is reported that neither the service nor the data folder says.

use crate::{
    Manager,
    error::{Result, of_kind},
    numbers::{
        MP_STATUS_FLAG_DUE_AS_SIGNATURE, MP_STATUS_FLAG_DUE_AV_SIGNATURE, MP_STATUS_FLAG_HEALTH_INITIALIZED,
        MP_STATUS_FLAG_MPENGINE_UNAVAILABLE, MP_STATUS_FLAG_SERVICE_UNAVAILABLE,
    },
    service,
};
use booster_config::Settings;
use booster_definitions::Component;
use booster_engine::Image;
use booster_service::status::{ComponentStatus, Status as MachineStatus};
use booster_update::ErrorKind;
use jiff::Timestamp;
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
    /// Whether somebody does the work: the service, or this library where no service has to.
    service: bool,
    /// Whether the engine has definitions that it can use.
    engine: bool,
    /// What is installed.
    installed: BTreeMap<Component, Installed>,
    /// What is to be kept current.
    wanted: Vec<Component>,
}

/// What is known of an installed component.
#[derive(Debug, Clone, Copy, Default)]
struct Installed {
    out_of_date: bool,
    damaged: bool,
}

impl Manager {
    /// How the machine is protected now. That a service which has to be used is not there is a status, and no
    /// failure.
    ///
    /// # Errors
    /// The settings cannot be used, or the data folder cannot be read.
    pub fn status(&self) -> Result<Status> {
        let settings = self.settings()?;
        let facts = match service::ask(&settings, async |mut client| Ok(client.status().await?)) {
            Ok(Some(status)) => Facts::of_service(&settings, status),
            Ok(None) => Facts::of_folder(&settings)?,
            Err(error) if error.code == of_kind(ErrorKind::ServiceAbsent) => {
                Facts::without_service(&settings)
            }
            Err(error) => return Err(error),
        };
        Ok(Status::of(&facts))
    }
}

impl Facts {
    fn of_service(settings: &Settings, status: MachineStatus) -> Self {
        let in_use = status.service.as_ref().and_then(|service| service.engine_generation);
        Self { engine: in_use.is_some(), ..Self::of(settings, status) }
    }

    fn of_folder(settings: &Settings) -> Result<Self> {
        let status = MachineStatus::read(settings, Timestamp::now())?;
        let current = settings.store().current()?;
        let engine = current.is_some_and(|current| Image::read(&current.image_dir()).is_ok());
        Ok(Self { engine, ..Self::of(settings, status) })
    }

    /// What the folder says, as far as this user may read it: nobody else answers.
    fn without_service(settings: &Settings) -> Self {
        let read = MachineStatus::read(settings, Timestamp::now());
        let facts = read.map(|status| Self::of(settings, status)).unwrap_or_default();
        Self { service: false, engine: false, ..facts }
    }

    fn of(settings: &Settings, status: MachineStatus) -> Self {
        let installed = |component: ComponentStatus| {
            let ComponentStatus { name, out_of_date, damaged, .. } = component;
            (name, Installed { out_of_date, damaged })
        };
        Self {
            service: true,
            engine: false,
            installed: status.components.into_iter().map(installed).collect(),
            wanted: settings.components.clone(),
        }
    }
}

impl Status {
    /// Judges the facts.
    fn of(facts: &Facts) -> Self {
        let due = |component: Component| match facts.installed.get(&component) {
            Some(installed) => installed.out_of_date,
            // A publisher need not have every component; one that has none has given nothing.
            None => facts.installed.is_empty() && facts.wanted.contains(&component),
        };
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        Self {
            flags: flag(facts.service, MP_STATUS_FLAG_HEALTH_INITIALIZED)
                | flag(!facts.service, MP_STATUS_FLAG_SERVICE_UNAVAILABLE)
                | flag(!facts.engine, MP_STATUS_FLAG_MPENGINE_UNAVAILABLE)
                | flag(due(Component::Antivirus), MP_STATUS_FLAG_DUE_AV_SIGNATURE)
                | flag(due(Component::Antispyware), MP_STATUS_FLAG_DUE_AS_SIGNATURE),
            antivirus: ComponentState::of(facts, Component::Antivirus),
            antispyware: ComponentState::of(facts, Component::Antispyware),
        }
    }
}

impl ComponentState {
    fn of(facts: &Facts, component: Component) -> Self {
        match facts.installed.get(&component) {
            None => Self::Absent,
            Some(Installed { damaged: true, .. }) => Self::Damaged,
            Some(Installed { damaged: false, .. }) => Self::InUse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Component::{Antispyware, Antivirus};

    const WELL: u32 = MP_STATUS_FLAG_HEALTH_INITIALIZED;
    const AV: u32 = MP_STATUS_FLAG_DUE_AV_SIGNATURE;
    const AS: u32 = MP_STATUS_FLAG_DUE_AS_SIGNATURE;
    const FRESH: Installed = Installed { out_of_date: false, damaged: false };
    const OLD: Installed = Installed { out_of_date: true, damaged: false };
    const BAD: Installed = Installed { out_of_date: false, damaged: true };

    fn facts(installed: &[(Component, Installed)], wanted: &[Component]) -> Facts {
        Facts {
            service: true,
            engine: !installed.is_empty(),
            installed: installed.iter().copied().collect(),
            wanted: wanted.to_vec(),
        }
    }

    fn status(installed: &[(Component, Installed)], wanted: &[Component]) -> Status {
        Status::of(&facts(installed, wanted))
    }

    #[test]
    fn where_nothing_is_installed_there_is_no_engine_and_what_is_wanted_is_due() {
        let status = |wanted: &[Component]| status(&[], wanted);
        assert_eq!(status(&Component::ALL).flags, WELL | MP_STATUS_FLAG_MPENGINE_UNAVAILABLE | AV | AS);
        assert_eq!(status(&[Antivirus]).flags, WELL | MP_STATUS_FLAG_MPENGINE_UNAVAILABLE | AV);
        assert_eq!(status(&Component::ALL).antivirus, ComponentState::Absent);
    }

    #[test]
    fn each_component_is_due_by_itself() {
        for (antivirus, antispyware, flags) in [
            (FRESH, FRESH, WELL),
            (OLD, FRESH, WELL | AV),
            (FRESH, OLD, WELL | AS),
            (OLD, OLD, WELL | AV | AS),
        ] {
            let status = status(&[(Antivirus, antivirus), (Antispyware, antispyware)], &Component::ALL);
            assert_eq!(status.flags, flags, "{antivirus:?} {antispyware:?}");
        }
    }

    #[test]
    fn a_publisher_need_not_have_every_component() {
        let status = status(&[(Antivirus, FRESH)], &Component::ALL);
        assert_eq!(status.flags, WELL);
        assert_eq!((status.antivirus, status.antispyware), (ComponentState::InUse, ComponentState::Absent));
    }

    #[test]
    fn damage_is_told_of_the_component_that_has_it() {
        let status = status(&[(Antivirus, FRESH), (Antispyware, BAD)], &Component::ALL);
        assert_eq!((status.antivirus, status.antispyware), (ComponentState::InUse, ComponentState::Damaged));
    }

    #[test]
    fn without_its_service_a_machine_has_no_engine_and_its_definitions_are_told_of_as_they_lie() {
        let facts = facts(&[(Antivirus, OLD)], &Component::ALL);
        let status = Status::of(&Facts { service: false, engine: false, ..facts });
        let expected = MP_STATUS_FLAG_SERVICE_UNAVAILABLE | MP_STATUS_FLAG_MPENGINE_UNAVAILABLE | AV;
        assert_eq!((status.flags, status.antivirus), (expected, ComponentState::InUse));
    }
}
