//! Documents as other implementations write them, kept beside this test, read as what they say.

#![allow(clippy::unwrap_used, reason = "test code outside test functions")]

use booster_wsus::{
    Call, ErrorCode, Fault, Limits, Sha1, UpdateIdentity, Uuid,
    fragment::{Core, Extended, File, Localized, Prerequisite, UpdateKind},
    message::*,
    soap,
};
use jiff::Timestamp;

const DEFINITION_UPDATES: Uuid = Uuid::from_u128(0xe0789628_ce08_4437_be74_2495b842f43b);

fn answer<C: Call>(document: &str) -> Result<C::Answer, Fault> {
    soap::read_answer::<C>(document.as_bytes(), &Limits::ANSWER).unwrap()
}

fn request<C: Call>(document: &str) -> C {
    assert_eq!(soap::operation(document.as_bytes(), &Limits::REQUEST).unwrap(), C::OPERATION);
    soap::read_request(document.as_bytes(), &Limits::REQUEST).unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn cookie(expiration: &str, data: &[u8]) -> Cookie {
    Cookie { expiration: expiration.to_owned(), data: data.to_owned() }
}

fn numbered(number: u128) -> Uuid {
    Uuid::from_u128(0x0a1b2c3d_0000_4000_8000_000000000000 + number)
}

#[test]
fn a_configuration_is_read_in_any_order_and_with_what_is_unknown() {
    let config = answer::<GetConfig>(include_str!("golden/config-answer.xml")).unwrap();
    let expected = ServerConfig {
        last_change: "2026-10-04T08:15:30.1234567Z".to_owned(),
        is_registration_required: true,
        plug_ins: vec![AuthPlugIn {
            id: "SimpleTargeting".to_owned(),
            service_url: "SimpleAuthWebService/SimpleAuth.asmx".to_owned(),
            parameter: String::new(),
        }],
        allowed_events: Vec::new(),
        properties: vec![
            ("MaxExtendedUpdatesPerRequest".to_owned(), "50".to_owned()),
            ("ProtocolVersion".to_owned(), "3.2".to_owned()),
        ],
    };
    assert_eq!(config, expected);
    assert_eq!(config.property("ProtocolVersion"), Some("3.2"));
}

#[test]
fn a_request_for_a_cookie_is_read_with_prefixes_and_with_breaks_in_base64() {
    let asked: GetCookie = request(include_str!("golden/cookie-request.xml"));
    let expected = GetCookie {
        authorization: vec![AuthorizationCookie {
            plug_in: "SimpleTargeting".to_owned(),
            data: vec![0, 1, 2, 3],
        }],
        old_cookie: Some(cookie("2026-10-04T09:15:30Z", &[255])),
        last_change: "2026-10-04T08:15:30.1234567Z".to_owned(),
        current_time: time("2026-10-04T08:20:00Z"),
        protocol_version: "2.90".to_owned(),
    };
    assert_eq!(asked, expected);
}

#[test]
fn a_request_for_updates_is_read_with_members_that_are_unknown() {
    let asked: SyncUpdates = request(include_str!("golden/sync-request.xml"));
    let parameters = SyncParameters {
        installed_non_leaf: vec![1, 2],
        other_cached: vec![-7],
        filter_categories: vec![DEFINITION_UPDATES],
        ..SyncParameters::default()
    };
    assert_eq!(asked, SyncUpdates { cookie: cookie("2026-10-04T09:15:30Z", &[255]), parameters });
}

#[test]
fn updates_are_read_with_the_fragments_that_describe_them() {
    let result = answer::<SyncUpdates>(include_str!("golden/sync-answer.xml")).unwrap();
    assert!(result.is_truncated);
    let new = result.new_cookie.unwrap();
    assert_eq!((new.expires(), new.data), (Some(time("2026-10-04T10:15:30.123456Z")), vec![1]));
    let [update] = result.new_updates.as_slice() else { panic!("{:?}", result.new_updates) };
    let deployment = Deployment {
        id: 3,
        action: Action::Install,
        deadline: Some(time("2026-10-06T00:00:00Z")),
        is_assigned: true,
        last_change: "2026-10-04".to_owned(),
    };
    assert_eq!((update.id, update.is_leaf, &update.deployment), (12, true, &Some(deployment)));
    let core = Core::read(update.xml.as_deref().unwrap(), &Limits::FRAGMENT).unwrap();
    let detector = Uuid::from_u128(0xbe4048db_157c_4532_9582_7f05099590c9);
    let expected = Core {
        identity: UpdateIdentity { update: numbered(1), revision: 104 },
        kind: UpdateKind::Software,
        superseded: vec![numbered(2)],
        prerequisites: vec![Prerequisite::on(detector), Prerequisite::category(DEFINITION_UPDATES)],
        bundled: vec![vec![UpdateIdentity { update: numbered(3), revision: 101 }]],
    };
    assert_eq!(core, expected);
    assert!(core.belongs_to(&[DEFINITION_UPDATES]) && !core.belongs_to(&[numbered(2)]));
}

#[test]
fn files_are_read_and_what_is_to_be_run_is_not() {
    let info = answer::<GetExtendedUpdateInfo>(include_str!("golden/extended-answer.xml")).unwrap();
    let sha1 = Sha1(*b"\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf\xd8\x07\x09");
    assert_eq!(info.locations[0].digest, sha1);
    assert!(info.locations[0].url.ends_with(&format!("{sha1}.json")));
    let [words, files] = info.updates.as_slice() else { panic!("{:?}", info.updates) };
    assert_eq!(Extended::read(&words.xml, &Limits::FRAGMENT).unwrap(), None);
    assert_eq!(Localized::read(&files.xml, &Limits::FRAGMENT).unwrap(), None);
    let words = Localized::read(&words.xml, &Limits::FRAGMENT).unwrap().unwrap();
    assert_eq!((words.language.as_str(), words.title.as_str()), ("en", "Definitions & more"));
    let files = Extended::read(&files.xml, &Limits::FRAGMENT).unwrap().unwrap().files;
    let file =
        |name: &str, size, sha256, is_patch| File { name: name.to_owned(), size, sha1, sha256, is_patch };
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let sha256 = hex::decode(empty).unwrap().try_into().ok();
    assert_eq!(files, [file("timestamp.json", 5, sha256, false), file("x.psf", 9, None, true)]);
}

#[test]
fn a_report_is_read_with_its_facts() {
    let report: ReportEventBatch = request(include_str!("golden/report-request.xml"));
    let [event] = report.events.as_slice() else { panic!("{:?}", report.events) };
    assert_eq!(event.client_id, "b6b7a6a0-1111-4222-8333-444455556666");
    assert_eq!((event.event, event.result), (ReportingEvent::INSTALL_FAILED, 0x8024_0017_u32 as i32));
    assert_eq!(event.time, time("2026-10-04T08:29:59.5Z"));
    assert_eq!(event.facts, ["antivirus=1.2.3.4"]);
    assert_eq!(event.update, UpdateIdentity { update: numbered(1), revision: 104 });
}

#[test]
fn faults_come_in_the_place_of_any_answer_with_and_without_a_code() {
    let fault = answer::<SyncUpdates>(include_str!("golden/fault.xml")).unwrap_err();
    assert_eq!(fault.code, Some(ErrorCode::InvalidParameters));
    assert_eq!(fault.to_string(), "InvalidParameters (parameters.InstalledNonLeafUpdateIDs)");
    assert!(fault.method.is_some_and(|method| method.contains(&SyncUpdates::action())));
    let fault = answer::<GetConfig>(include_str!("golden/fault-without-code.xml")).unwrap_err();
    assert_eq!(fault.code, None);
    assert!(fault.to_string().contains("unable to process"), "{fault}");
}
