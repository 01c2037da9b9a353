//! Machines whose time passes as fast as it can be decided on: with the real loop, the real records on disk
//! and real commands, and a clock that is moved in place of every sleep.

use super::*;
use booster_config::{Day, Interval};
use booster_definitions::Place;
use booster_engine::Worker;
use booster_sources::DirectorySource;
use booster_store::{SourceCheck, StoreOptions};
use booster_update::{Cause, FakeClock, Outcome, Stage, UpdateError, UpdateRequest};
use jiff::SignedDuration;
use tempfile::TempDir;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const START: &str = "2026-01-05T11:00:00Z";

/// What an update comes to.
#[derive(Clone, Copy)]
enum Answer {
    Success,
    Failure,
    Cancelled,
    /// A failure that stands in no record: the disk is full.
    Unrecorded,
    /// The only source asks to be left alone.
    Wish(Duration),
    /// A real operation on a source that is not there.
    Real,
}

type Script = Box<dyn Fn(Timestamp) -> Answer + Send + Sync>;

/// Takes the place of operations: says what it is told to, writes the records that an operation writes, and
/// remembers when it was asked.
struct Scripted {
    store: Store,
    clock: Arc<FakeClock>,
    script: Mutex<Script>,
    runs: Mutex<Vec<(Timestamp, Because)>>,
}

#[async_trait]
impl Updates for Scripted {
    async fn update(&self, because: Because) -> Arc<Report> {
        let now = self.clock.now();
        self.runs.lock().unwrap().push((now, because));
        let answer = (self.script.lock().unwrap())(now);
        let report = match answer {
            Answer::Success => report(Outcome::Current, None),
            Answer::Cancelled => report(Outcome::Cancelled, Some(Cause::Cancelled)),
            Answer::Failure | Answer::Unrecorded | Answer::Wish(_) => {
                report(Outcome::Failed, Some(Cause::Internal("as the script says".into())))
            }
            Answer::Real => return Arc::new(self.operate().await),
        };
        if !matches!(answer, Answer::Unrecorded) {
            let operation = self.store.begin("update").unwrap();
            let next = attempted(self.store.attempts().unwrap().as_ref(), &report, now);
            operation.record_attempts(&next.unwrap()).unwrap();
            if let Answer::Wish(wish) = answer {
                let until = now + SignedDuration::try_from(wish).unwrap();
                let check = SourceCheck { retry_after: Some(until), ..SourceCheck::default() };
                operation.record_check("http http://127.0.0.1:9/", check).unwrap();
            }
        }
        // An update takes its time.
        self.clock.advance(Duration::from_secs(2));
        Arc::new(report)
    }
}

impl Scripted {
    async fn operate(&self) -> Report {
        let absent = self.store.data_dir().join("absent");
        let request = UpdateRequest {
            sources: vec![Arc::new(DirectorySource::new(absent))],
            patient: true,
            ..UpdateRequest::default()
        };
        let (worker, cancel) = (Worker::new("/nowhere/engine", ["worker"]), CancellationToken::new());
        booster_update::run(&self.store, &worker, request, &|_| {}, &cancel, self.clock.as_ref()).await
    }
}

fn report(outcome: Outcome, cause: Option<Cause>) -> Report {
    Report::unasked(outcome, cause.map(|cause| UpdateError::new(Stage::Search, None, cause)))
}

struct Machine {
    data: TempDir,
    clock: Arc<FakeClock>,
    updates: Arc<Scripted>,
    settings: Settings,
    scheduler: Scheduler,
}

