//! Requests as a native machine writes them: in the order of the service's contract, with every member,
//! also those that nothing is done with here. The server's own tests send the same documents.

#![allow(clippy::unwrap_used, reason = "test code outside test functions")]

use booster_wsus::{Call, Limits, Sha1, UpdateIdentity, Uuid, message::*, soap};
use jiff::Timestamp;

const PRODUCT: Uuid = Uuid::from_u128(0x6d0c1f0e_52b7_4d0a_9c57_0b6f2e8a4d31);

fn read<C: Call>(document: &str) -> C {
    assert_eq!(soap::operation(document.as_bytes(), &Limits::REQUEST).unwrap(), C::OPERATION);
    soap::read_request(document.as_bytes(), &Limits::REQUEST).unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn cookie() -> Cookie {
    Cookie { expiration: "2026-10-04T09:15:30Z".into(), data: vec![255] }
}

#[test]
fn the_handshake_is_read() {
    let config: GetConfig = read(include_str!("golden/native/config.xml"));
    assert_eq!(config, GetConfig { protocol_version: "2.90".into() });
    let who: GetAuthorizationCookie = read(include_str!("golden/native/authorization.xml"));
    let expected = GetAuthorizationCookie {
        client_id: "B6B7A6A0-1111-4222-8333-444455556666".into(),
        target_group: None,
        dns_name: "pc-7.example".into(),
    };
    assert_eq!(who, expected);
    let asked: GetCookie = read(include_str!("golden/native/cookie.xml"));
    let expected = GetCookie {
        authorization: vec![AuthorizationCookie {
            plug_in: "SimpleTargeting".into(),
            data: vec![0, 1, 2, 3],
        }],
        old_cookie: Some(cookie()),
        last_change: "2026-10-04T08:15:30.1234567Z".into(),
        current_time: time("2026-10-04T08:20:00Z"),
        protocol_version: "2.90".into(),
    };
    assert_eq!(asked, expected);
    let machine: RegisterComputer = read(include_str!("golden/native/register.xml"));
    let computer = Computer {
        dns_name: "pc-7.example".into(),
        os_version: [10, 0, 26200],
        os_locale: "en-US".into(),
        manufacturer: "Maker & Sons".into(),
        model: "Model 5".into(),
        architecture: "AMD64".into(),
        client_version: [1507, 2603, 12012, 0],
        os_description: "Windows 11 Enterprise".into(),
    };
    assert_eq!(machine, RegisterComputer { cookie: cookie(), computer });
}

#[test]
fn each_pass_of_a_scan_is_read() {
    let scan: StartCategoryScan = read(include_str!("golden/native/category-scan.xml"));
    let security = Uuid::from_u128(0x0fa1201d_4330_4fa8_8ae9_b877473b6441);
    let requested =
        [(0, PRODUCT), (1, security)].map(|(index, category)| RequestedCategory { index, category });
    assert_eq!(scan.requested, requested);
    let first: SyncUpdates = read(include_str!("golden/native/sync-first.xml"));
    assert_eq!(first, SyncUpdates { cookie: cookie(), parameters: SyncParameters::default() });
    let next: SyncUpdates = read(include_str!("golden/native/sync.xml"));
    let parameters = SyncParameters {
        installed_non_leaf: vec![1, 2],
        other_cached: vec![-7],
        filter_categories: vec![PRODUCT],
        ..SyncParameters::default()
    };
    assert_eq!(next.parameters, parameters);
    let drivers: SyncUpdates = read(include_str!("golden/native/sync-drivers.xml"));
    let parameters = SyncParameters {
        installed_non_leaf: vec![1, 2],
        is_driver_pass: true,
        skip_software_sync: true,
        ..SyncParameters::default()
    };
    assert_eq!(drivers.parameters, parameters);
    let refresh: RefreshCache = read(include_str!("golden/native/refresh.xml"));
    let update = Uuid::from_u128(0x0a1b2c3d_0000_4000_8000_000000000001);
    assert_eq!(refresh.updates, [UpdateIdentity { update, revision: 104 }]);
}

#[test]
fn what_is_asked_of_files_and_told_of_events_is_read() {
    let ask: GetExtendedUpdateInfo = read(include_str!("golden/native/extended.xml"));
    let expected = GetExtendedUpdateInfo {
        cookie: cookie(),
        revisions: vec![12],
        fragments: vec!["Extended".into(), "LocalizedProperties".into()],
        locales: vec!["en-US".into(), "en".into()],
    };
    assert_eq!(ask, expected);
    let locate: GetFileLocations = read(include_str!("golden/native/locations.xml"));
    let sha1 = Sha1(*b"\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf\xd8\x07\x09");
    assert_eq!(locate, GetFileLocations { cookie: cookie(), digests: vec![sha1] });
    let report: ReportEventBatch = read(include_str!("golden/native/report.xml"));
    let event = ReportingEvent {
        client_id: "B6B7A6A0-1111-4222-8333-444455556666".into(),
        time: time("2026-10-04T08:29:59.5Z"),
        instance: Uuid::from_u128(0x7a1b2c3d_0000_4000_8000_00000000000e),
        event: ReportingEvent::DETECTION_FINISHED,
        update: UpdateIdentity { update: Uuid::nil(), revision: 0 },
        result: 0,
        replacements: vec!["2".into()],
        facts: vec!["C=0".into(), "version.nis=1.1.0.0".into()],
    };
    let client_time = time("2026-10-04T08:30:00.5Z");
    assert_eq!(report, ReportEventBatch { cookie: cookie(), client_time, events: vec![event] });
}
