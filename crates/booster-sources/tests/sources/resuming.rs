//! Reading from the middle of a file, and saying honestly where reading began.

use super::*;
use booster_sources::{DirectorySource, Sink, download_from};
use booster_test_support::{Fault, FaultyServer};
use futures_util::TryStreamExt;

/// Where reading began, the announced length, and what came.
async fn from(source: &dyn Source, offset: u64) -> (u64, Option<u64>, Vec<u8>) {
    let opened = source.open(Area::Targets, ARCHIVE, at(offset)).await.unwrap().unwrap();
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

#[tokio::test]
async fn a_copy_is_asked_for_by_its_strong_tag_and_another_copy_comes_whole() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let source = http(&server.url());
    let tag = source.open(Area::Targets, ARCHIVE, Resume::WHOLE).await.unwrap().unwrap().etag.unwrap();
    let rest = Resume { offset: 60_000, etag: Some(&tag) };
    let opened = source.open(Area::Targets, ARCHIVE, rest).await.unwrap().unwrap();
    assert_eq!((opened.start, opened.etag.as_deref()), (60_000, Some(tag.as_str())));
    assert_eq!(server.log()[1].header("if-range"), Some(tag.as_str()));

    server.misbehave(ARCHIVE_PATH, Fault::Tagged("\"another\"".to_owned()));
    let opened = source.open(Area::Targets, ARCHIVE, rest).await.unwrap().unwrap();
    assert_eq!((opened.start, opened.etag.as_deref()), (0, Some("\"another\"")));
    assert_eq!(server.requests(), 3, "the whole came with the same answer");
}

#[tokio::test]
async fn a_server_that_sends_a_part_of_another_copy_is_asked_again_from_the_beginning() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    server.misbehave_everywhere(Fault::IgnoreIfRange("\"another\"".to_owned()));
    let source = http(&server.url());
    let rest = Resume { offset: 60_000, etag: Some("\"first\"") };
    let opened = source.open(Area::Targets, ARCHIVE, rest).await.unwrap().unwrap();
    assert_eq!((opened.start, opened.etag.as_deref()), (0, Some("\"another\"")));
    assert_eq!(server.log()[1].header("range"), None);
}

#[tokio::test]
async fn a_weak_tag_is_neither_kept_nor_sent() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    server.misbehave_everywhere(Fault::Tagged("W/\"weak\"".to_owned()));
    let source = http(&server.url());
    let rest = Resume { offset: 60_000, etag: Some("W/\"weak\"") };
    let opened = source.open(Area::Targets, ARCHIVE, rest).await.unwrap().unwrap();
    assert_eq!((opened.start, opened.etag), (60_000, None));
    assert_eq!(server.log()[0].header("if-range"), None);
}

/// What a download from an offset told its receiver.
#[derive(Debug, Default, PartialEq)]
struct Told {
    begun: Vec<(u64, bool)>,
    bytes: Vec<u8>,
}

impl Sink for Told {
    fn begin(&mut self, start: u64, etag: Option<&str>) -> std::io::Result<()> {
        self.begun.push((start, etag.is_some()));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

async fn resumed(source: &dyn Source, offset: u64) -> (Told, Result<(), SourceError>) {
    let (rules, cancel, mut told) = (patient(), CancellationToken::new(), Told::default());
    let length = archive().len() as u64;
    let ended = download_from(source, ARCHIVE, at(offset), length, &rules, &cancel, &mut told).await;
    (told, ended)
}

#[tokio::test]
async fn a_download_goes_on_at_its_offset_and_says_where_it_began() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let sources: [Box<dyn Source>; 2] =
        [Box::new(http(&server.url())), Box::new(DirectorySource::new(folder.path()))];
    for (source, tagged) in sources.iter().zip([true, false]) {
        let (told, ended) = resumed(source.as_ref(), 60_000).await;
        ended.unwrap();
        assert_eq!(told, Told { begun: vec![(60_000, tagged)], bytes: archive()[60_000..].to_vec() });
    }
    server.misbehave_everywhere(Fault::IgnoreRange);
    let (told, ended) = resumed(&http(&server.url()), 60_000).await;
    ended.unwrap();
    assert_eq!(told, Told { begun: vec![(0, false)], bytes: archive() });
}

#[tokio::test]
async fn what_a_rest_lacks_is_noticed_and_told_by_its_place_in_the_file() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    for (fault, sent) in [(Fault::CutAfter(10_000), 10_000), (Fault::HalfRange, 20_000)] {
        server.misbehave_everywhere(fault);
        let (told, ended) = resumed(&http(&server.url()), 60_000).await;
        let received = told.bytes.len();
        assert_eq!(told.bytes, archive()[60_000..60_000 + received]);
        assert!(received <= sent && told.begun.len() <= 1, "{received}");
        assert!(matches!(&ended, Err(SourceError::TooShort { .. })), "{ended:?}");
    }
    let longer = Fault::Content { media_type: String::new(), body: vec![1; 100_001] };
    server.misbehave_everywhere(longer);
    let (told, ended) = resumed(&http(&server.url()), 60_000).await;
    assert!(matches!(&ended, Err(SourceError::WrongLength { announced: 100_001, .. })), "{ended:?}");
    assert_eq!(told, Told::default(), "what is there was not touched");
}

#[tokio::test]
async fn a_login_page_in_place_of_the_rest_does_not_touch_what_is_there() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    server.misbehave_everywhere(Fault::login_page());
    let (told, ended) = resumed(&http(&server.url()), 60_000).await;
    assert!(matches!(&ended, Err(SourceError::WebPage { .. })), "{ended:?}");
    assert_eq!(told, Told::default());
}
