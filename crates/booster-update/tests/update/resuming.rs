//! Downloads that are broken off: what came is gone on with, and nothing wrong is ever taken over.

use crate::{
    machine::{Machine, Told, folder, http},
    publisher::{Publisher, rule},
};
use booster_definitions::Component;
use booster_sources::Source;
use booster_test_support::{Announce, Fault, FaultyServer, Request};
use booster_update::{ErrorKind, Event, EventKind, Outcome};
use std::{fs, path::PathBuf, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

const AV: Component = Component::Antivirus;

/// A publisher with a release whose archive does not compress, and its server.
struct Site {
    publisher: Publisher,
    server: FaultyServer,
    /// The archive's path in a URL.
    path: String,
    archive: Vec<u8>,
}

impl Site {
    fn new() -> Self {
        let mut publisher = Publisher::new(crate::machine::now());
        let mut state = 1u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(300_000)
        .collect();
        publisher.publish(AV, 1, &[("a.yar", &rule("a", "pattern")), ("noise.bin", &noise)]);
        let path = publisher.archive_url(AV, 1);
        let archive = fs::read(publisher.path().join(path.trim_start_matches('/'))).unwrap();
        let server = FaultyServer::serve(publisher.path());
        Self { publisher, server, path, archive }
    }

    fn http(&self) -> Arc<dyn Source> {
        http(&self.server.url())
    }

    /// The archive's requests, so far.
    fn asked(&self) -> Vec<Request> {
        self.server.log().into_iter().filter(|request| request.path() == self.path).collect()
    }

    fn size(&self) -> u64 {
        self.archive.len() as u64
    }

    /// What everything but the archive costs a machine that has nothing.
    async fn overhead(&self) -> u64 {
        let told = Machine::new(&self.publisher).update(self.publisher.path()).await;
        told.is(Outcome::Updated);
        told.report.bytes_downloaded - self.size()
    }

    /// A machine whose first update from this site was broken off after so many bytes of the archive.
    async fn broken_off(&self, after: usize) -> Machine {
        let mut machine = Machine::new(&self.publisher);
        machine.options.download.retries = 0;
        self.server.misbehave_times(&self.path, Fault::CutAfter(after), 1);
        machine.update_from(&[self.http()]).await.failed_with(ErrorKind::Truncated);
        assert_eq!(machine.part().map(|part| fs::read(part).unwrap()), Some(self.archive[..after].to_vec()));
        machine
    }
}

impl Machine {
    /// The one download that was broken off, if there is one.
    fn part(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(self.data.path().join("downloads")).ok()?;
        let mut parts = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "part"));
        let part = parts.next();
        assert_eq!(parts.next(), None, "more than one");
        part
    }
}

/// What a download began with: the bytes that were there.
fn there(told: &Told) -> Vec<u64> {
    let starts = told.events.iter().filter(|event| event.kind == EventKind::DownloadStart);
    starts.map(|event| event.bytes.unwrap().0).collect()
}

#[tokio::test]
async fn a_connection_that_drops_at_any_place_costs_one_more_request_and_no_byte() {
    let site = Site::new();
    let overhead = site.overhead().await;
    let places = [1, 2, 3, 100, 4095, 4096, 65_536, 131_072, 200_001, site.archive.len() - 1];
    for place in places {
        let machine = Machine::new(&site.publisher);
        let before = site.asked().len();
        site.server.misbehave_times(&site.path, Fault::CutAfter(place), 1);
        let told = machine.update_from(&[site.http()]).await;
        told.is(Outcome::Updated);
        let asked = site.asked().split_off(before);
        let ranges: Vec<_> = asked.iter().map(|request| request.header("range")).collect();
        assert_eq!(ranges, [None, Some(format!("bytes={place}-").as_str())]);
        assert!(asked[1].header("if-range").is_some_and(|tag| tag.starts_with('"')));
        assert_eq!(told.report.bytes_downloaded, overhead + site.size(), "dropped after {place}");
        assert_eq!(machine.part(), None);
    }
}

#[tokio::test]
async fn a_dropping_server_is_asked_again_as_often_as_is_set_and_later_operations_go_on() {
    let site = Site::new();
    let piece = site.archive.len().div_ceil(20);
    site.server.misbehave(&site.path, Fault::CutAfter(piece));
    let mut machine = Machine::new(&site.publisher);
    machine.options.download.retries = 5;
    for operation in 1..=3 {
        let told = machine.update_from(&[site.http()]).await;
        told.failed_with(ErrorKind::Truncated);
        assert_eq!(site.asked().len(), 6 * operation);
        assert_eq!(there(&told), [(6 * piece * (operation - 1)) as u64]);
    }
    let told = machine.update_from(&[site.http()]).await;
    told.is(Outcome::Updated);
    assert_eq!(site.asked().len(), 20);
    let offsets: Vec<usize> = site
        .asked()
        .iter()
        .map(|request| {
            request.header("range").map_or("0", |range| &range[6..range.len() - 1]).parse().unwrap()
        })
        .collect();
    let expected: Vec<_> = (0..20).map(|n| n * piece).collect();
    assert_eq!(offsets, expected, "no byte travelled twice");
}

