use super::*;
use booster_update::{Cause, Outcome, Stage, UpdateError};
use futures_util::FutureExt as _;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use tokio::sync::Semaphore;

/// An operator whose updates end when they are let, or cancelled.
struct Held {
    let_go: Semaphore,
    begun: AtomicU32,
}

impl Held {
    fn new() -> Arc<Self> {
        Arc::new(Self { let_go: Semaphore::new(0), begun: AtomicU32::new(0) })
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

use crate::feed::Next;

#[tokio::test]
async fn who_asks_for_what_runs_hears_it_from_its_first_event() {
    let (desk, held, end) = (Desk::new(4), Held::new(), CancellationToken::new());
    let (its, operator, stop) = (Arc::clone(&desk), Arc::clone(&held), end.clone());
    let serving = tokio::spawn(async move { its.serve(&*operator, &stop).await });
    let first = desk.ask(Asked::default(), user(1)).unwrap();
    settle().await;
    let second = desk.ask(Asked::default(), user(2)).unwrap();
    assert_eq!((first.joined, second.joined, second.ahead), (false, true, 0));
    assert_eq!(second.update.number, first.update.number);
    let mut late = second.update.follow();
    assert_eq!(heard(&mut late), ["Start 0", "DownloadProgress 20"]);
    held.let_go.add_permits(1);
    settle().await;
    assert_eq!(heard(&mut late), ["Complete 100", "updated"]);
    assert_eq!(heard(&mut first.update.follow()), ["Start 0", "Complete 100", "updated"]);
    // What is over is not joined.
    assert!(!desk.ask(Asked::default(), user(2)).unwrap().joined);
    end.cancel();
    serving.await.unwrap();
    assert_eq!(held.begun.load(SeqCst), 2);
}

#[tokio::test]
async fn others_wait_in_line_and_hear_their_place_and_the_line_has_an_end() {
    let (desk, held, end) = (Desk::new(2), Held::new(), CancellationToken::new());
    let (its, operator, stop) = (Arc::clone(&desk), Arc::clone(&held), end.clone());
    let serving = tokio::spawn(async move { its.serve(&*operator, &stop).await });
    desk.ask(from(SourceKind::Http), user(1)).unwrap();
    settle().await;
    let second = desk.ask(from(SourceKind::Unc), user(1)).unwrap();
    let third = desk.ask(from(SourceKind::Managed), user(1)).unwrap();
    assert_eq!((second.ahead, third.ahead), (1, 2));
    let joined = desk.ask(from(SourceKind::Managed), user(2)).unwrap();
    assert_eq!((joined.joined, joined.ahead), (true, 2));
    let refused = desk.ask(from(SourceKind::Directory), user(1)).unwrap_err();
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
    let first = desk.ask(patient(), By::Schedule).unwrap();
    assert!(desk.ask(patient(), By::Schedule).unwrap().joined);
    let second = desk.ask(Asked::default(), user(1)).unwrap();
    assert!(!second.joined && second.update.number != first.update.number);
    assert!(desk.ask(Asked::default(), user(2)).unwrap().joined);
}

#[tokio::test]
async fn only_who_alone_asked_or_an_administrator_cancels() {
    let (desk, held, end) = (Desk::new(4), Held::new(), CancellationToken::new());
    let (its, operator, stop) = (Arc::clone(&desk), Arc::clone(&held), end.clone());
    let serving = tokio::spawn(async move { its.serve(&*operator, &stop).await });
    let administrators = Administrators::default();
    let caller = |uid| Caller { uid, gid: uid, pid: None };
    let cancel = |number, uid| desk.cancel(number, &caller(uid), &administrators);
    assert_eq!(cancel(0, 0), Err(Refused::NothingRuns));
    assert_eq!(cancel(7, 0), Err(Refused::NoSuchUpdate(7)));

    // Two follow it: neither may end it for the other.
    let taken = desk.ask(Asked::default(), user(60_001)).unwrap();
    settle().await;
    assert!(matches!(cancel(0, 60_002), Err(Refused::NotAllowed(_))));
    desk.ask(Asked::default(), user(60_002)).unwrap();
    assert!(matches!(cancel(0, 60_001), Err(Refused::NotAllowed(_))));
    assert_eq!(cancel(taken.update.number, 0), Ok(()));
    settle().await;
    assert_eq!(heard(&mut taken.update.follow()).last().unwrap(), "cancelled");

    let own = desk.ask(Asked::default(), user(60_001)).unwrap();
    settle().await;
    assert_eq!(cancel(own.update.number, 60_001), Ok(()));
    settle().await;
    assert_eq!(heard(&mut own.update.follow()).last().unwrap(), "cancelled");

    let scheduled = desk.ask(Asked::default(), By::Schedule).unwrap();
    settle().await;
    assert!(matches!(cancel(scheduled.update.number, 60_001), Err(Refused::NotAllowed(_))));
    end.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn the_end_cancels_what_runs_and_leaves_nobody_waiting() {
    let (desk, held, end) = (Desk::new(4), Held::new(), CancellationToken::new());
    let (its, operator, stop) = (Arc::clone(&desk), Arc::clone(&held), end.clone());
    let mut watcher = desk.watch();
    let serving = tokio::spawn(async move { its.serve(&*operator, &stop).await });
    let running = desk.ask(from(SourceKind::Http), user(1)).unwrap();
    settle().await;
    let waiting = desk.ask(from(SourceKind::Unc), user(1)).unwrap();
    end.cancel();
    serving.await.unwrap();
    for taken in [running, waiting] {
        assert_eq!(heard(&mut taken.update.follow()).last().unwrap(), "cancelled");
    }
    assert_eq!(desk.ask(Asked::default(), user(1)).unwrap_err(), Refused::Ending);
    let mut notices = 0;
    while watcher.next().await.is_some() {
        notices += 1;
    }
    // For each: that it started, two events, and the report.
    assert_eq!(notices, 8);
}