impl Machine {
    /// A machine whose service has just been started for the first time, with one source that is on it.
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            data_dir: data.path().to_owned(),
            sources: vec!["http://127.0.0.1:9/".parse().unwrap()],
            ..Settings::default()
        };
        change(&mut settings);
        let clock = Arc::new(FakeClock::at(START.parse().unwrap()));
        let updates = Arc::new(Scripted {
            store: Store::new(data.path(), StoreOptions::default()),
            clock: Arc::clone(&clock),
            script: Mutex::new(Box::new(|_| Answer::Success)),
            runs: Mutex::default(),
        });
        let scheduler = scheduler(&settings, &clock, &updates);
        Self { data, clock, updates, settings, scheduler }
    }

    fn answers(&self, script: impl Fn(Timestamp) -> Answer + Send + Sync + 'static) {
        *self.updates.script.lock().unwrap() = Box::new(script);
    }

    /// Lets time pass while the machine is awake, and says what was started.
    async fn live(&self, time: Duration) -> Vec<(Timestamp, Because)> {
        let end = self.clock.monotonic() + time;
        loop {
            let due = self.scheduler.look().await;
            let left = end.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return std::mem::take(&mut *self.updates.runs.lock().unwrap());
            }
            match due {
                Due::Now { because } => drop(self.scheduler.update(because).await),
                due => {
                    self.clock.advance(pause(&due, self.clock.now()).clamp(Duration::from_millis(1), left))
                }
            }
        }
    }

    /// The machine sleeps, or its clock is set ahead: to the service it is the same.
    fn sleep(&self, time: Duration) {
        self.set_clock(SignedDuration::try_from(time).unwrap());
    }

    fn set_clock(&self, by: SignedDuration) {
        self.clock.jump_to(self.clock.now() + by);
    }

    /// The machine is switched off and on again.
    fn off(&mut self, time: Duration) {
        self.clock.advance(time);
        self.scheduler = scheduler(&self.settings, &self.clock, &self.updates);
    }

    fn next(&self) -> Due {
        self.scheduler.snapshot().next
    }
}

fn scheduler(settings: &Settings, clock: &Arc<FakeClock>, updates: &Arc<Scripted>) -> Scheduler {
    let setup = Setup {
        store: updates.store.clone(),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        updates: Arc::clone(updates) as Arc<dyn Updates>,
        spread: Spread::of_place(Place::new(4711).unwrap()),
    };
    Scheduler::new(settings, setup)
}

fn gaps(runs: &[(Timestamp, Because)]) -> Vec<SignedDuration> {
    runs.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0)).collect()
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

#[tokio::test]
async fn a_month_of_successes_has_an_update_after_each_interval() {
    let machine = Machine::new(|_| {});
    let runs = machine.live(30 * DAY).await;
    // 720 hours, each interval with up to half an hour of spread.
    assert!((84..=91).contains(&runs.len()), "{}", runs.len());
    assert_eq!(runs[0].1, Because::Start);
    assert!(runs[1..].iter().all(|(_, because)| *because == Because::Interval));
    let all = gaps(&runs);
    assert!(all.iter().all(|gap| (hours(8)..hours(9)).contains(gap)), "{all:?}");
    let snapshot = machine.scheduler.snapshot();
    assert!(matches!(snapshot.next, Due::At { because: Because::Interval, .. }), "{snapshot:?}");
    assert_eq!(snapshot.attempts.map(|attempts| attempts.failures), Some(0));
}

#[tokio::test]
async fn a_month_of_failures_makes_a_bounded_number_of_attempts_and_a_success_ends_it() {
    for answer in [Answer::Failure, Answer::Unrecorded, Answer::Real] {
        let machine = Machine::new(|settings| {
            if matches!(answer, Answer::Real) {
                let absent = settings.data_dir.join("absent").display().to_string();
                settings.sources = vec![absent.parse().unwrap()];
            }
        });
        machine.answers(move |_| answer);
        let runs = machine.live(30 * DAY).await;
        // Six pauses that double, then at most one attempt in two hours and at least one in four.
        println!("{} attempts in 30 days of failures", runs.len());
        assert!((180..=370).contains(&runs.len()), "{} attempts", runs.len());
        let gaps = gaps(&runs);
        assert!(gaps[0] >= SignedDuration::from_secs(150) && gaps[0] <= SignedDuration::from_mins(11));
        assert!(gaps[10..].iter().all(|gap| (hours(2)..hours(5)).contains(gap)), "{gaps:?}");
        let failures = machine.scheduler.snapshot().attempts.unwrap().failures;
        assert_eq!(failures as usize, runs.len());

        machine.answers(|_| Answer::Success);
        let runs = machine.live(DAY).await;
        assert!(runs[0].1 == Because::Retry || runs[0].1 == Because::SourcesLeftAlone, "{runs:?}");
        assert!(runs[1..].iter().all(|(_, because)| *because == Because::Interval), "{runs:?}");
        assert_eq!(machine.scheduler.snapshot().attempts.unwrap().failures, 0);
    }
}

