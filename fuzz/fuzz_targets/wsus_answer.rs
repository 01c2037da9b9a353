//! What a client reads: each answer, and faults.
#![no_main]

use booster_wsus::{Call, Limits, message::*, soap};
use libfuzzer_sys::fuzz_target;

fn answer<C: Call>(document: &[u8]) {
    let _ = soap::read_answer::<C>(document, &Limits::ANSWER);
}

fuzz_target!(|document: &[u8]| {
    answer::<GetConfig>(document);
    answer::<GetAuthorizationCookie>(document);
    answer::<GetCookie>(document);
    answer::<RegisterComputer>(document);
    answer::<StartCategoryScan>(document);
    answer::<SyncUpdates>(document);
    answer::<RefreshCache>(document);
    answer::<GetExtendedUpdateInfo>(document);
    answer::<GetFileLocations>(document);
    answer::<ReportEventBatch>(document);
});
