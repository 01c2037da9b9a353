//! The service's generated code is that of its protocol.
//!
//! It is kept beside the sources, so that building needs no generator; and this test is not the service's own, so
//! that it can make what the service does not compile without. After a change of the protocol:
//! `BOOSTER_REGENERATE=1 cargo test -p booster-test-support --test protocol`.

use std::{fs, path::Path};

#[test]
fn the_generated_code_is_that_of_the_protocol() {
    let service = Path::new(env!("CARGO_MANIFEST_DIR")).join("../booster-service");
    let out = tempfile::tempdir().unwrap();
    let files = protox::compile(["antimalware.proto"], [service.join("proto")]).unwrap();
    tonic_prost_build::configure().out_dir(out.path()).compile_fds(files).unwrap();
    let made = fs::read_to_string(out.path().join("booster.service.v1.rs")).unwrap();
    let kept = service.join("src/wire/generated.rs");
    if std::env::var_os("BOOSTER_REGENERATE").is_some() {
        fs::write(&kept, &made).unwrap();
    }
    assert!(fs::read_to_string(&kept).unwrap() == made, "the protocol has changed: see the top of this file");
}
