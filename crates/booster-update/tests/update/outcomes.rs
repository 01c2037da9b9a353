//! What an operation comes to when nobody misbehaves.

use crate::{
    machine::{Machine, folder},
    publish_second, publisher,
    publisher::{Publisher, rule},
};
use booster_definitions::{Component, Version};
use booster_store::verify::verify;
use booster_update::{ErrorKind, EventKind::*, Held, How, Outcome, UpdateRequest};

const AV: Component = Component::Antivirus;

#[tokio::test]
async fn a_first_update_installs_and_the_next_one_costs_one_request() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::Updated);
    assert_eq!(
        told.story(),
        [
            Start,
            SearchStart,
            SearchComplete,
            DownloadStart,
            DownloadComplete,
            InstallStart,
            InstallComplete,
            RequestProcessed,
            Complete
        ]
    );
    assert!(told.count(DownloadProgress) > 0 && told.count(InstallProgress) > 0);
    let change = &told.report.components[0];
    assert_eq!((change.name, change.from, change.to), (AV, None, Some(Version([1, 1, 0, 0]))));
    assert_eq!(change.how, How::Full);
    assert_eq!(machine.version(AV), Some(1));
    assert!(told.report.bytes_downloaded > 0 && told.report.requests > 3);

    let told = machine.update(publisher.path()).await;
    told.is(Outcome::Current);
    assert_eq!(told.story(), [Start, SearchStart, SearchComplete, RequestProcessed, Complete]);
    assert_eq!(told.report.requests, 1);
    assert_eq!(told.report.components[0].how, How::None);
    assert_eq!(told.report.components[0].to, Some(Version([1, 1, 0, 0])));
}

#[tokio::test]
async fn progress_events_come_only_where_they_are_asked_for() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let told = machine.run(machine.request(&[folder(publisher.path())])).await;
    told.is(Outcome::Updated);
    assert_eq!(told.story().len(), told.events.len());
}

#[tokio::test]
async fn several_components_switch_together_and_the_others_are_carried_over() {
    let mut publisher = publisher();
    publisher.publish(Component::Nis, 1, &[("net.rules", b"alert tcp any any -> any any")]);
    publisher.publish(Component::Antispyware, 1, &[("spy.yar", &rule("spy", "spying pattern"))]);
    let machine = Machine::new(&publisher);
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::Updated);
    assert_eq!((told.count(DownloadStart), told.count(InstallComplete)), (3, 3));
    assert_eq!(machine.versions().len(), 3);
    assert_eq!(machine.store().current().unwrap().unwrap().record().number, 1, "one switch for all");

    publish_second(&mut publisher);
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::Updated);
    let changes = told.report.components.iter().map(|change| (change.name, change.how));
    assert_eq!(
        changes.collect::<Vec<_>>(),
        [(AV, How::Full), (Component::Antispyware, How::None), (Component::Nis, How::None)]
    );
    assert_eq!((machine.version(AV), machine.version(Component::Nis)), (Some(2), Some(1)));
    let current = machine.store().current().unwrap().unwrap();
    assert!(current.component_dir(Component::Nis).join("net.rules").is_file());
}

#[tokio::test]
async fn looking_only_says_what_is_there_and_changes_nothing() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let request = UpdateRequest { check_only: true, ..machine.request(&[folder(publisher.path())]) };
    let told = machine.run(request).await;
    told.is(Outcome::Available);
    assert_eq!(told.story(), [Start, SearchStart, SearchComplete, RequestProcessed, Complete]);
    assert_eq!(told.events[2].total, 1);
    assert_eq!((told.report.components[0].from, told.report.components[0].how), (None, How::Full));
    assert!(machine.versions().is_empty());
    // The metadata is trusted now, and still the release is known to be missing.
    machine.update(publisher.path()).await.is(Outcome::Updated);
}

#[tokio::test]
async fn a_release_for_a_newer_engine_waits_and_the_other_components_do_not() {
    let mut publisher = publisher();
    let newer = |manifest: &mut booster_definitions::ReleaseManifest| {
        manifest.requires.engine = Version([999, 0, 0, 0]);
    };
    publisher.publish_as(Component::Nis, 1, &[("net.rules", b"alert")], newer);
    let machine = Machine::new(&publisher);
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::SoftwareUpdateAvailable);
    assert_eq!(told.count(SoftwareUpdateAvailable), 1);
    assert_eq!(machine.versions().keys().collect::<Vec<_>>(), [&AV]);
    let held = told.report.components[1].held.clone().unwrap();
    assert!(matches!(held, Held::NeedsNewerEngine { .. }), "{held}");
    assert!(held.to_string().contains("999.0.0.0"), "{held}");

    // As long as it waits, each operation says so.
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::SoftwareUpdateAvailable);
    assert_eq!(told.count(DownloadStart), 0);
}

#[tokio::test]
async fn a_release_can_ask_for_a_restart() {
    let mut publisher = publisher();
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    publisher.publish_as(AV, 2, &[("a.yar", &rule("a", "some pattern"))], |m| m.restart_required = true);
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::RestartRequired);
    assert_eq!(told.story()[told.story().len() - 3..], [RebootRequired, RequestProcessed, Complete]);
    assert_eq!(machine.version(AV), Some(2));
    machine.update(publisher.path()).await.is(Outcome::Current);
}

#[tokio::test]
async fn only_wanted_components_are_installed() {
    let mut publisher = publisher();
    publisher.publish(Component::Nis, 1, &[("net.rules", b"alert")]);
    let machine = Machine::new(&publisher);
    let request = || UpdateRequest {
        components: Some(vec![Component::Nis]),
        ..machine.request(&[folder(publisher.path())])
    };
    machine.run(request()).await.is(Outcome::Updated);
    assert_eq!(machine.versions().keys().collect::<Vec<_>>(), [&Component::Nis]);
    let told = machine.run(request()).await;
    told.is(Outcome::Current);
    assert_eq!(told.report.requests, 1);
}

