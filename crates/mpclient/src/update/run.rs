//! What an update's thread and its owner share: what was told, and how it ended.

use super::{
    Notification,
    work::{Begun, Order},
};
use crate::{
    Error, Hresult,
    delivery::Delivery,
    error::{Result, of_update},
    filetime,
    numbers::{
        MPNOTIFY_INTERNAL_FAILURE, MPNOTIFY_SIGUPDATE_COMPLETE, MPNOTIFY_SIGUPDATE_START,
        MPSIGUPDATE_TYPE_NONE,
    },
    signals::survive_broken_pipes,
};
use booster_update::{Outcome, Report};
use jiff::Timestamp;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::runtime;
use tokio_util::sync::CancellationToken;

/// How long work that cannot be interrupted, such as a name lookup, may hold an update that has ended.
const LEFT_BEHIND: Duration = Duration::from_millis(200);

/// What an update's thread and its owner share.
pub(super) struct Run {
    /// Ends an update that runs here.
    pub cancel: CancellationToken,
    /// Ends the following of one that the service runs.
    pub leave: CancellationToken,
    delivery: Option<Delivery<Notification>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether it has begun, and where, once that is known.
    begun: Option<Result<Begun>>,
    /// What was told last.
    last: Option<Notification>,
    result: Option<Result<Hresult>>,
}

impl Run {
    pub fn new(delivery: Option<Delivery<Notification>>) -> Self {
        Self {
            cancel: CancellationToken::new(),
            leave: CancellationToken::new(),
            delivery,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Begins an update and sees it to its end, on the thread that it was given.
    pub fn perform(&self, order: Order) {
        survive_broken_pipes();
        let result = catch_unwind(AssertUnwindSafe(|| self.operate(order)))
            .unwrap_or_else(|_| Err(Hresult::E_UNEXPECTED.into()));
        if let (Err(error), state @ State { begun: None, .. }) = (&result, &mut *self.lock()) {
            // What has not begun has no end either.
            state.begun = Some(Err(error.clone()));
            self.changed.notify_all();
            return;
        }
        self.tell_the_end(&result);
        if let Some(delivery) = &self.delivery {
            delivery.end();
        }
        self.lock().result = Some(result);
        self.changed.notify_all();
    }

    fn operate(&self, order: Order) -> Result<Hresult> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let work = runtime.block_on(order.begin())?;
        self.lock().begun = Some(Ok(work.begun()));
        self.changed.notify_all();
        let report = runtime.block_on(work.see_to_its_end(self));
        runtime.shutdown_timeout(LEFT_BEHIND);
        result_of(&report?)
    }

    /// Waits until the update has begun, or cannot.
    ///
    /// A lock and no channel: that would leave data of the library's on the thread that waits.
    pub fn wait_for_the_beginning(&self) -> Result<Begun> {
        self.wait_for(|state| state.begun.clone())
    }

    /// Tells the handler.
    pub fn tell(&self, notification: Notification) {
        self.lock().last = Some(notification.clone());
        if let Some(delivery) = &self.delivery {
            delivery.send(notification);
        }
    }

    /// Tells the end of an update that could not do it itself: its service has died, or there is a fault.
    fn tell_the_end(&self, result: &Result<Hresult>) {
        if self.is_complete() {
            return;
        }
        let last = self.lock().last.clone();
        let (begun, last) = (last.is_some(), last.unwrap_or_default());
        let time = filetime::from_timestamp(Timestamp::now());
        let tell = |notify, result| self.tell(Notification { notify, result, time, ..last.clone() });
        if !begun {
            tell(MPNOTIFY_SIGUPDATE_START, Hresult::S_OK);
        }
        let code = result.as_ref().map_or_else(|error| error.code, |code| *code);
        if code.is_failure() {
            tell(MPNOTIFY_INTERNAL_FAILURE, code);
        }
        tell(MPNOTIFY_SIGUPDATE_COMPLETE, code);
    }

    /// Waits for the end, and for the handler to have heard of it.
    pub fn wait(&self) -> Result<Hresult> {
        let ended = self.wait_for(|state| state.result.clone());
        if let Some(delivery) = &self.delivery {
            delivery.wait();
        }
        ended
    }

    /// No call of the handler starts from now on, see [`Delivery::close`].
    pub fn close_delivery(&self) {
        if let Some(delivery) = &self.delivery {
            delivery.close();
            delivery.join();
        }
    }

    pub fn has_ended(&self) -> bool {
        self.lock().result.is_some()
    }

    /// Whether the last notification has been sent.
    pub fn is_complete(&self) -> bool {
        let state = self.lock();
        state.last.as_ref().is_some_and(|last| last.notify == MPNOTIFY_SIGUPDATE_COMPLETE)
    }

    /// `MPSIGUPDATE_TYPE_*` of the source in use.
    pub fn source(&self) -> u32 {
        self.lock().last.as_ref().map_or(MPSIGUPDATE_TYPE_NONE, |last| last.source)
    }

    fn wait_for<T>(&self, known: impl Fn(&State) -> Option<T>) -> T {
        let mut state = self.lock();
        loop {
            if let Some(known) = known(&state) {
                return known;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a synchronous update returns.
fn result_of(report: &Report) -> Result<Hresult> {
    match (&report.error, report.outcome) {
        (Some(error), _) => Err(Error::new(of_update(error), error.to_string())),
        (None, Outcome::Current | Outcome::Paused) => Ok(Hresult::S_FALSE),
        (None, _) => Ok(Hresult::S_OK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, mpsc};

    /// What is told of an update that ends so after these notifications.
    fn told(before: &[u32], result: Result<Hresult>) -> Vec<(u32, Hresult, u32)> {
        let (tell, told) = mpsc::channel();
        let handler = Box::new(move |notification: &Notification| tell.send(notification.clone()).unwrap());
        let run = Arc::new(Run::new(Some(Delivery::start(handler).unwrap())));
        for &notify in before {
            run.tell(Notification { notify, percent: 40, ..Notification::default() });
        }
        run.tell_the_end(&result);
        if let Some(delivery) = &run.delivery {
            delivery.end();
        }
        told.iter().map(|told| (told.notify, told.result, told.percent)).collect()
    }

    #[test]
    fn an_end_that_the_update_cannot_tell_is_told_once_and_keeps_what_was_known() {
        let code = Hresult::E_MP_SERVICE_UNAVAILABLE;
        let (start, failure, complete) =
            (MPNOTIFY_SIGUPDATE_START, MPNOTIFY_INTERNAL_FAILURE, MPNOTIFY_SIGUPDATE_COMPLETE);
        let ok = Hresult::S_OK;
        assert_eq!(
            told(&[start], Err(code.into())),
            [(start, ok, 40), (failure, code, 40), (complete, code, 40)]
        );
        assert_eq!(told(&[], Err(code.into())), [(start, ok, 0), (failure, code, 0), (complete, code, 0)]);
        assert_eq!(told(&[start, complete], Err(code.into())), [(start, ok, 40), (complete, ok, 40)]);
    }
}
