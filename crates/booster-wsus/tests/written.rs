//! What is written is read as what it was, message by message.

#![allow(clippy::unwrap_used, reason = "test code outside test functions")]

use booster_wsus::{
    Call, ErrorCode, Fault, Limits, Sha1, UpdateIdentity, Uuid,
    fragment::{Core, Extended, File, Localized, Prerequisite, UpdateKind},
    message::*,
    soap,
};
use std::fmt::Debug;

fn asked<C: Call + PartialEq + Debug>(call: &C) {
    let document = soap::request(call);
    assert_eq!(&soap::read_request::<C>(document.as_bytes(), &Limits::REQUEST).unwrap(), call, "{document}");
}

fn answered<C: Call>(answer: &C::Answer)
where
    C::Answer: PartialEq + Debug,
{
    let document = soap::answer::<C>(answer);
    let read = soap::read_answer::<C>(document.as_bytes(), &Limits::ANSWER).unwrap();
    assert_eq!(read.as_ref(), Ok(answer), "{document}");
    let fault = Fault::new(ErrorCode::ServerBusy, "<later> & \"so\"");
    let read = soap::read_answer::<C>(soap::fault(&fault).as_bytes(), &Limits::ANSWER).unwrap();
    let fault_read = read.err().unwrap();
    assert_eq!((fault_read.code, fault_read.message), (fault.code, fault.message));
}

fn cookie() -> Cookie {
    Cookie::new("2026-11-22T12:00:00Z".parse().unwrap(), vec![1, 2, 250])
}

fn identity(revision: i32) -> UpdateIdentity {
    UpdateIdentity { update: Uuid::from_u128(7), revision }
}

fn deployment() -> Deployment {
    Deployment {
        id: 5,
        action: Action::OptionalInstall,
        deadline: "2026-11-23T12:00:00Z".parse().ok(),
        is_assigned: true,
        last_change: "2026-11-22".to_owned(),
    }
}

#[test]
fn the_handshake() {
    asked(&GetConfig { protocol_version: "1.8".into() });
    answered::<GetConfig>(&ServerConfig {
        last_change: "2026-11-22T12:00:00.1234567Z".into(),
        is_registration_required: true,
        plug_ins: vec![AuthPlugIn { id: "A<".into(), service_url: "x/y".into(), parameter: "&".into() }],
        allowed_events: vec![147, -1],
        properties: vec![("a".into(), "b".into()), ("c".into(), String::new())],
    });
    for target_group in [None, Some("Servers & more".to_owned())] {
        asked(&GetAuthorizationCookie { client_id: "id".into(), target_group, dns_name: "h.example".into() });
    }
    answered::<GetAuthorizationCookie>(&AuthorizationCookie { plug_in: "S".into(), data: vec![0; 47] });
    asked(&GetCookie {
        authorization: vec![AuthorizationCookie { plug_in: "S".into(), data: vec![9] }],
        old_cookie: Some(cookie()),
        last_change: "2026-11-22T12:00:00.1234567Z".into(),
        current_time: "2026-11-22T12:00:01.5Z".parse().unwrap(),
        protocol_version: "1.8".into(),
    });
    answered::<GetCookie>(&cookie());
    let computer = Computer {
        dns_name: "h.example".into(),
        os_version: [6, 1, 22],
        os_locale: "en-US".into(),
        manufacturer: "m".into(),
        model: "n".into(),
        architecture: "AMD64".into(),
        client_version: [0, 1, 2, 3],
        os_description: "Linux".into(),
    };
    asked(&RegisterComputer { cookie: cookie(), computer });
    answered::<RegisterComputer>(&Registered);
}

