//! What a server reads: each request, and what is read is written and read again as the same.
#![no_main]

use booster_wsus::{Call, Limits, message::*, soap};
use libfuzzer_sys::fuzz_target;

fn request<C: Call + PartialEq + std::fmt::Debug>(document: &[u8]) {
    if let Ok(read) = soap::read_request::<C>(document, &Limits::REQUEST) {
        let written = soap::request(&read);
        let again = soap::read_request::<C>(written.as_bytes(), &Limits::ANSWER);
        assert_eq!(again, Ok(read));
    }
}

fuzz_target!(|document: &[u8]| {
    let _ = soap::operation(document, &Limits::REQUEST);
    request::<GetConfig>(document);
    request::<GetAuthorizationCookie>(document);
    request::<GetCookie>(document);
    request::<RegisterComputer>(document);
    request::<StartCategoryScan>(document);
    request::<SyncUpdates>(document);
    request::<RefreshCache>(document);
    request::<GetExtendedUpdateInfo>(document);
    request::<GetFileLocations>(document);
    request::<ReportEventBatch>(document);
});
