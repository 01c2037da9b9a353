//! Versions and status: what the data folder or the service says, before and after an installation.

use crate::{
    MODE,
    support::{Language, Link, Machine, Mode, Program, Said, Site, rule},
};
use booster_definitions::Component;
use mpclient::filetime;
use std::fs;

const WELL: &str = "0x80000";
const NOTHING_INSTALLED: &str = "0x80062";

fn query(machine: &Machine) -> Option<Said> {
    Some(Program::build("query", Language::C11, Link::Shared)?.run(machine, &[]))
}

fn site() -> Site {
    let site = Site::new();
    site.publish(Component::Antivirus, "1.2.3.4", &[("a.yar", &rule("a", "first"))]);
    site
}

#[test]
fn where_nothing_is_installed_everything_is_due_and_no_version_is_invented() {
    let Some(said) = query(&Machine::new()) else { return };
    assert_eq!((said.value("version_query"), said.value("status_query")), ("0x00000000", "0x00000000"));
    assert_eq!(said.value("product"), concat!(env!("CARGO_PKG_VERSION"), ".0 0"));
    assert_eq!(said.value("service"), said.value("product"));
    assert_eq!(said.value("engine"), format!("{} 0", booster_engine::ENGINE_VERSION));
    for name in ["filter", "antivirus", "antispyware", "nis_engine", "nis"] {
        assert_eq!(said.value(name), "0.0.0.0 0", "{name}");
    }
    assert_eq!(said.value("flags"), NOTHING_INSTALLED);
    assert_eq!(said.value("antivirus_status"), "0 0x80501002");
    assert_eq!(said.value("realtime_status"), "0 0x8050800F");
}

#[test]
fn what_is_installed_has_its_version_and_the_time_of_its_installation() {
    let (site, machine) = (site(), Machine::new());
    machine.install(&site);
    site.publish(Component::Nis, "5.0.0.1", &[("suricata.rules", "# none\n")]);
    machine.install(&site);
    let Some(said) = query(&machine) else { return };
    let current = machine.store().current().unwrap().unwrap();
    let time = |component| filetime::from_timestamp(current.component(component).unwrap().installed);
    assert_eq!(said.value("antivirus"), format!("1.2.3.4 {}", time(Component::Antivirus)));
    assert_eq!(said.value("nis"), format!("5.0.0.1 {}", time(Component::Nis)));
    assert_eq!(said.value("antispyware"), "0.0.0.0 0");
    assert_eq!(said.value("flags"), WELL);
    assert_eq!(said.value("antivirus_status"), "1 0x00000000");
    assert_eq!(said.value("antispyware_status"), "0 0x80501002");
}

#[test]
fn definitions_older_than_the_setting_allows_are_due() {
    let (site, mut machine) = (site(), Machine::new());
    machine.install(&site);
    machine.set("BOOSTER_FRESHNESS__OUT_OF_DATE_AFTER", "1ms");
    let Some(said) = query(&machine) else { return };
    assert_eq!(said.value("flags"), "0x80020");
    machine.unset("BOOSTER_FRESHNESS__OUT_OF_DATE_AFTER");
    assert_eq!(query(&machine).unwrap().value("flags"), WELL);
}

#[test]
fn an_image_that_the_engine_cannot_read_is_told() {
    let (site, machine) = (site(), Machine::new());
    machine.install(&site);
    let image = machine.store().current().unwrap().unwrap().image_dir();
    fs::remove_file(image.join("image.json")).unwrap();
    let Some(said) = query(&machine) else { return };
    assert_eq!(said.value("flags"), "0x80002");
    match MODE {
        Mode::Embedded => assert!(said.value("antivirus").starts_with("1.2.3.4 ")),
        Mode::Served => assert_eq!(said.value("antivirus"), "0.0.0.0 0", "it is installed, and not in use"),
    }
}

#[test]
fn a_data_folder_that_cannot_be_understood_is_told_or_put_in_order() {
    let (site, machine) = (site(), Machine::new());
    machine.install(&site);
    fs::write(machine.data().join("current"), "{").unwrap();
    let Some(said) = query(&machine) else { return };
    let queries = (said.value("version_query"), said.value("status_query"));
    match MODE {
        Mode::Embedded => {
            assert_eq!(queries, ("0x8050800D", "0x8050800D"));
            assert_eq!((said.value("product"), said.value("flags")), ("0.0.0.0 0", "0x0"));
        }
        // A service puts the folder in order when it starts.
        Mode::Served => {
            assert_eq!(queries, ("0x00000000", "0x00000000"));
            assert!(said.value("antivirus").starts_with("1.2.3.4 "));
        }
    }
}

#[test]
fn a_mistake_in_the_settings_is_the_error_of_the_call_that_needs_them() {
    let mut machine = Machine::new();
    machine.set("BOOSTER_STORE__KEEP", "many");
    let Some(said) = query(&machine) else { return };
    assert_eq!((said.value("version_query"), said.value("status_query")), ("0x80508020", "0x80508020"));
}