#[test]
fn the_scan() {
    asked(&StartCategoryScan {
        requested: vec![RequestedCategory { index: 1, category: Uuid::from_u128(3) }],
    });
    answered::<StartCategoryScan>(&CategoryScan {
        preferred: vec![Uuid::from_u128(3)],
        in_error: vec![Uuid::from_u128(4)],
    });
    let parameters = SyncParameters {
        installed_non_leaf: vec![1, 2],
        other_cached: (3..500).collect(),
        is_driver_pass: true,
        skip_software_sync: true,
        filter_categories: vec![Uuid::from_u128(3)],
    };
    asked(&SyncUpdates { cookie: cookie(), parameters });
    asked(&SyncUpdates { cookie: cookie(), parameters: SyncParameters::default() });
    let update = UpdateInfo {
        id: 9,
        deployment: Some(deployment()),
        is_leaf: true,
        xml: Some("<a b='&quot;'>]]></a>".into()),
    };
    let result = SyncResult {
        new_updates: vec![update.clone()],
        out_of_scope: vec![4],
        changed_updates: vec![UpdateInfo { xml: None, ..update.clone() }],
        is_truncated: true,
        new_cookie: Some(cookie()),
    };
    answered::<SyncUpdates>(&result);
    answered::<SyncUpdates>(&SyncResult::default());
    let written = update.written();
    let document = soap::answer_written::<SyncUpdates>(|writer| {
        SyncResult { new_updates: Vec::new(), ..result.clone() }.write_with(writer, [&*written].into_iter());
    });
    assert_eq!(document, soap::answer::<SyncUpdates>(&result));
    asked(&RefreshCache { cookie: cookie(), updates: vec![identity(100)] });
    answered::<RefreshCache>(&RefreshedCache {
        updates: vec![RefreshedUpdate {
            id: 4,
            identity: identity(100),
            is_leaf: true,
            deployment: deployment(),
        }],
    });
}

#[test]
fn the_files_and_the_reports() {
    asked(&GetExtendedUpdateInfo {
        cookie: cookie(),
        revisions: vec![9],
        fragments: vec!["Extended".into()],
        locales: vec!["en".into()],
    });
    let location = FileLocation { digest: Sha1([7; 20]), url: "http://a/b?c=1&d=2".into() };
    answered::<GetExtendedUpdateInfo>(&ExtendedInfo {
        updates: vec![UpdateFragment { id: 9, xml: "<x/>".into() }],
        locations: vec![location.clone()],
        out_of_scope: vec![1],
    });
    asked(&GetFileLocations { cookie: cookie(), digests: vec![Sha1([7; 20]), Sha1([8; 20])] });
    answered::<GetFileLocations>(&FileLocations { locations: vec![location], new_cookie: Some(cookie()) });
    let event = ReportingEvent {
        client_id: "id".into(),
        time: "2026-11-22T12:00:00Z".parse().unwrap(),
        instance: Uuid::from_u128(1),
        event: ReportingEvent::DETECTION_FINISHED,
        update: identity(0),
        result: -5,
        replacements: vec!["a".into()],
        facts: vec!["b=<c>".into()],
    };
    let client_time = "2026-11-22T12:00:00Z".parse().unwrap();
    asked(&ReportEventBatch { cookie: cookie(), client_time, events: vec![event.clone(), event] });
    answered::<ReportEventBatch>(&Reported(true));
}

#[test]
fn fragments() {
    let core = Core {
        identity: identity(104),
        kind: UpdateKind::Software,
        superseded: vec![Uuid::from_u128(1)],
        prerequisites: vec![
            Prerequisite::on(Uuid::from_u128(2)),
            Prerequisite::category(Uuid::from_u128(3)),
            Prerequisite { any_of: vec![Uuid::from_u128(4), Uuid::from_u128(5)], is_category: false },
        ],
        bundled: vec![vec![identity(1), identity(2)]],
    };
    assert_eq!(Core::read(&core.write(false), &Limits::FRAGMENT).unwrap(), core);
    let file = |is_patch, sha256| File {
        name: "a\"b&.json".into(),
        size: u64::MAX / 4,
        sha1: Sha1([7; 20]),
        sha256,
        is_patch,
    };
    let extended = Extended { files: vec![file(false, Some([9; 32])), file(true, None)] };
    let written = extended.write("2026-11-22T12:00:00Z".parse().unwrap());
    assert_eq!(Extended::read(&written, &Limits::FRAGMENT).unwrap(), Some(extended));
    let words = Localized { language: "en".into(), title: "<A>".into(), description: "& more".into() };
    assert_eq!(Localized::read(&words.write(), &Limits::FRAGMENT).unwrap(), Some(words));
}
