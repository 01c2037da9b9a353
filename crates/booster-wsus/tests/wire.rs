//! What is written, byte for byte: each request, each answer, a fault, and the fragments inside them.
//!
//! The documents are kept beside this test, since other implementations read them: what changes there is
//! seen before machines see it. `BOOSTER_WRITE_GOLDEN=1` writes them anew.

#![allow(clippy::unwrap_used, reason = "test code outside test functions")]

use booster_wsus::{
    Call, ErrorCode, Fault, Sha1, UpdateIdentity, Uuid,
    fragment::{Core, Extended, File, Localized, Prerequisite, UpdateKind},
    message::*,
    soap,
};
use jiff::Timestamp;
use std::{collections::BTreeSet, fs, path::Path};

/// Every document that is kept, by the name of its file.
fn documents() -> Vec<(String, String)> {
    let mut all = Vec::new();
    handshake(&mut all);
    scan(&mut all);
    files(&mut all);
    reports(&mut all);
    let fault = Fault {
        text: "Fault occurred".into(),
        id: Some(numbered(9)),
        method: Some(format!("\"{}\"", SyncUpdates::action())),
        ..Fault::new(ErrorCode::InvalidParameters, "parameters.InstalledNonLeafUpdateIDs")
    };
    all.push(("fault".into(), soap::fault(&fault)));
    all.push(("core-fragment".into(), core().write(false)));
    all.push(("category-fragment".into(), category().write(true)));
    all.push(("extended-fragment".into(), extended()));
    all.push(("localized-fragment".into(), localized()));
    all
}