#[tokio::test]
async fn a_try_that_brings_nothing_new_is_the_last_one() {
    let site = Site::new();
    let machine = Machine::new(&site.publisher);
    // It does not know ranges, and never gets further than this.
    site.server.misbehave(&site.path, Fault::Short { bytes: 1000, announce: Announce::Whole });
    for operation in 1..=2 {
        machine.update_from(&[site.http()]).await.failed_with(ErrorKind::Truncated);
        assert_eq!(
            site.asked().len(),
            operation + 1,
            "two tries, then one: the first of them brings nothing"
        );
        assert_eq!(machine.part().map(|part| fs::metadata(part).unwrap().len()), Some(1000));
    }
    // What is there is no less for it.
    let machine = site.broken_off(2000).await;
    site.server.misbehave(&site.path, Fault::Short { bytes: 500, announce: Announce::Whole });
    machine.update_from(&[site.http()]).await.failed_with(ErrorKind::Truncated);
    assert_eq!(machine.part().map(|part| fs::read(part).unwrap()), Some(site.archive[..2000].to_vec()));
    site.server.heal();
    machine.update_from(&[site.http()]).await.is(Outcome::Updated);
}

#[tokio::test]
async fn a_later_operation_begins_with_what_is_there_and_says_so() {
    let site = Site::new();
    let machine = site.broken_off(123_456).await;
    let told = machine.update_from(&[site.http()]).await;
    told.is(Outcome::Updated);
    assert_eq!(there(&told), [123_456]);
    let first = told.events.iter().find(|event| event.kind == EventKind::DownloadProgress).unwrap();
    assert_eq!(first.bytes, Some((123_456, site.size())));
    assert!(first.percent >= 10, "{first:?}");
    assert_eq!(site.asked()[1].header("range"), Some("bytes=123456-"));
    assert!(told.report.bytes_downloaded < site.size() - 123_456 + 10_000);
}

#[tokio::test]
async fn what_a_cancelled_operation_brought_is_gone_on_with() {
    let site = Site::new();
    let machine = Machine::new(&site.publisher);
    site.server.misbehave_times(&site.path, Fault::StallAfter(70_000), 1);
    let all_came = |event: &Event| event.bytes.is_some_and(|(done, _)| done == 70_000);
    let request = booster_update::UpdateRequest { progress: true, ..machine.request(&[site.http()]) };
    let stalled = |event: &Event| event.kind == EventKind::DownloadProgress && all_came(event);
    machine.run_until(request, stalled).await.is(Outcome::Cancelled);
    let told = machine.update_from(&[site.http()]).await;
    told.is(Outcome::Updated);
    assert_eq!(there(&told), [70_000]);
}

#[tokio::test]
async fn a_download_is_gone_on_with_from_any_other_source() {
    let site = Site::new();
    let mirror = FaultyServer::serve(site.publisher.path());
    for other in [http(&mirror.url()), folder(site.publisher.path())] {
        let machine = site.broken_off(100_000).await;
        let told = machine.update_from(&[other]).await;
        told.is(Outcome::Updated);
        assert_eq!(there(&told), [100_000]);
        assert!(told.report.bytes_downloaded < site.size() - 100_000 + 10_000);
    }
    let asked = mirror.log().into_iter().find(|request| request.path() == site.path).unwrap();
    assert_eq!(asked.header("range"), Some("bytes=100000-"));
    assert_eq!(asked.header("if-range"), None, "the tag is the other server's");
}

#[tokio::test]
async fn a_folder_is_gone_on_with_too() {
    let site = Site::new();
    let machine = Machine::new(&site.publisher);
    let request =
        booster_update::UpdateRequest { progress: true, ..machine.request(&[folder(site.publisher.path())]) };
    machine
        .run_until(request, |event| event.kind == EventKind::DownloadProgress)
        .await
        .is(Outcome::Cancelled);
    let size = fs::metadata(machine.part().unwrap()).unwrap().len();
    assert!(0 < size && size < site.size());
    let told = machine.update(site.publisher.path()).await;
    told.is(Outcome::Updated);
    assert_eq!(there(&told), [size]);
    assert!(told.report.bytes_downloaded < site.size() - size + 10_000);
}

#[tokio::test]
async fn a_finished_download_is_not_fetched_again() {
    let site = Site::new();
    let machine = Machine::new(&site.publisher);
    let request = machine.request(&[site.http()]);
    machine
        .run_until(request, |event| event.kind == EventKind::DownloadComplete)
        .await
        .is(Outcome::Cancelled);
    let told = machine.update_from(&[site.http()]).await;
    told.is(Outcome::Updated);
    assert_eq!((there(&told), site.asked().len()), (vec![site.size()], 1));
}

