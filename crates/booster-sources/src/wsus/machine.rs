//! What this machine is, as it registers.

use booster_wsus::message::Computer;

/// This machine.
pub(super) fn computer() -> Computer {
    let (dns_name, system, release) = system();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok());
    let mut number = || numbers.next().unwrap_or(0);
    let mut ours = env!("CARGO_PKG_VERSION").split('.').filter_map(|part| part.parse().ok());
    let mut our = || ours.next().unwrap_or(0);
    Computer {
        dns_name,
        os_version: [number(), number(), number()],
        os_locale: "en-US".to_owned(),
        manufacturer: String::new(),
        model: String::new(),
        architecture: match std::env::consts::ARCH {
            "x86_64" => "AMD64".to_owned(),
            "aarch64" => "ARM64".to_owned(),
            other => other.to_owned(),
        },
        client_version: [our(), our(), our(), 0],
        os_description: format!("{system} {release}"),
    }
}

/// Host name, system and its version.
#[cfg(unix)]
fn system() -> (String, String, String) {
    let names = rustix::system::uname();
    let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
    (text(names.nodename()), text(names.sysname()), text(names.release()))
}

#[cfg(not(unix))]
fn system() -> (String, String, String) {
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    (name, std::env::consts::OS.to_owned(), String::new())
}