#[tokio::test]
async fn a_repository_without_releases_has_nothing_to_offer() {
    let publisher = Publisher::new(crate::machine::now());
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Current);
    assert!(machine.versions().is_empty());
}

#[tokio::test]
async fn what_failed_to_install_is_tried_again_although_the_metadata_has_not_changed() {
    let publisher = publisher();
    let mut machine = Machine::new(&publisher);
    let worker = machine.worker.clone();
    machine.worker.args.push("crash".into());
    machine.update(publisher.path()).await.failed_with(ErrorKind::WorkerCrashed);
    machine.worker = worker;
    machine.update(publisher.path()).await.is(Outcome::Updated);
}

#[tokio::test]
async fn an_older_release_is_refused_however_well_it_is_signed() {
    let mut publisher = publisher();
    publish_second(&mut publisher);
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    publisher.remove(AV, 2);
    publisher.publish(AV, 1, &[("one.yar", &rule("one", "first pattern"))]);
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::Downgrade);
    assert_eq!(told.report.security_failures().count(), 1);
    assert_eq!(machine.version(AV), Some(2));
}

#[tokio::test]
async fn the_same_version_with_other_content_is_refused() {
    let mut publisher = publisher();
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    publisher.publish(AV, 1, &[("one.yar", &rule("one", "changed pattern"))]);
    machine.update(publisher.path()).await.failed_with(ErrorKind::ReleaseChanged);
}

#[tokio::test]
async fn a_damaged_component_is_installed_afresh() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    let store = machine.store();
    let current = store.current().unwrap().unwrap();
    std::fs::write(current.component_dir(AV).join("one.yar"), "rule x { condition: false }").unwrap();
    let found = verify(&current, &mut |_| {}).unwrap();
    store.begin("verify").unwrap().record_damage(&current, &found).unwrap();
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::Updated);
    assert_eq!(told.report.components[0].from, told.report.components[0].to);
    machine.update(publisher.path()).await.is(Outcome::Current);
}

#[tokio::test]
async fn an_image_that_another_version_of_booster_built_is_built_anew() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    let manifest = machine.store().current().unwrap().unwrap().image_dir().join("image.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replacen("\"format\": ", "\"format\": 100", 1)).unwrap();
    machine.update(publisher.path()).await.is(Outcome::Updated);
    let current = machine.store().current().unwrap().unwrap();
    assert!(booster_engine::Image::read(&current.image_dir()).is_ok());
    machine.update(publisher.path()).await.is(Outcome::Current);
}

#[tokio::test]
async fn a_release_that_fails_its_self_test_is_not_installed() {
    let mut publisher = publisher();
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    let files: &[(&str, &[u8])] =
        &[("a.yar", &rule("a", "some pattern")), ("selftest/must-detect/sample", b"nothing that is known")];
    publisher.publish(AV, 2, files);
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::SelfTestFailed);
    assert!(told.report.error.as_ref().unwrap().to_string().contains("selftest/must-detect/sample"));
    assert_eq!(machine.version(AV), Some(1));
}

#[tokio::test]
async fn rules_that_the_engine_cannot_take_are_left_out() {
    let mut publisher = publisher();
    let files: &[(&str, &[u8])] =
        &[("bad.yar", b"rule b { condition: no_such_thing }"), ("good.yar", &rule("g", "good pattern"))];
    publisher.publish(AV, 2, files);
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    let current = machine.store().current().unwrap().unwrap();
    assert_eq!(current.component(AV).unwrap().counts.rules, 1, "what the engine counted");
}

#[tokio::test]
async fn another_operation_on_the_folder_is_named() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let store = machine.store();
    let other = store.begin("a long verification").unwrap();
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::Busy);
    assert_eq!(told.story(), [Start, InternalFailure, RequestProcessed, Complete]);
    let message = told.report.error.as_ref().unwrap().to_string();
    assert!(message.contains("a long verification") && message.contains(&std::process::id().to_string()));
    drop(other);
    machine.update(publisher.path()).await.is(Outcome::Updated);
}

#[tokio::test]
async fn the_folder_is_free_when_the_last_event_is_told() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let store = machine.store();
    let free = std::sync::Mutex::new(None);
    machine
        .run_until(machine.request(&[folder(publisher.path())]), |event| {
            if event.kind == Complete {
                *free.lock().unwrap() = Some(store.begin("the next one").is_ok());
            }
            false
        })
        .await;
    assert_eq!(*free.lock().unwrap(), Some(true));
}

#[tokio::test]
async fn without_sources_or_a_trusted_publisher_nothing_is_asked() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    machine.update_from(&[]).await.failed_with(ErrorKind::NoSource);
    let machine = Machine::without_trust();
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::NoTrustedRoot);
    assert_eq!(told.report.requests, 0);
}

#[tokio::test]
async fn the_history_holds_what_changed_and_what_failed_and_nothing_else() {
    let mut publisher = publisher();
    let mut machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    machine.update(publisher.path()).await.is(Outcome::Current);
    publish_second(&mut publisher);
    machine.worker.args.push("garbage".into());
    machine.update(publisher.path()).await.is(Outcome::Failed);
    let history = machine.store().history().unwrap();
    let outcomes: Vec<_> = history.iter().map(|entry| entry.outcome.as_str()).collect();
    assert_eq!(outcomes, ["updated", "failed"]);
    assert_eq!(history[0].changes[0].to, Some(Version([1, 1, 0, 0])));
    assert_eq!(history[0].source.as_deref(), Some("directory"));
    assert!(history[1].error.is_some() && history[1].changes.is_empty());
}