#[tokio::test]
async fn an_update_that_is_cancelled_while_it_builds_need_not_download_again() {
    let site = Site::new();
    let mut machine = Machine::new(&site.publisher);
    let scratch = tempfile::tempdir().unwrap();
    let pid = scratch.path().join("pid");
    machine.worker.args.extend(["hang".into(), pid.clone().into()]);
    let cancel = CancellationToken::new();
    let cancel_when_it_builds = async {
        while !pid.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        cancel.cancel();
    };
    let request = machine.request(&[site.http()]);
    let (told, ()) =
        tokio::join!(machine.run_with(request, cancel.clone(), |_| false), cancel_when_it_builds);
    told.is(Outcome::Cancelled);
    machine.worker.args.truncate(1);
    let told = machine.update_from(&[site.http()]).await;
    told.is(Outcome::Updated);
    assert_eq!((there(&told), site.asked().len()), (vec![site.size()], 1));
}

#[tokio::test]
async fn two_components_with_the_same_content_share_a_download() {
    let mut site = Site::new();
    let files: &[(&str, &[u8])] = &[("a.yar", &rule("a", "the same in both"))];
    site.publisher.publish(AV, 2, files);
    site.publisher.publish(Component::Nis, 2, files);
    let machine = Machine::new(&site.publisher);
    machine.update_from(&[site.http()]).await.is(Outcome::Updated);
    let both = (machine.version(AV), machine.version(Component::Nis));
    assert_eq!(both, (Some(2), Some(2)));
    let archives = site.server.log().iter().filter(|request| request.path().ends_with(".tar.zst")).count();
    assert_eq!(archives, 1);
}

#[tokio::test]
async fn what_is_there_is_not_believed() {
    let site = Site::new();
    let size = site.archive.len();
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage, &[Option<&str>]); 4] = [
        ("a byte", |part| part[5_000] ^= 1, &[Some("bytes=100000-"), None]),
        ("all bytes", |part| part.fill(0), &[Some("bytes=100000-"), None]),
        ("too many bytes", |part| part.resize(400_000, 0), &[None]),
        ("the right number of wrong bytes", |part| part.resize(301_000, 0), &[None]),
    ];
    for (name, damage, ranges) in damages {
        let machine = site.broken_off(100_000).await;
        let part = machine.part().unwrap();
        let mut bytes = fs::read(&part).unwrap();
        damage(&mut bytes);
        if name.starts_with("the right") {
            bytes.resize(size, 0);
        }
        let part_length = bytes.len() as u64;
        fs::write(&part, bytes).unwrap();
        let before = site.asked().len();
        let told = machine.update_from(&[site.http()]).await;
        told.is(Outcome::Updated);
        let expected = if name == "too many bytes" { 0 } else { part_length };
        assert_eq!(there(&told), [expected], "{name}");
        let asked = site.asked().split_off(before);
        assert_eq!(asked.iter().map(|request| request.header("range")).collect::<Vec<_>>(), ranges, "{name}");
        assert_eq!(machine.part(), None);
    }
}

#[tokio::test]
async fn another_copy_is_fetched_from_its_beginning() {
    let site = Site::new();
    let machine = site.broken_off(100_000).await;
    site.server.misbehave(&site.path, Fault::Tagged("\"another\"".to_owned()));
    let told = machine.update_from(&[site.http()]).await;
    told.is(Outcome::Updated);
    assert_eq!(site.asked().len(), 2);
    assert!(site.asked()[1].header("if-range").is_some());
    assert!(told.report.bytes_downloaded > site.size());
}

#[tokio::test]
async fn a_server_that_gives_weak_tags_none_or_other_ones_is_gone_on_with_all_the_same() {
    let site = Site::new();
    for fault in [
        Fault::Tagged("W/\"weak\"".to_owned()),
        Fault::IgnoreIfRange("\"another\"".to_owned()),
        Fault::HalfRange,
        Fault::WrongRange,
        Fault::IgnoreRange,
        Fault::OtherBytes,
    ] {
        let machine = site.broken_off(100_000).await;
        site.server.misbehave(&site.path, fault.clone());
        let mut machine = machine;
        machine.options.download.retries = 20;
        let told = machine.update_from(&[site.http()]).await;
        assert_eq!(told.report.outcome, Outcome::Updated, "{fault:?}: {:?}", told.report.error);
        assert_eq!(machine.part(), None, "{fault:?}");
    }
}

