//! A folder as a source, on a real file system.

use super::*;
use booster_sources::{DirectorySource, SourceKind};
use std::os::unix::fs::symlink;

#[tokio::test]
async fn a_folder_is_read_and_counted() {
    let folder = repository();
    let source = DirectorySource::new(folder.path());
    assert_eq!(timestamp(&source).await.unwrap().as_deref(), Some(TIMESTAMP));
    assert_eq!(fetch(&source, &patient()).await.unwrap(), archive());
    let counters = source.counters();
    assert_eq!((counters.requests, counters.bytes), (2, (TIMESTAMP.len() + archive().len()) as u64));
    assert_eq!(source.kind(), SourceKind::Directory);
    assert_eq!(source.location(), folder.path().display().to_string());
}

#[tokio::test]
async fn a_file_that_is_not_there_is_absent_but_a_folder_that_is_not_there_is_a_failure() {
    let folder = repository();
    let (rules, cancel) = (patient(), CancellationToken::new());
    let source = DirectorySource::new(folder.path());
    for path in ["2.root.json", "deep/down/x.json", "timestamp.json/x"] {
        let absent = read(&source, Area::Metadata, path, 100, &rules, &cancel).await;
        assert!(matches!(absent, Ok(None)), "{path}: {absent:?}");
    }
    let gone = timestamp(&DirectorySource::new(folder.path().join("not mounted"))).await;
    assert!(matches!(&gone, Err(SourceError::Io { .. })), "{gone:?}");
}

#[tokio::test]
async fn links_are_followed_inside_the_folder_and_refused_where_they_lead_out() {
    let (folder, outside) = (repository(), tempfile::tempdir().unwrap());
    write(outside.path(), "secret", b"secret");
    let targets = folder.path().join("targets");
    symlink(ARCHIVE, targets.join("inside")).unwrap();
    symlink(outside.path().join("secret"), targets.join("file")).unwrap();
    symlink(outside.path(), targets.join("folder")).unwrap();
    symlink("../..", targets.join("up")).unwrap();

    let source = DirectorySource::new(folder.path());
    assert!(source.open(Area::Targets, "inside", Resume::WHOLE).await.unwrap().is_some());
    for path in ["file", "folder/secret"] {
        let refused = source.open(Area::Targets, path, Resume::WHOLE).await;
        assert!(matches!(&refused, Err(SourceError::UnsafePath { .. })), "{path}: {refused:?}");
    }
    let up = source.open(Area::Targets, "up/etc/hostname", Resume::WHOLE).await;
    assert!(!matches!(&up, Ok(Some(_))), "{up:?}");
    let parent = source.open(Area::Targets, "../metadata/timestamp.json", Resume::WHOLE).await;
    assert!(matches!(&parent, Err(SourceError::UnsafePath { .. })), "{parent:?}");
}

#[tokio::test]
async fn the_folder_itself_may_be_a_link() {
    let (folder, place) = (repository(), tempfile::tempdir().unwrap());
    let link = place.path().join("medium");
    symlink(folder.path(), &link).unwrap();
    assert_eq!(timestamp(&DirectorySource::new(link)).await.unwrap().as_deref(), Some(TIMESTAMP));
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_and_holds_nobody_up() {
    let folder = repository();
    std::fs::create_dir(folder.path().join("metadata/folder")).unwrap();
    let pipe = folder.path().join("metadata/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let source = DirectorySource::new(folder.path());
    for path in ["folder", "pipe"] {
        let refused = bounded(source.open(Area::Metadata, path, Resume::WHOLE)).await;
        assert!(matches!(&refused, Err(SourceError::UnsafePath { .. })), "{path}: {refused:?}");
    }
}

#[tokio::test]
async fn a_file_of_another_length_than_the_signed_one_is_refused() {
    let folder = repository();
    let source = DirectorySource::new(folder.path());
    write(folder.path(), &format!("targets/{ARCHIVE}"), &archive()[..50_000]);
    let short = fetch(&source, &patient()).await;
    assert!(matches!(&short, Err(SourceError::WrongLength { announced: 50_000, .. })), "{short:?}");
    let (rules, cancel) = (patient(), CancellationToken::new());
    let large = read(&source, Area::Targets, ARCHIVE, 49_999, &rules, &cancel).await;
    assert!(matches!(&large, Err(SourceError::TooLarge { limit: 49_999, .. })), "{large:?}");
}

#[tokio::test]
async fn encoded_role_names_are_names_of_files_as_they_are() {
    let folder = repository();
    write(folder.path(), "metadata/1.%2E%2E%2Frole.json", b"{}");
    let (rules, cancel) = (patient(), CancellationToken::new());
    let source = DirectorySource::new(folder.path());
    let role = read(&source, Area::Metadata, "1.%2E%2E%2Frole.json", 100, &rules, &cancel).await.unwrap();
    assert_eq!(role.as_deref(), Some(b"{}".as_slice()));
}
