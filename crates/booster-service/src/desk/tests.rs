use super::*;
use booster_config::SourceSettings;
use booster_sources::SourceKind;
use booster_update::{Cause, EventKind, Outcome, Stage, UpdateError};
use futures_util::FutureExt as _;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use tokio::sync::Semaphore;

/// An operator whose updates end when they are let, or cancelled.
struct Held {
    let_go: Semaphore,
    begun: AtomicU32,
    /// The kind of source that events name.
    source: Mutex<Option<SourceKind>>,
}

impl Held {
    fn new() -> Arc<Self> {
        let source = Mutex::new(Some(SourceKind::Http));
        Arc::new(Self { let_go: Semaphore::new(0), begun: AtomicU32::new(0), source })
    }
}

fn event(kind: EventKind, percent: u32) -> Event {
    Event {
        kind,
        time: Timestamp::UNIX_EPOCH,
        stage: Stage::Unknown,
        source: Some(SourceKind::Http),
        path: None,
        percent,
        total: 0,
        index: 0,
        component: None,
        result: booster_update::EventResult::Ok,
        bytes: None,
        out_of_date: Vec::new(),
        rolled_back: None,
    }
}

#[async_trait::async_trait]
impl Operator for Held {
    async fn operate(&self, _: &Asked, tell: Tell, cancel: CancellationToken) -> Report {
        self.begun.fetch_add(1, SeqCst);
        let source = *self.source.lock().unwrap();
        let event = |kind, percent| Event { source, ..event(kind, percent) };
        tell(&event(EventKind::Start, 0));
        tell(&event(EventKind::DownloadProgress, 10));
        tell(&event(EventKind::DownloadProgress, 20));
        let cancelled = tokio::select! {
            () = cancel.cancelled() => true,
            permit = self.let_go.acquire() => {
                permit.unwrap().forget();
                false
            }
        };
        tell(&event(EventKind::Complete, 100));
        let error = cancelled.then(|| UpdateError::new(Stage::Unknown, None, Cause::Cancelled));
        Report {
            outcome: if cancelled { Outcome::Cancelled } else { Outcome::Updated },
            error,
            ..Report::unasked(Outcome::Failed, None)
        }
    }
}

fn user(uid: u32) -> By {
    By::Caller(Caller { uid, gid: uid, pid: None })
}

fn from(kind: SourceKind) -> Asked {
    Asked { kinds: vec![kind], ..Asked::default() }
}

/// A request on a machine that has one source of each kind that is named, and one HTTP source for who names none.
fn request(asked: Asked, by: By) -> Request {
    let text = |kind: &SourceKind| match kind {
        SourceKind::Http => "http://a/",
        SourceKind::Unc => r"\\a\b",
        SourceKind::Managed | SourceKind::Unmanaged => "http://wsus/",
        SourceKind::Directory => "/a",
    };
    let all = if asked.kinds.is_empty() { vec![SourceKind::Http] } else { asked.kinds.clone() };
    let source = |kind: &SourceKind| SourceSettings { kind: *kind, ..text(kind).parse().unwrap() };
    let privileged = !matches!(by, By::Caller(_));
    Request { sources: all.iter().map(source).collect(), asked, by, privileged }
}

impl Desk {
    fn wants(&self, asked: Asked, by: By) -> Result<Taken, Refused> {
        self.ask(request(asked, by))
    }
}

/// Lets everything happen that can.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// What a follower hears, up to now.
fn heard(reader: &mut Reader<Told>) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(Some(next)) = reader.next().now_or_never() {
        all.push(match next {
            Next::Message(Told::Queued(ahead)) => format!("behind {ahead}"),
            Next::Message(Told::Event(event)) => format!("{:?} {}", event.kind, event.percent),
            Next::Message(Told::Report(report)) => report.outcome.to_string(),
            Next::Missed(missed) => format!("missed {missed}"),
        });
    }
    all
}

use crate::{feed::Next, manager::lives};

