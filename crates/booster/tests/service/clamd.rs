//! The service with a real clamd beside its own engine.

use crate::{
    support::run,
    world::{World, lines, wait},
};
use booster_test_support::Clamd;
use serde_json::Value;
use std::fs;

/// A release that clamd finds a text by, and with more to it.
fn publish(world: &World, version: u32, more: Option<(&str, &str)>) {
    use booster_definitions::Digest;
    let folder = crate::support::release(world.dir.path(), version);
    // Its sizes are no sizes for clamd.
    fs::remove_file(folder.join("hashes.hsb")).unwrap();
    let text = text(version);
    let list = format!("{}:{}:Finds.{version}\n", Digest::of(text.as_bytes()), text.len());
    fs::write(folder.join("text.hsb"), list).unwrap();
    if let Some((name, content)) = more {
        fs::write(folder.join(name), content).unwrap();
    }
    world.site.publish(&format!("1.0.0.{version}"), &folder).expect(0);
}

fn text(version: u32) -> String {
    format!("the text of version {version}")
}

fn finds(clamd: &Clamd, version: u32) -> bool {
    clamd.scan(text(version).as_bytes()) == Some(format!("Finds.{version}"))
}

#[test]
fn clamd_is_updated_keeps_a_rejected_release_out_and_follows_a_return_that_a_caller_asks_for() {
    let Some(clamd) = Clamd::start() else { return };
    let world = World::new();
    let (folder, socket) = (clamd.database(), clamd.socket());
    world.configure(&format!(
        "[[engines]]\nkind = \"clamd\"\nfiles = [\"hsb\", \"ndb\"]\nfolder = {folder:?}\n\
         socket = {socket:?}\nprogram = \"clamscan\"\ntimeout = \"1m\"\n"
    ));
    let service = world.start_with(|command| _ = command.env("BOOSTER_LOG_FORMAT", "json"));
    let engine = || run(world.command("status").arg("--json")).expect(0).json()["engines"][0].clone();
    let confirmed = || engine()["confirmed"]["releases"]["antivirus"].clone();

    publish(&world, 2, None);
    world.update();
    assert!(finds(&clamd, 2));
    assert_eq!(confirmed(), "1.0.0.2");
    publish(&world, 3, None);
    world.update();
    assert!(finds(&clamd, 3) && !finds(&clamd, 2));

    // The built-in engine passes over such a file.
    publish(&world, 4, Some(("bad.ndb", "no signature\n")));
    let report = run(world.command("update").arg("--json")).expect(2).json();
    assert_eq!(report["error"]["kind"], "engine_rejected", "{report}");
    assert!(finds(&clamd, 3));
    assert_eq!((confirmed(), &engine()["problem"]), ("1.0.0.3".into(), &Value::Null));

    let back = run(world.command("rollback").arg("--json")).expect(0).json();
    assert_eq!(back["changes"][0]["to"], "1.0.0.2", "{back}");
    assert!(finds(&clamd, 2) && !finds(&clamd, 3), "it has followed when the return is answered");
    let status = run(world.command("status").arg("--json")).expect(0).json();
    assert_eq!(status["components"][0]["in_use"], "1.0.0.2");
    assert_eq!((confirmed(), &status["engines"][0]["problem"]), ("1.0.0.2".into(), &Value::Null));
    wait("the return to be told", || lines(&service.log(), 2004).len() == 1);
}