fn both<C: Call>(all: &mut Vec<(String, String)>, request: &C, answer: &C::Answer) {
    all.push((format!("{}-request", C::OPERATION), soap::request(request)));
    all.push((format!("{}-answer", C::OPERATION), soap::answer::<C>(answer)));
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn numbered(number: u128) -> Uuid {
    Uuid::from_u128(0x0a1b2c3d_0000_4000_8000_000000000000 + number)
}

fn identity(number: u128) -> UpdateIdentity {
    UpdateIdentity { update: numbered(number), revision: 104 }
}

fn cookie() -> Cookie {
    Cookie::new(time("2026-10-04T09:15:30Z"), vec![1, 2, 250])
}

fn handshake(all: &mut Vec<(String, String)>) {
    let plug_in = AuthPlugIn {
        id: "SimpleTargeting".into(),
        service_url: "SimpleAuthWebService/SimpleAuth.asmx".into(),
        parameter: String::new(),
    };
    let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let config = ServerConfig {
        last_change: "2026-10-04T08:15:30.1234567Z".into(),
        is_registration_required: true,
        plug_ins: vec![plug_in],
        allowed_events: vec![147, 183],
        properties: vec![property("MaxExtendedUpdatesPerRequest", "50"), property("PackageServerShare", "")],
    };
    both(all, &GetConfig { protocol_version: "1.8".into() }, &config);
    let who = GetAuthorizationCookie {
        client_id: numbered(1).to_string(),
        target_group: Some("Servers & \"more\"".into()),
        dns_name: "pc-7.example".into(),
    };
    let authorization = AuthorizationCookie { plug_in: "SimpleTargeting".into(), data: vec![9; 4] };
    both(all, &who, &authorization);
    let ask = GetCookie {
        authorization: vec![authorization],
        old_cookie: Some(Cookie { expiration: "2026-10-04T08:15:30.123456".into(), data: vec![255] }),
        last_change: "2026-10-04T08:15:30.1234567Z".into(),
        current_time: time("2026-10-04T08:20:00.5Z"),
        protocol_version: "1.8".into(),
    };
    both(all, &ask, &cookie());
    let computer = Computer {
        dns_name: "pc-7.example".into(),
        os_version: [6, 12, 3],
        os_locale: "en-US".into(),
        manufacturer: "Maker".into(),
        model: "<Model>".into(),
        architecture: "AMD64".into(),
        client_version: [0, 1, 2, 0],
        os_description: "Linux 6.12.3\r".into(),
    };
    both(all, &RegisterComputer { cookie: cookie(), computer }, &Registered);
}

fn deployment(action: Action) -> Deployment {
    Deployment {
        id: 5,
        action,
        deadline: Some(time("2026-10-06T00:00:00Z")),
        is_assigned: true,
        last_change: "2026-10-04".into(),
    }
}

fn scan(all: &mut Vec<(String, String)>) {
    let requested = vec![RequestedCategory { index: 1, category: numbered(3) }];
    let answer = CategoryScan { preferred: vec![numbered(3)], in_error: vec![numbered(4)] };
    both(all, &StartCategoryScan { requested }, &answer);
    let parameters = SyncParameters {
        installed_non_leaf: vec![1, 2],
        other_cached: vec![-7],
        is_driver_pass: true,
        skip_software_sync: true,
        filter_categories: vec![numbered(3)],
    };
    let update = UpdateInfo {
        id: 12,
        deployment: Some(deployment(Action::Install)),
        is_leaf: true,
        xml: Some(core().write(false)),
    };
    let result = SyncResult {
        new_updates: vec![update.clone()],
        out_of_scope: vec![4],
        changed_updates: vec![UpdateInfo { id: 13, xml: None, ..update }],
        is_truncated: true,
        new_cookie: Some(cookie()),
    };
    both(all, &SyncUpdates { cookie: cookie(), parameters }, &result);
    // As it is asked first, and answered where there is nothing new.
    let first = SyncUpdates { cookie: cookie(), parameters: SyncParameters::default() };
    all.push(("SyncUpdates-first-request".into(), soap::request(&first)));
    all.push(("SyncUpdates-empty-answer".into(), soap::answer::<SyncUpdates>(&SyncResult::default())));
    let updates = vec![RefreshedUpdate {
        id: 12,
        identity: identity(1),
        is_leaf: true,
        deployment: deployment(Action::OptionalInstall),
    }];
    let refresh = RefreshCache { cookie: cookie(), updates: vec![identity(1), identity(2)] };
    both(all, &refresh, &RefreshedCache { updates });
}

fn files(all: &mut Vec<(String, String)>) {
    let ask = GetExtendedUpdateInfo {
        cookie: cookie(),
        revisions: vec![12, 13],
        fragments: vec!["Extended".into(), "LocalizedProperties".into()],
        locales: vec!["en".into()],
    };
    let location = FileLocation { digest: Sha1([7; 20]), url: "http://a/b?c=1&d=2".into() };
    let info = ExtendedInfo {
        updates: vec![
            UpdateFragment { id: 12, xml: extended() },
            UpdateFragment { id: 12, xml: localized() },
        ],
        locations: vec![location.clone()],
        out_of_scope: vec![13],
    };
    both(all, &ask, &info);
    let locate = GetFileLocations { cookie: cookie(), digests: vec![Sha1([7; 20]), Sha1([8; 20])] };
    both(all, &locate, &FileLocations { locations: vec![location], new_cookie: Some(cookie()) });
}

fn reports(all: &mut Vec<(String, String)>) {
    let event = ReportingEvent {
        client_id: numbered(1).to_string(),
        time: time("2026-10-04T08:29:59.5Z"),
        instance: numbered(2),
        event: ReportingEvent::INSTALL_FAILED,
        update: UpdateIdentity { update: Uuid::nil(), revision: 0 },
        result: 0x8024_0FFF_u32 as i32,
        replacements: vec!["it failed".into()],
        facts: vec!["outcome=failed".into(), "version.nis=1.1.0.0".into()],
    };
    let client_time = time("2026-10-04T08:30:00Z");
    let report = ReportEventBatch { cookie: cookie(), client_time, events: vec![event] };
    both(all, &report, &Reported(true));
}

fn core() -> Core {
    Core {
        identity: identity(1),
        kind: UpdateKind::Software,
        superseded: vec![numbered(2)],
        prerequisites: vec![
            Prerequisite::on(numbered(3)),
            Prerequisite::category(numbered(4)),
            Prerequisite { any_of: vec![numbered(5), numbered(6)], is_category: false },
        ],
        bundled: vec![vec![identity(7), identity(8)]],
    }
}

fn category() -> Core {
    Core {
        identity: identity(4),
        kind: UpdateKind::Category,
        superseded: Vec::new(),
        prerequisites: Vec::new(),
        bundled: Vec::new(),
    }
}

fn extended() -> String {
    let file = |name: &str, sha256, is_patch| File {
        name: name.to_owned(),
        size: 204_700_000,
        sha1: Sha1([7; 20]),
        sha256,
        is_patch,
    };
    let files = vec![file("a\"b\n&.json", Some([9; 32]), false), file("x.psf", None, true)];
    Extended { files }.write(time("2026-10-04T00:00:00Z"))
}

fn localized() -> String {
    let words = |text: &str| text.to_owned();
    Localized { language: words("en"), title: words("Definitions 1.1.0.0"), description: words("<a> & b") }
        .write()
}

#[test]
fn documents_are_written_as_they_are_kept() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/written");
    let write_anew = std::env::var_os("BOOSTER_WRITE_GOLDEN").is_some();
    let mut names = BTreeSet::new();
    for (name, written) in documents() {
        let file = folder.join(format!("{name}.xml"));
        if write_anew {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, &written).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(written, kept, "{name}");
        assert!(names.insert(format!("{name}.xml")), "{name}");
    }
    let kept: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(kept, names, "and nothing else is kept");
}