#[tokio::test]
async fn who_asks_for_what_runs_hears_it_from_its_first_event() {
    let (desk, held, end) = (Desk::new(4), Held::new(), CancellationToken::new());
    let (its, operator, stop) = (Arc::clone(&desk), Arc::clone(&held), end.clone());
    let serving = tokio::spawn(async move { its.serve(&*operator, &stop).await });
    let first = desk.wants(Asked::default(), user(1)).unwrap();
    settle().await;
    let second = desk.wants(Asked::default(), user(2)).unwrap();
    assert_eq!((first.joined, second.joined, second.ahead), (false, true, 0));
    assert_eq!(second.update.number, first.update.number);
    let mut late = second.update.follow();
    assert_eq!(heard(&mut late), ["Start 0", "DownloadProgress 20"]);
    held.let_go.add_permits(1);
    settle().await;
    assert_eq!(heard(&mut late), ["Complete 100", "updated"]);
    assert_eq!(heard(&mut first.update.follow()), ["Start 0", "Complete 100", "updated"]);
    // What is over is not joined.
    assert!(!desk.wants(Asked::default(), user(2)).unwrap().joined);
    end.cancel();
    serving.await.unwrap();
    assert_eq!(held.begun.load(SeqCst), 2);
}

#[tokio::test]
async fn others_wait_in_line_and_hear_their_place_and_the_line_has_an_end() {
    let (desk, held, end) = (Desk::new(2), Held::new(), CancellationToken::new());
    let (its, operator, stop) = (Arc::clone(&desk), Arc::clone(&held), end.clone());
    let serving = tokio::spawn(async move { its.serve(&*operator, &stop).await });
    desk.wants(from(SourceKind::Http), user(1)).unwrap();
    settle().await;
    let second = desk.wants(from(SourceKind::Unc), user(1)).unwrap();
    let third = desk.wants(from(SourceKind::Managed), user(2)).unwrap();
    assert_eq!((second.ahead, third.ahead), (1, 2));
    let joined = desk.wants(from(SourceKind::Managed), user(2)).unwrap();
    assert_eq!((joined.joined, joined.ahead), (true, 2));
    let refused = desk.wants(from(SourceKind::Directory), user(1)).unwrap_err();
    assert_eq!(refused, Refused::TooMany(2));
    assert_eq!(desk.occupied(), (Some(1), 2));
    let mut reader = third.update.follow();
    held.let_go.add_permits(1);
    settle().await;
    assert_eq!(heard(&mut reader), ["behind 1"]);
    held.let_go.add_permits(2);
    settle().await;
    assert_eq!(heard(&mut reader).last().unwrap(), "updated");
    end.cancel();
    serving.await.unwrap();
}

#[test]
fn an_impatient_request_does_not_join_a_patient_update() {
    let desk = Desk::new(4);
    let patient = || Asked { patient: true, ..Asked::default() };
    let first = desk.wants(patient(), By::Schedule).unwrap();
    assert!(desk.wants(patient(), By::Schedule).unwrap().joined);
    let second = desk.wants(Asked::default(), user(1)).unwrap();
    assert!(!second.joined && second.update.number != first.update.number);
    assert!(desk.wants(Asked::default(), user(2)).unwrap().joined);
}

