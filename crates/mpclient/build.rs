//! Names the shared library as its users find it, `libmpclient.so.1`, and keeps in what is not its own.
//!
//! The number grows when a program that was linked against an older library can no longer work. Some
//! libraries below export C functions of their own; programs must not come to depend on them, nor
//! clash with them.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let unix = std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix");
    let apple = std::env::var("CARGO_CFG_TARGET_VENDOR").is_ok_and(|vendor| vendor == "apple");
    if unix && !apple {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libmpclient.so.1");
        println!("cargo:rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
    }
}
