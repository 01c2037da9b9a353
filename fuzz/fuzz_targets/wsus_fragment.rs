//! What updates say about themselves.
#![no_main]

use booster_wsus::{
    Limits,
    fragment::{Core, Extended, Localized},
    read_time,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|fragment: &str| {
    let _ = Core::read(fragment, &Limits::FRAGMENT);
    let _ = Extended::read(fragment, &Limits::FRAGMENT);
    let _ = Localized::read(fragment, &Limits::FRAGMENT);
    let _ = read_time(fragment);
});
