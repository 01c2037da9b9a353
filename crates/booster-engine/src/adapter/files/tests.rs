use super::*;

const AV: Component = Component::Antivirus;

fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn listed(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn set(root: &Path) -> FileSet {
    FileSet::collect(root, &Component::ALL, &["hsb".into(), "yar".into()]).unwrap()
}

fn confirmation(id: &str) -> Confirmation {
    Confirmation { id: id.into(), ending: "hsb", bytes: b"marker".to_vec() }
}

#[test]
fn an_engine_gets_the_files_of_its_components_with_its_endings_and_no_self_tests() {
    let root = tempfile::tempdir().unwrap();
    for path in [
        "antivirus/rules/a.yar",
        "antivirus/b.HSB",
        "antivirus/c.rules",
        "antivirus/selftest/must-detect/d.yar",
        "nis/e.hsb",
    ] {
        write(root.path(), path, "x");
    }
    let names = |components: &[Component], endings: &[&str]| {
        let endings: Vec<String> = endings.iter().map(|ending| ending.to_string()).collect();
        let set = FileSet::collect(root.path(), components, &endings).unwrap();
        set.files.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(names(&[AV], &["yar", "hsb"]), ["booster-antivirus-b.HSB", "booster-antivirus-rules%2Fa.yar"]);
    assert_eq!(names(&[Component::Nis], &["hsb"]), ["booster-nis-e.hsb"]);
    assert_eq!(names(&[AV], &[]).len(), 3);
    assert!(names(&[Component::Antispyware], &[]).is_empty());
}

#[test]
fn no_two_paths_get_the_same_name_and_every_name_is_ours() {
    let paths = ["a/b.hsb", "a%2Fb.hsb", "a%252Fb.hsb", "a-b.hsb", "a/b/c.hsb"];
    let names: Vec<_> = paths.iter().map(|path| placed_name(AV, &path.parse().unwrap())).collect();
    let different: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len());
    assert!(names.iter().all(|name| is_ours(name)));
    assert!(is_ours(&confirmation("1").name()));
    for foreign in ["booster-own.hsb", "booster-antivirus.hsb", "daily.cvd", "booster-confirmation.hsb", ""] {
        assert!(!is_ours(foreign), "{foreign}");
    }
    // The longest path that a release can hold still has a name.
    let longest = "a/".repeat(11) + &"b".repeat(178);
    assert!(placed_name(Component::Antispyware, &longest.parse().unwrap()).len() + 4 <= 255);
}

#[test]
fn a_placed_set_takes_the_place_of_the_one_before_and_touches_nothing_else() {
    let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    for foreign in ["daily.cvd", "booster-own.hsb"] {
        write(folder, foreign, "foreign");
    }
    write(root.path(), "antivirus/one.hsb", "1");
    write(root.path(), "antivirus/two.hsb", "2");
    let first = set(root.path());
    assert!(!first.lie_in(folder).unwrap());
    first.place(folder, Some(&confirmation("1"))).unwrap();
    assert!(first.lie_in(folder).unwrap());

    fs::remove_file(root.path().join("antivirus/one.hsb")).unwrap();
    write(root.path(), "antivirus/two.hsb", "two");
    // What an earlier placing left when it was killed.
    write(folder, "booster-antivirus-two.hsb.new", "half");
    let second = set(root.path());
    assert!(!second.lie_in(folder).unwrap());
    second.place(folder, Some(&confirmation("2"))).unwrap();
    assert!(second.lie_in(folder).unwrap());
    assert_eq!(
        listed(folder),
        ["booster-antivirus-two.hsb", "booster-confirmation-2.hsb", "booster-own.hsb", "daily.cvd"]
    );
    assert_eq!(fs::read(folder.join("booster-antivirus-two.hsb")).unwrap(), b"two");
    FileSet::default().place(folder, None).unwrap();
    assert_eq!(listed(folder), ["booster-own.hsb", "daily.cvd"]);
}

#[cfg(unix)]
#[test]
fn what_is_placed_can_be_read_by_every_user_and_follows_no_link() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    write(root.path(), "antivirus/one.hsb", "1");
    fs::set_permissions(root.path().join("antivirus/one.hsb"), fs::Permissions::from_mode(0o600)).unwrap();
    write(folder, "victim", "1");
    for name in ["booster-antivirus-one.hsb", "booster-antivirus-one.hsb.new"] {
        symlink(folder.join("victim"), folder.join(name)).unwrap();
    }
    set(root.path()).place(folder, None).unwrap();
    let placed = fs::symlink_metadata(folder.join("booster-antivirus-one.hsb")).unwrap();
    assert!(placed.is_file());
    assert_eq!(placed.mode() & 0o777, 0o644);
    assert_eq!(fs::read(folder.join("victim")).unwrap(), b"1");
}

#[test]
fn a_folder_that_cannot_be_filled_keeps_what_it_had() {
    let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    write(root.path(), "antivirus/one.hsb", "1");
    let first = set(root.path());
    first.place(folder, None).unwrap();
    write(root.path(), "antivirus/two.hsb", "2");
    write(root.path(), "antivirus/one.hsb", "changed");
    let second = set(root.path());
    fs::remove_file(root.path().join("antivirus/two.hsb")).unwrap();
    assert_eq!(second.place(folder, None).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(listed(folder), ["booster-antivirus-one.hsb"]);
    assert_eq!(fs::read(folder.join("booster-antivirus-one.hsb")).unwrap(), b"1");
    assert!(second.place(&folder.join("absent"), None).is_err());
}