#[tokio::test]
async fn a_laptop_that_sleeps_at_night_makes_up_for_each_night_once() {
    let machine = Machine::new(|settings| {
        let night = START.parse::<Timestamp>().unwrap() + hours(16);
        settings.schedule.time = night.to_zoned(TimeZone::system()).time();
        settings.schedule.day = Day::Daily;
        settings.schedule.update_interval = Interval::seconds(0);
    });
    let runs = machine.live(8 * HOUR).await;
    assert_eq!(runs.iter().map(|(_, because)| *because).collect::<Vec<_>>(), [Because::Start]);
    for day in 0..60 {
        machine.sleep(16 * HOUR);
        let runs = machine.live(8 * HOUR).await;
        let reasons: Vec<_> = runs.iter().map(|(_, because)| *because).collect();
        assert_eq!(reasons, [Because::CatchUp], "day {day}: {runs:?}");
    }
}

#[tokio::test]
async fn however_many_times_were_missed_one_update_makes_up_for_them() {
    for off in [false, true] {
        let mut machine = Machine::new(|settings| settings.schedule.day = Day::Daily);
        machine.live(2 * DAY).await;
        if off {
            machine.off(20 * DAY)
        } else {
            machine.sleep(20 * DAY)
        };
        let back = machine.clock.now();
        let runs = machine.live(HOUR).await;
        assert_eq!(runs.len(), 1, "{runs:?}");
        // Soon, and not at once: every machine in the house has its current back.
        let after = runs[0].0.duration_since(back);
        assert!(after > SignedDuration::ZERO && after <= SignedDuration::from_mins(4), "{after:?}");
        let expected: &[Because] =
            if off { &[Because::Start] } else { &[Because::CatchUp, Because::Interval] };
        assert!(expected.contains(&runs[0].1), "{runs:?}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_makes_neither_a_storm_nor_a_standstill() {
    let years = hours(24 * 365 * 10);
    for (name, jump, answer) in [
        ("ahead", years, Answer::Success),
        ("back", -years, Answer::Success),
        ("ahead while failing", years, Answer::Failure),
        ("back while failing", -years, Answer::Failure),
    ] {
        let machine = Machine::new(|_| {});
        machine.answers(move |_| answer);
        machine.live(2 * DAY).await;
        machine.set_clock(jump);
        let runs = machine.live(DAY).await;
        assert!((2..=15).contains(&runs.len()), "{name}: {runs:?}");
        machine.set_clock(-jump);
        let runs = machine.live(DAY).await;
        assert!((2..=15).contains(&runs.len()), "{name} and set right: {runs:?}");
    }
}

#[tokio::test]
async fn the_update_of_a_start_comes_although_the_clock_is_set_back_before_it() {
    let mut machine = Machine::new(|settings| settings.schedule.update_interval = Interval::seconds(0));
    machine.live(3 * DAY).await;
    machine.off(2 * HOUR);
    machine.set_clock(hours(-24));
    let runs = machine.live(HOUR).await;
    assert_eq!(runs.iter().map(|(_, because)| *because).collect::<Vec<_>>(), [Because::Start]);
}

#[tokio::test]
async fn a_clock_that_jumps_all_the_time_makes_no_storm() {
    let machine = Machine::new(|_| {});
    let mut runs = 0;
    for n in 0..24 * 60 {
        machine.set_clock(hours(if n % 2 == 0 { 24 * 400 } else { -24 * 400 }));
        runs += machine.live(MINUTE).await.len();
    }
    println!("{runs} updates in a day of jumps every minute");
    assert!(runs <= 24 * 12, "{runs} updates in a day");
}

#[tokio::test]
async fn a_server_that_asks_to_be_left_alone_is_asked_again_after_that_and_not_before() {
    let machine = Machine::new(|_| {});
    machine.answers(|_| Answer::Wish(20 * HOUR));
    let runs = machine.live(10 * DAY).await;
    let gaps = gaps(&runs);
    assert!(gaps.iter().all(|gap| *gap >= hours(20) && *gap < hours(21)), "{gaps:?}");
    assert!(matches!(machine.next(), Due::At { because: Because::SourcesLeftAlone, .. }));
}

#[tokio::test]
async fn an_update_of_somebody_else_moves_the_next_one_on_and_ends_what_failed() {
    let machine = Machine::new(|_| {});
    machine.answers(|_| Answer::Failure);
    assert!(machine.live(DAY).await.len() > 3);
    // As `booster update` does in a process of its own.
    let by_hand = machine.clock.now();
    let operation = machine.updates.store.begin("update").unwrap();
    let went_well = attempted(None, &report(Outcome::Updated, None), by_hand).unwrap();
    operation.record_attempts(&went_well).unwrap();
    drop(operation);
    let runs = machine.live(8 * HOUR).await;
    assert_eq!(runs, [], "within the interval after a success");
    assert_eq!(machine.live(HOUR).await[0].1, Because::Interval);
}

#[tokio::test]
async fn a_service_that_is_started_again_and_again_updates_once_within_the_grace_period() {
    let mut machine = Machine::new(|_| {});
    let mut runs = Vec::new();
    for _ in 0..50 {
        runs.extend(machine.live(MINUTE).await);
        machine.off(Duration::from_secs(5));
    }
    assert_eq!(runs.len(), 1, "{runs:?}");
    // Failing, it keeps its pauses.
    machine.answers(|_| Answer::Failure);
    machine.off(DAY);
    let mut runs = Vec::new();
    for _ in 0..6 * 60 {
        runs.extend(machine.live(MINUTE).await);
        machine.off(Duration::from_secs(5));
    }
    assert!((4..=12).contains(&runs.len()), "{runs:?}");
}

#[tokio::test]
async fn what_was_cancelled_is_not_started_again_at_once() {
    let machine = Machine::new(|_| {});
    machine.answers(|_| Answer::Cancelled);
    let runs = machine.live(7 * HOUR).await;
    assert_eq!(runs.len(), 1, "{runs:?}");
}

#[tokio::test]
async fn a_pause_of_the_administrators_holds_everything_until_its_end() {
    let machine = Machine::new(|_| {});
    machine.live(HOUR).await;
    let until = machine.clock.now() + hours(100);
    let pause = booster_store::Pause { since: machine.clock.now(), until: Some(until), reason: None };
    let decisions = booster_store::Decisions { pause: Some(pause), ..Default::default() };
    machine.updates.store.begin("pause").unwrap().decide(&decisions).unwrap();
    assert_eq!(machine.live(99 * HOUR).await, []);
    assert_eq!(machine.next(), Due::Never { hold: Hold::Paused { until: Some(until) } });
    let runs = machine.live(2 * HOUR).await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert!(runs[0].0 > until, "spread like everything that was held");
}

#[tokio::test]
async fn records_that_are_damaged_start_afresh() {
    let machine = Machine::new(|_| {});
    machine.live(HOUR).await;
    for file in ["attempts.json", "checks.json"] {
        std::fs::write(machine.data.path().join(file), b"\0\0").unwrap();
    }
    let scheduler = scheduler(&machine.settings, &machine.clock, &machine.updates);
    assert!(scheduler.snapshot().attempts.is_none());
    assert!(matches!(scheduler.look().await, Due::Now { because: Because::Start }));
}

/// A machine with a source somewhere else, whose line is as the file says.
#[cfg(unix)]
fn with_a_line(metered_updates: bool) -> (Machine, std::path::PathBuf) {
    let mut file = std::path::PathBuf::new();
    let machine = Machine::new(|settings| {
        file = settings.data_dir.join("line");
        settings.sources = vec!["https://definitions.example/".parse().unwrap()];
        settings.schedule.link_command = vec!["/bin/cat".to_owned(), file.display().to_string()];
        settings.schedule.metered_updates = metered_updates;
    });
    (machine, file)
}

#[cfg(unix)]
#[tokio::test]
async fn a_machine_without_a_line_tries_nothing_and_updates_soon_after_it_is_back() {
    let (machine, line) = with_a_line(false);
    for word in ["offline", "metered"] {
        std::fs::write(&line, word).unwrap();
        let runs = machine.live(10 * HOUR).await;
        assert_eq!(runs, [], "{word}");
        assert!(matches!(machine.next(), Due::Never { hold: Hold::Offline | Hold::Metered }));
        std::fs::write(&line, "usable").unwrap();
        let back = machine.clock.now();
        let runs = machine.live(HOUR).await;
        assert_eq!(runs.len(), 1, "{word}: {runs:?}");
        assert!(runs[0].0.duration_since(back) <= SignedDuration::from_mins(5), "{runs:?}");
        assert_eq!(machine.scheduler.snapshot().attempts.unwrap().failures, 0);
    }
    // A command that fails says nothing about the line.
    std::fs::remove_file(&line).unwrap();
    assert_eq!(machine.live(9 * HOUR).await.len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn metered_lines_are_used_where_the_settings_say_so() {
    let (machine, line) = with_a_line(true);
    std::fs::write(&line, "metered").unwrap();
    assert_eq!(machine.live(HOUR).await.len(), 1);
}

#[tokio::test]
async fn an_update_before_a_scan_is_one_of_the_schedules_and_the_scan_never_waits_for_a_failure_twice() {
    let machine = Machine::new(|settings| settings.schedule.check_before_scan = true);
    machine.live(2 * HOUR).await;
    let BeforeScan::Ended(report) = machine.scheduler.before_scan().await else { panic!("skipped") };
    assert_eq!(report.outcome, Outcome::Current);
    assert_eq!(machine.updates.runs.lock().unwrap().pop().unwrap().1, Because::Scan);
    let again = machine.scheduler.before_scan().await;
    assert!(matches!(again, BeforeScan::Skipped(Hold::FreshEnough)), "{again:?}");
    machine.clock.advance(2 * HOUR);
    machine.answers(|_| Answer::Failure);
    assert!(matches!(machine.scheduler.before_scan().await, BeforeScan::Ended(_)));
    let again = machine.scheduler.before_scan().await;
    assert!(matches!(again, BeforeScan::Skipped(Hold::FailedLately)), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn the_loop_sleeps_wakes_for_new_settings_and_ends_when_it_is_told_to() {
    let machine = Machine::new(|settings| settings.sources = Vec::new());
    let cancel = CancellationToken::new();
    let mut watched = machine.scheduler.watch();
    let story = async {
        tokio::time::sleep(10 * MINUTE).await;
        assert_eq!(machine.next(), Due::Never { hold: Hold::NoSource });
        machine
            .scheduler
            .reload(&Settings { sources: vec!["/media/usb".parse().unwrap()], ..machine.settings.clone() });
        let told = watched.wait_for(|snapshot| snapshot.attempts.is_some()).await.unwrap().clone();
        assert_eq!(told.attempts.unwrap().outcome, "current");
        cancel.cancel();
    };
    let limit = tokio::time::timeout(HOUR, async { tokio::join!(machine.scheduler.run(&cancel), story) });
    limit.await.expect("the loop goes on");
    assert_eq!(machine.updates.runs.lock().unwrap().len(), 1);
}
