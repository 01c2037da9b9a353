//! File shares: mirrors on them, machines that update from them, and how they sign in.

use crate::support::{Machine, Site, booster, release, run};
use booster_test_support::{KerberosRealm, Samba, SambaShare, SmbTap};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

const SHARE: &str = "sigs";

/// A machine whose shares are reached as `unc` says.
fn machine(dir: &Path, site: &Site, name: &str, source: &str, unc: &str) -> Machine {
    let config = dir.join(format!("{name}.toml"));
    fs::write(&config, format!("root = {:?}\nsources = ['{source}']\n[unc]\n{unc}", site.root())).unwrap();
    Machine { config: Some(config), ..Machine::new(dir.join(name), site) }
}

fn update(machine: &Machine) -> serde_json::Value {
    run(machine.command("update").arg("--json")).expect(0).json()
}

#[test]
fn a_site_mirrors_a_repository_to_a_share_and_its_machines_ask_it_in_fewer_than_three_round_trips() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    site.publish("1.0.0.0", &release(dir.path(), 1)).expect(0);
    let folder = dir.path().join("share");
    fs::create_dir(&folder).unwrap();
    let Some(server) = Samba::start(&[SambaShare::writable(SHARE, &folder)]) else { return };
    let (place, tap) = (server.unc(SHARE), SmbTap::before(server.port()));
    let unc = |port: u16| format!("port = {port}\ncredentials_file = {:?}\n", server.credentials());
    let branch = machine(dir.path(), &site, "branch", &place, &unc(server.port()));
    let mirror = |more: &[&str]| {
        let mut command = branch.command("mirror");
        command.arg("--from").arg(&site.repository).args(["--to", &place, "--json"]).args(more);
        run(&mut command)
    };
    let copied = mirror(&[]).expect(0).json();
    assert_eq!(copied["changed"], true, "{copied}");
    let again = mirror(&[]).expect(0).json();
    assert_eq!((&again["changed"], &again["copied"]), (&false.into(), &0.into()), "{again}");

    let desk = machine(dir.path(), &site, "desk", &place, &unc(tap.port()));
    let first = update(&desk);
    assert_eq!((&first["outcome"], &first["source"]), (&"updated".into(), &"unc".into()), "{first}");
    let before = tap.messages();
    assert!(before > 2, "the tap counts nothing");
    assert_eq!(update(&desk)["outcome"], "current");
    let asked = tap.messages() - before;
    assert!((1..3).contains(&asked), "{asked} messages");

    // What is damaged on the share stops no machine from noticing, and is copied again.
    site.publish("1.1.0.0", &release(dir.path(), 2)).expect(0);
    mirror(&["--quiet"]).expect(0);
    let archive = newest_archive(&folder);
    let whole = fs::read(&archive).unwrap();
    fs::write(&archive, vec![0; whole.len()]).unwrap();
    assert_eq!(mirror(&["--verify"]).expect(0).json()["repaired"], 1);
    assert_eq!(fs::read(&archive).unwrap(), whole);
    assert_eq!(update(&desk)["outcome"], "updated");
    assert_eq!(desk.version().as_deref(), Some("1.1.0.0"));

    // A machine trusts the copy as the original: it holds the same bytes.
    for file in crate::support::files(&folder).iter().filter(|name| !name.starts_with('.')) {
        assert_eq!(
            fs::read(folder.join(file)).unwrap(),
            fs::read(site.repository.join(file)).unwrap(),
            "{file}"
        );
    }
}

fn newest_archive(folder: &Path) -> PathBuf {
    let archives = fs::read_dir(folder.join("targets/antivirus")).unwrap().map(|entry| entry.unwrap().path());
    archives.filter(|path| path.to_string_lossy().ends_with(".1.1.0.0.tar.zst")).last().unwrap()
}

#[test]
fn a_mirror_that_cannot_be_made_is_told_and_leaves_what_was() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    site.publish("1.0.0.0", &release(dir.path(), 1)).expect(0);
    let folder = dir.path().join("share");
    fs::create_dir(&folder).unwrap();
    let Some(server) = Samba::start(&[SambaShare::account(SHARE, &folder)]) else { return };
    let unc = format!("port = {}\ncredentials_file = {:?}\n", server.port(), server.credentials());
    let branch = machine(dir.path(), &site, "branch", &server.unc(SHARE), &unc);
    let mirror = |to: &str| {
        let mut command = branch.command("mirror");
        run(command.arg("--from").arg(&site.repository).args(["--to", to]))
    };
    let refused = mirror(&server.unc(SHARE)).expect(2);
    assert!(refused.err.contains("denied"), "{}", refused.err);
    assert!(mirror(&server.unc("elsewhere")).expect(2).err.contains("no share of that name"));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    // Nothing is configured for this one.
    let mut stranger = booster();
    stranger.arg("--data-dir").arg(dir.path().join("stranger")).arg("mirror");
    let said = run(stranger.arg("--from").arg(&site.repository).args(["--to", &server.unc(SHARE)]));
    assert!(said.err.contains("credentials_file"), "{}", said.err);
}

#[test]
fn a_machine_signs_in_with_its_kerberos_key_or_with_tickets_that_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    site.publish("1.0.0.0", &release(dir.path(), 1)).expect(0);
    let Some(realm) = KerberosRealm::start() else { return };
    let sealed = "read only = yes\nguest ok = no\nsmb encrypt = required\n";
    let shares = [SambaShare::with(SHARE, &site.repository, sealed)];
    let Some(server) = Samba::start_in_realm(&shares, &realm) else { return };
    let (place, account) =
        (format!(r"\\localhost\{SHARE}"), format!("{}@{}", KerberosRealm::MACHINE, KerberosRealm::NAME));
    let run_with = |name: &str, unc: &str| {
        let machine = machine(dir.path(), &site, name, &place, &format!("port = {}\n{unc}", server.port()));
        let mut command = machine.command("update");
        run(command.arg("--json").env("KRB5_CONFIG", realm.configuration()))
    };
    let with_keytab =
        |file: &Path, principal: &str| format!("keytab = {file:?}\nprincipal = \"{principal}\"\n");

    let keytab = realm.machine_keytab();
    let updated = run_with("keyed", &with_keytab(&keytab, &account)).expect(0).json();
    assert_eq!((&updated["outcome"], &updated["source"]), (&"updated".into(), &"unc".into()));

    let cache = dir.path().join("tickets");
    realm.sign_in(&cache);
    let unc = format!("ticket_cache = {cache:?}\n");
    assert_eq!(run_with("ticketed", &unc).expect(0).json()["outcome"], "updated");

    // Who has no ticket is told why, and the account is not.
    let refused = |name: &str, unc: &str, expected: &str| {
        let said = run_with(name, unc).expect(2);
        let all = format!("{}{}", said.out, said.err);
        assert!(all.contains(expected), "{all}");
        assert!(!all.contains("unknown-one"), "{all}");
        assert_eq!(said.json()["error"]["kind"], "sign_in", "{all}");
    };
    refused("unknown", &with_keytab(&keytab, &format!("unknown-one@{}", KerberosRealm::NAME)), "the account");
    refused("empty", &format!("ticket_cache = {:?}\n", dir.path().join("absent")), "kvno: ");
    fs::set_permissions(&keytab, fs::Permissions::from_mode(0o644)).unwrap();
    refused("exposed", &with_keytab(&keytab, &account), "chmod 600");
}
