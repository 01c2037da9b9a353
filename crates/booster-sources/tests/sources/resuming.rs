//! Reading from the middle of a file, and saying honestly where reading began.

use super::*;
use booster_sources::DirectorySource;
use booster_test_support::{Fault, FaultyServer};
use futures_util::TryStreamExt;

/// Where reading began, the announced length, and what came.
async fn from(source: &dyn Source, offset: u64) -> (u64, Option<u64>, Vec<u8>) {
    let opened = source.open(Area::Targets, ARCHIVE, offset).await.unwrap().unwrap();
    let chunks: Vec<_> = opened.stream.try_collect().await.unwrap();
    (opened.start, opened.length, chunks.concat())
}

#[tokio::test]
async fn a_server_that_knows_ranges_sends_the_rest() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let source = http(&server.url());
    assert_eq!(from(&source, 60_000).await, (60_000, Some(40_000), archive()[60_000..].to_vec()));
    assert_eq!(server.log()[0].header("range"), Some("bytes=60000-"));
    assert_eq!(source.counters().bytes, 40_000);
}

#[tokio::test]
async fn a_server_that_ignores_ranges_is_read_from_the_beginning() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    server.misbehave_everywhere(Fault::IgnoreRange);
    assert_eq!(from(&http(&server.url()), 60_000).await, (0, Some(100_000), archive()));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_wrong_range_or_one_beyond_the_end_is_asked_again_from_the_beginning() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let source = http(&server.url());
    assert_eq!(from(&source, 100_001).await, (0, Some(100_000), archive()));
    server.misbehave_everywhere(Fault::WrongRange);
    assert_eq!(from(&source, 60_000).await, (0, Some(100_000), archive()));
}

#[tokio::test]
async fn a_folder_is_read_from_the_middle_too() {
    let folder = repository();
    let source = DirectorySource::new(folder.path());
    assert_eq!(from(&source, 60_000).await, (60_000, Some(40_000), archive()[60_000..].to_vec()));
    assert_eq!(from(&source, 100_001).await, (0, Some(100_000), archive()));
}