#[tokio::test]
async fn wrong_bytes_are_fetched_from_the_beginning_once_and_not_kept() {
    let site = Site::new();
    let flip = Fault::FlipBit { offset: 200_000, bit: 0 };
    site.server.misbehave(&site.path, flip.clone());
    let machine = Machine::new(&site.publisher);
    machine.update_from(&[site.http()]).await.failed_with(ErrorKind::DigestMismatch);
    assert_eq!((site.asked().len(), machine.part()), (1, None));

    let machine = site.broken_off(100_000).await;
    site.server.misbehave(&site.path, flip.clone());
    machine.update_from(&[site.http()]).await.failed_with(ErrorKind::DigestMismatch);
    assert_eq!((site.asked().len(), machine.part()), (3, None), "another copy came whole, with one answer");

    let machine = site.broken_off(100_000).await;
    // Without a note of the copy, the rest of the changed one comes.
    fs::remove_file(machine.part().unwrap().with_extension("json")).unwrap();
    site.server.misbehave(&site.path, flip);
    machine.update_from(&[site.http()]).await.failed_with(ErrorKind::DigestMismatch);
    assert_eq!((site.asked().len(), machine.part()), (6, None), "the rest, and once the whole");
    // A second source helps in the same operation, from the beginning.
    let sources = [site.http(), folder(site.publisher.path())];
    machine.update_from(&sources).await.is(Outcome::Updated);
}

#[tokio::test]
async fn wrong_bytes_in_pieces_are_fetched_twice_and_not_for_ever() {
    let site = Site::new();
    let mut wrong = site.archive.clone();
    wrong[0] ^= 1;
    fs::write(site.publisher.path().join(site.path.trim_start_matches('/')), wrong).unwrap();
    site.server.misbehave(&site.path, Fault::CutAfter(site.archive.len() * 2 / 3));
    let machine = Machine::new(&site.publisher);
    machine.update_from(&[site.http()]).await.failed_with(ErrorKind::DigestMismatch);
    assert_eq!((site.asked().len(), machine.part()), (4, None), "two pieces, twice");
}

#[tokio::test]
async fn a_silent_source_is_left_at_once_and_what_it_sent_is_kept() {
    let site = Site::new();
    site.server.misbehave(&site.path, Fault::StallAfter(70_000));
    let mut machine = Machine::new(&site.publisher);
    machine.options.transfer.window = Duration::from_secs(2);
    let told = machine.update_from(&[site.http(), folder(site.publisher.path())]).await;
    told.is(Outcome::Updated);
    assert_eq!((there(&told), site.asked().len()), (vec![0, 70_000], 1));
}

#[tokio::test]
async fn a_source_that_answers_with_something_else_does_not_spoil_what_is_there() {
    let site = Site::new();
    let machine = site.broken_off(100_000).await;
    for (fault, kind) in [
        (Fault::login_page(), ErrorKind::WebPage),
        (Fault::Content { media_type: String::new(), body: vec![7; 5] }, ErrorKind::Truncated),
        (Fault::Status { code: 500, retry_after: None }, ErrorKind::HttpStatus),
        (Fault::Encoded("gzip".to_owned()), ErrorKind::Encoded),
    ] {
        site.server.misbehave(&site.path, fault.clone());
        machine.update_from(&[site.http()]).await.failed_with(kind);
        let part = machine.part().map(|part| fs::read(part).unwrap());
        assert_eq!(part, Some(site.archive[..100_000].to_vec()), "{fault:?}");
    }
}

#[tokio::test]
async fn a_download_that_nobody_goes_on_with_is_removed() {
    let mut site = Site::new();
    // Another release is installed.
    let machine = site.broken_off(100_000).await;
    site.publisher.publish(AV, 2, &[("b.yar", &rule("b", "other pattern"))]);
    machine.update_from(&[site.http()]).await.is(Outcome::Updated);
    assert!(!machine.data.path().join("downloads").exists());
}

#[tokio::test]
async fn a_download_is_kept_as_long_and_as_much_as_is_set() {
    let site = Site::new();
    let fails = async |machine: &Machine| {
        let server = FaultyServer::serve(site.publisher.path());
        server.misbehave_everywhere(Fault::Hangup);
        machine.update_from(&[http(&server.url())]).await.is(Outcome::Failed);
        machine.part().is_some()
    };
    let machine = site.broken_off(100_000).await;
    assert!(fails(&machine).await);
    machine.clock.jump_to(jiff::Timestamp::now() + Duration::from_secs(6 * 24 * 3600));
    assert!(fails(&machine).await, "kept for a week");
    machine.clock.jump_to(jiff::Timestamp::now() + Duration::from_secs(8 * 24 * 3600));
    assert!(!fails(&machine).await);

    let mut machine = site.broken_off(100_000).await;
    machine.options.download.keep_bytes = 100_000;
    assert!(fails(&machine).await);
    machine.options.download.keep_bytes = 99_999;
    assert!(!fails(&machine).await);
}
