//! The installation: what the script puts where, and that programs find it by pkg-config.

use crate::support::{Library, Machine, Said, Site, WORKER, rule, tool};
use booster_definitions::Component;
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

const PAGE: &str = include_str!("../../../../docs/mpclient.md");

/// Runs the script with what cargo has built beside this test.
fn install(scratch: &Path, variables: &[(&str, &Path)]) -> Said {
    let (library, built) = (Library::new(), scratch.join("built"));
    fs::create_dir(&built).unwrap();
    symlink(fs::canonicalize(library.shared()).unwrap(), built.join("libmpclient.so")).unwrap();
    symlink(fs::canonicalize(library.archive()).unwrap(), built.join("libmpclient.a")).unwrap();
    symlink(WORKER, built.join("booster-engine-worker")).unwrap();
    // It stands for a program that is not built with these tests.
    symlink(WORKER, built.join("mpcmdrun")).unwrap();
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
        "bin/mpcmdrun",
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

/// Builds a C program as its author would, with what pkg-config says of an installation.
fn build(prefix: &Path, source: &Path, program: &Path) {
    let mut pkg_config = Command::new("pkg-config");
    let asked = Said::of(
        pkg_config
            .args(["--cflags", "--libs", "mpclient"])
            .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")),
    );
    assert_eq!(asked.code, Some(0), "{}", asked.err);
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=c11", "-D_GNU_SOURCE"]).arg(source).arg("-o").arg(program);
    let built = Said::of(compiler.args(asked.out.split_whitespace()));
    assert_eq!(built.code, Some(0), "{}", built.err);
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
    let program = scratch.path().join("program");
    build(&prefix, Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/null_pointers.c")), &program);
    let (machine, mut command) = (Machine::new(), Command::new(&program));
    machine.environment(&mut command);
    let said = Said::of(command.env("LD_LIBRARY_PATH", prefix.join("lib")));
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn the_example_of_the_page_updates_with_the_worker_that_was_installed() {
    if !tool("pkg-config") || !tool("gcc") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let prefix = scratch.path().join("prefix");
    install(scratch.path(), &[("PREFIX", &prefix), ("DESTDIR", Path::new("/"))]);
    let (source, program) = (scratch.path().join("example.c"), scratch.path().join("example"));
    fs::write(&source, PAGE.split("```c\n").nth(1).unwrap().split("```").next().unwrap()).unwrap();
    build(&prefix, &source, &program);

    let site = Site::new();
    site.publish(Component::Antivirus, "1.2.3.4", &[("a.yar", &rule("a", "first"))]);
    let mut machine = Machine::of(&site);
    let update = |machine: &Machine| {
        let mut command = Command::new(&program);
        machine.environment(&mut command);
        // Nothing to find there.
        command.env("LD_LIBRARY_PATH", prefix.join("lib")).env("PATH", scratch.path());
        Said::of(&mut command)
    };
    // The machine names the worker that is built with the tests: this one must be found.
    machine.unset("BOOSTER_ENGINE__WORKER");
    let worker = prefix.join("libexec/booster/booster-engine-worker");
    let hidden = scratch.path().join("hidden");
    fs::rename(&worker, &hidden).unwrap();
    let said = update(&machine);
    assert_eq!((said.code, said.out.as_str()), (Some(1), "0x80501002\n"), "{}", said.err);
    fs::rename(&hidden, &worker).unwrap();
    let said = update(&machine);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    assert!(
        said.out.starts_with("8001 0 %\n") && said.out.ends_with("800D 100 %\n0x00000000\n"),
        "{}",
        said.out
    );
    assert_eq!(machine.version(Component::Antivirus), Some("1.2.3.4".parse().unwrap()));
}
