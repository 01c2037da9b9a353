//! The installation: what the script puts where, and that programs find it by pkg-config.

use crate::support::{Library, Machine, Said, WORKER, tool};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

/// Runs the script with what cargo has built beside this test.
fn install(scratch: &Path, variables: &[(&str, &Path)]) -> Said {
    let (library, built) = (Library::new(), scratch.join("built"));
    fs::create_dir(&built).unwrap();
    symlink(fs::canonicalize(library.shared()).unwrap(), built.join("libmpclient.so")).unwrap();
    symlink(fs::canonicalize(library.archive()).unwrap(), built.join("libmpclient.a")).unwrap();
    symlink(WORKER, built.join("booster-engine-worker")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/install-mpclient");
    let mut command = Command::new(script);
    command.env_remove("DESTDIR").env_remove("LIBDIR").env("FROM", built);
    let said = Said::of(command.envs(variables.iter().copied()));
    assert_eq!(said.code, Some(0), "{}", said.err);
    said
}

fn files_below(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path().strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

#[test]
fn the_script_puts_everything_below_the_prefix_and_names_no_other_place() {
    let scratch = tempfile::tempdir().unwrap();
    let package = scratch.path().join("package");
    install(scratch.path(), &[("PREFIX", Path::new("/opt/booster")), ("DESTDIR", &package)]);
    let expected = [
        "include/MpClient.h",
        "include/mpmemfree.h",
        "lib/libmpclient.a",
        "lib/libmpclient.so",
        "lib/libmpclient.so.1",
        "lib/pkgconfig/mpclient.pc",
        "libexec/booster/booster-engine-worker",
    ];
    assert_eq!(files_below(&package.join("opt/booster")), expected.map(PathBuf::from));
    let about = fs::read_to_string(package.join("opt/booster/lib/pkgconfig/mpclient.pc")).unwrap();
    assert!(about.starts_with("prefix=/opt/booster\nlibdir=/opt/booster/lib\n"), "{about}");
    assert!(!about.contains('@') && !about.contains(scratch.path().to_str().unwrap()), "{about}");
}

#[test]
fn a_program_is_built_by_pkg_config_and_runs_with_the_installed_library() {
    if !tool("pkg-config") || !tool("gcc") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let prefix = scratch.path().join("prefix");
    // Not as root's own place: nothing outside the prefix may be touched.
    install(scratch.path(), &[("PREFIX", &prefix), ("DESTDIR", Path::new("/"))]);
    let asked = Said::of(
        Command::new("pkg-config")
            .args(["--cflags", "--libs", "mpclient"])
            .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")),
    );
    assert_eq!(asked.code, Some(0), "{}", asked.err);
    let program = scratch.path().join("program");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/null_pointers.c");
    let built = Said::of(
        Command::new("gcc")
            .args(["-std=c11", "-D_GNU_SOURCE", source, "-o"])
            .arg(&program)
            .args(asked.out.split_whitespace()),
    );
    assert_eq!(built.code, Some(0), "{}", built.err);
    let (machine, mut command) = (Machine::new(), Command::new(&program));
    machine.environment(&mut command);
    let said = Said::of(command.env("LD_LIBRARY_PATH", prefix.join("lib")));
    assert_eq!(said.code, Some(0), "{}", said.err);
}