#[tokio::test]
async fn only_who_alone_asked_or_an_administrator_cancels() {
    let (desk, held, end) = (Desk::new(4), Held::new(), CancellationToken::new());
    let (its, operator, stop) = (Arc::clone(&desk), Arc::clone(&held), end.clone());
    let serving = tokio::spawn(async move { its.serve(&*operator, &stop).await });
    let administrators = Administrators::new(None);
    let caller = |uid| Caller { uid, gid: uid, pid: None };
    let cancel = |number, uid| {
        let (desk, administrators) = (Arc::clone(&desk), administrators.clone());
        async move { desk.cancel(number, &caller(uid), &administrators).await }
    };
    assert_eq!(cancel(0, 0).await, Err(Refused::NothingRuns));
    assert_eq!(cancel(7, 0).await, Err(Refused::NoSuchUpdate(7)));

    // Two follow it: neither may end it for the other.
    let taken = desk.wants(Asked::default(), user(60_001)).unwrap();
    settle().await;
    assert!(matches!(cancel(0, 60_002).await, Err(Refused::NotAllowed(_))));
    desk.wants(Asked::default(), user(60_002)).unwrap();
    assert!(matches!(cancel(0, 60_001).await, Err(Refused::NotAllowed(_))));
    assert_eq!(cancel(taken.update.number, 0).await, Ok(()));
    settle().await;
    assert_eq!(heard(&mut taken.update.follow()).last().unwrap(), "cancelled");

    let own = desk.wants(Asked::default(), user(60_001)).unwrap();
    settle().await;
    assert_eq!(cancel(own.update.number, 60_001).await, Ok(()));
    settle().await;
    assert_eq!(heard(&mut own.update.follow()).last().unwrap(), "cancelled");

    let scheduled = desk.wants(Asked::default(), By::Schedule).unwrap();
    settle().await;
    assert!(matches!(cancel(scheduled.update.number, 60_001).await, Err(Refused::NotAllowed(_))));
    end.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn the_end_cancels_what_runs_and_leaves_nobody_waiting() {
    let (desk, held, end) = (Desk::new(4), Held::new(), CancellationToken::new());
    let (its, operator, stop) = (Arc::clone(&desk), Arc::clone(&held), end.clone());
    let mut watcher = desk.watch();
    let serving = tokio::spawn(async move { its.serve(&*operator, &stop).await });
    let running = desk.wants(from(SourceKind::Http), user(1)).unwrap();
    settle().await;
    let waiting = desk.wants(from(SourceKind::Unc), user(1)).unwrap();
    end.cancel();
    serving.await.unwrap();
    for taken in [running, waiting] {
        assert_eq!(heard(&mut taken.update.follow()).last().unwrap(), "cancelled");
    }
    assert_eq!(desk.wants(Asked::default(), user(1)).unwrap_err(), Refused::Ending);
    let mut notices = 0;
    while watcher.next().await.is_some() {
        notices += 1;
    }
    // For each: that it started, two events, and the report.
    assert_eq!(notices, 8);
}

/// A desk that is served, with somebody who holds every update.
struct Served {
    desk: Arc<Desk>,
    held: Arc<Held>,
    end: CancellationToken,
    serving: JoinHandle<()>,
}

impl Served {
    fn new(max_waiting: usize) -> Self {
        let (desk, held, end) = (Desk::new(max_waiting), Held::new(), CancellationToken::new());
        let (its, operator, stop) = (Arc::clone(&desk), Arc::clone(&held), end.clone());
        let serving = tokio::spawn(async move { its.serve(&*operator, &stop).await });
        Self { desk, held, end, serving }
    }

    async fn cancel(&self, number: u64, uid: u32) -> Result<(), Refused> {
        let caller = Caller { uid, gid: uid, pid: None };
        self.desk.cancel(number, &caller, &Administrators::new(None)).await
    }

    async fn close(self) {
        self.end.cancel();
        self.serving.await.unwrap();
    }
}

#[tokio::test]
async fn other_words_for_the_same_sources_join_and_other_sources_do_not() {
    let served = Served::new(8);
    let first = served.desk.wants(Asked::default(), user(1)).unwrap();
    let same = |asked: Asked| {
        let sources = first.update.request.sources.clone();
        served.desk.ask(Request { sources, ..request(asked, user(1)) }).unwrap().joined
    };
    assert!(same(from(SourceKind::Http)));
    assert!(same(Asked { kinds: vec![SourceKind::Http, SourceKind::Http], ..Asked::default() }));
    assert!(!same(Asked { check_only: true, ..Asked::default() }));
    // The settings were read again: the same words mean another source.
    let other = SourceSettings { kind: SourceKind::Http, .."http://b/".parse().unwrap() };
    let moved = Request { sources: vec![other], ..request(Asked::default(), user(2)) };
    assert!(!served.desk.ask(moved).unwrap().joined);
    served.close().await;
}

#[tokio::test]
async fn one_user_fills_no_more_than_a_quarter_of_the_line_and_administrators_have_the_last_places() {
    let served = Served::new(16);
    served.desk.wants(Asked::default(), By::Schedule).unwrap();
    settle().await;
    let another = |rate, by, privileged| {
        let asked = Asked { max_rate: Some(rate), ..Asked::default() };
        served.desk.ask(Request { privileged, ..request(asked, by) }).map(drop)
    };
    let mut rates = 1..;
    let mut ask = |by, privileged| another(rates.next().unwrap(), by, privileged);
    for _ in 0..4 {
        ask(user(1), false).unwrap();
    }
    assert_eq!(ask(user(1), false), Err(Refused::TooManyOfOne(4)));
    for uid in [2, 2, 2, 2, 3, 3, 3, 3, 4, 4] {
        ask(user(uid), false).unwrap();
    }
    assert_eq!(ask(user(4), false), Err(Refused::TooMany(14)));
    ask(user(0), true).unwrap();
    ask(By::Schedule, true).unwrap();
    assert_eq!(ask(user(0), true), Err(Refused::TooMany(16)));
    served.close().await;
}

#[tokio::test]
async fn who_is_cancelled_in_line_leaves_it_at_once_and_the_others_move_up() {
    let served = Served::new(16);
    served.desk.wants(Asked::default(), user(1)).unwrap();
    settle().await;
    let second = served.desk.wants(from(SourceKind::Unc), user(2)).unwrap();
    let third = served.desk.wants(from(SourceKind::Directory), user(3)).unwrap();
    let (mut second_hears, mut third_hears) = (second.update.follow(), third.update.follow());
    assert_eq!(served.cancel(second.update.number, 2).await, Ok(()));
    assert_eq!(heard(&mut second_hears), ["Start 0", "RequestProcessed 0", "Complete 0", "cancelled"]);
    assert!(second_hears.next().await.is_none());
    assert_eq!(heard(&mut third_hears), ["behind 1"]);
    assert_eq!(served.desk.occupied(), (Some(1), 1));
    assert_eq!(served.cancel(second.update.number, 2).await, Err(Refused::NoSuchUpdate(2)));
    served.held.let_go.add_permits(2);
    settle().await;
    assert_eq!(heard(&mut third_hears).last().unwrap(), "updated");
    assert_eq!(served.held.begun.load(SeqCst), 2, "nobody ran what was cancelled");
    served.close().await;
}

#[tokio::test]
async fn updates_of_the_whole_system_are_for_administrators_to_cancel_while_they_wait_and_while_they_run() {
    for (kind, allowed) in [
        (SourceKind::Managed, false),
        (SourceKind::Unmanaged, false),
        (SourceKind::Http, true),
        (SourceKind::Directory, true),
    ] {
        let served = Served::new(16);
        served.desk.wants(from(SourceKind::Unc), By::Schedule).unwrap();
        settle().await;
        let waiting = served.desk.wants(from(kind), user(60_001)).unwrap().update.number;
        assert_eq!(served.cancel(waiting, 60_001).await.is_ok(), allowed, "{kind} waits");
        served.close().await;

        let served = Served::new(16);
        *served.held.source.lock().unwrap() = None;
        let running = served.desk.wants(from(kind), user(60_001)).unwrap().update.number;
        settle().await;
        assert_eq!(served.cancel(running, 60_001).await.is_ok(), allowed, "{kind} before its first search");
        served.close().await;

        let served = Served::new(16);
        *served.held.source.lock().unwrap() = Some(kind);
        let running = served.desk.wants(from(SourceKind::Unc), user(60_001)).unwrap().update.number;
        settle().await;
        assert_eq!(served.cancel(running, 60_001).await.is_ok(), allowed, "{kind} is being asked");
        served.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_that_tells_nothing_for_too_long_is_stuck() {
    let limit = Duration::from_secs(60);
    let served = Served::new(16);
    assert_eq!(served.desk.stuck(limit), None);
    served.desk.wants(Asked::default(), user(1)).unwrap();
    // Nobody lets it go, and so it says nothing more.
    settle().await;
    tokio::time::advance(limit).await;
    assert_eq!(served.desk.stuck(limit), None);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(served.desk.stuck(limit), Some(1));
    assert!(!lives(&served.desk, limit, limit).await, "no sign of life is given");
    assert!(lives(&served.desk, limit, Duration::ZERO).await, "nobody wants to know");
    served.held.let_go.add_permits(1);
    settle().await;
    assert_eq!(served.desk.stuck(limit), None);
    served.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_desk_that_nobody_serves_gives_no_sign_of_life() {
    let patience = Duration::from_secs(1);
    assert!(!lives(&Desk::new(1), patience, patience).await);
    let served = Served::new(1);
    assert!(lives(&served.desk, patience, patience).await);
    served.close().await;
}

#[tokio::test]
async fn the_desk_does_not_close_before_what_was_begun_is_finished() {
    let served = Served::new(16);
    let mut watcher = served.desk.watch();
    let (go_on, wait) = tokio::sync::oneshot::channel::<()>();
    let its = Arc::clone(&served.desk);
    let work = served.desk.finish(async move {
        wait.await.unwrap();
        its.announce(Notice::Started { update: 7, by: By::Service, time: Timestamp::UNIX_EPOCH });
    });
    // Whoever asked for it leaves.
    drop(work.unwrap());
    served.end.cancel();
    settle().await;
    assert!(served.desk.finish(async {}).is_err());
    assert!(!served.serving.is_finished());
    go_on.send(()).unwrap();
    served.serving.await.unwrap();
    assert!(matches!(watcher.next().await, Some(Next::Message(Notice::Started { update: 7, .. }))));
    assert!(watcher.next().await.is_none());
}
