//! Notifications on their way to a program's handler.
//!
//! A delivery owns a thread on which the handler is called, once at a time, with no lock held: a
//! handler may call whatever it likes. Who reports never waits for the handler; what a handler is too
//! slow for is replaced by what comes later, where that says the same better ([`Message::replaces`]).

use std::{
    cell::Cell,
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

/// What is delivered.
pub(crate) trait Message: Send + 'static {
    /// Whether an earlier message that still waits is not worth hearing beside this one.
    fn replaces(&self, earlier: &Self) -> bool;
}

/// Whom to tell. It is called on a thread of the library and may be called until the operation is over or
/// closed.
pub type Handler<M> = Box<dyn FnMut(&M) + Send>;

thread_local! {
    static DELIVERING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is one on which handlers are called.
fn is_delivering() -> bool {
    DELIVERING.get()
}

/// Delivers messages to one handler.
pub(crate) struct Delivery<M> {
    shared: Arc<Shared<M>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared<M> {
    state: Mutex<State<M>>,
    changed: Condvar,
}

struct State<M> {
    waiting: VecDeque<M>,
    /// Nothing more will come.
    ended: bool,
    /// The handler must not be called any more.
    closed: bool,
    /// The handler is being called.
    calling: bool,
    /// The thread has done all that it will do.
    over: bool,
}

impl<M: Message> Delivery<M> {
    /// Starts the thread. The handler is dropped on it when all is over.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(handler: Handler<M>) -> io::Result<Self> {
        let state =
            State { waiting: VecDeque::new(), ended: false, closed: false, calling: false, over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let its = Arc::clone(&shared);
        let thread =
            thread::Builder::new().name("mp-callback".to_owned()).spawn(move || its.deliver(handler))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Puts a message in line. It never waits for the handler.
    pub fn send(&self, message: M) {
        let mut state = self.shared.lock();
        if state.closed {
            return;
        }
        match state.waiting.back_mut() {
            Some(last) if message.replaces(last) => *last = message,
            _ => state.waiting.push_back(message),
        }
        self.shared.changed.notify_all();
    }

    /// Says that nothing more will come.
    pub fn end(&self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }

    /// Waits until the handler has heard everything, or is not to hear any more.
    pub fn wait(&self) {
        let mut state = self.shared.lock();
        while !state.over {
            state = self.shared.wait(state);
        }
    }

    /// From now on no call of the handler starts. One that is going on is waited for, unless this thread is
    /// itself in a handler: two handlers that close each other's operations must not wait for each other.
    pub fn close(&self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.waiting.clear();
        self.shared.changed.notify_all();
        while state.calling && !is_delivering() {
            state = self.shared.wait(state);
        }
    }

    /// Waits for the thread's end, after [`Delivery::wait`] has returned or nothing will be delivered.
    pub fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A handler that closes its own operation is on this thread: it ends when the handler returns.
        if let Some(thread) = thread.filter(|_| !is_delivering()) {
            // A panic of the handler has been caught.
            _ = thread.join();
        }
    }
}

/// Nobody can send any more: a thread that still waits for something ends.
impl<M> Drop for Delivery<M> {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.changed.notify_all();
    }
}

impl<M: Message> Shared<M> {
    fn deliver(&self, mut handler: Handler<M>) {
        DELIVERING.set(true);
        let mut state = self.lock();
        loop {
            if state.closed || (state.ended && state.waiting.is_empty()) {
                break;
            }
            let Some(message) = state.waiting.pop_front() else {
                state = self.wait(state);
                continue;
            };
            state.calling = true;
            drop(state);
            let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handler(&message)));
            state = self.lock();
            state.calling = false;
            // A handler that panics is not called again.
            state.closed |= called.is_err();
            self.changed.notify_all();
        }
        drop(state);
        drop(handler);
        self.lock().over = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        // Every change is one step, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<M>>) -> MutexGuard<'a, State<M>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    impl Message for u32 {
        /// Tens are progress.
        fn replaces(&self, earlier: &Self) -> bool {
            self.is_multiple_of(10) && earlier.is_multiple_of(10)
        }
    }

    #[test]
    fn what_a_slow_handler_has_missed_is_replaced_by_what_came_later() {
        let ((go, wait), (told, heard)) = (mpsc::channel::<()>(), mpsc::channel());
        let delivery = Delivery::start(Box::new(move |message: &u32| {
            told.send(*message).unwrap();
            wait.recv().unwrap();
        }))
        .unwrap();
        delivery.send(1);
        assert_eq!(heard.recv().unwrap(), 1);
        [10, 20, 30, 2, 40, 3].into_iter().for_each(|message| delivery.send(message));
        delivery.end();
        (0..5).for_each(|_| go.send(()).unwrap());
        delivery.wait();
        delivery.join();
        assert_eq!(heard.iter().collect::<Vec<_>>(), [30, 2, 40, 3]);
    }

    #[test]
    fn after_closing_no_call_starts_and_the_one_before_has_ended() {
        let ((go, wait), (told, heard)) = (mpsc::channel::<()>(), mpsc::channel());
        let (done, ended) = mpsc::channel();
        let delivery = Delivery::start(Box::new(move |message: &u32| {
            told.send(*message).unwrap();
            wait.recv().unwrap();
            done.send(()).unwrap();
        }))
        .unwrap();
        delivery.send(1);
        delivery.send(2);
        assert_eq!(heard.recv().unwrap(), 1);
        (0..2).for_each(|_| go.send(()).unwrap());
        delivery.close();
        // Either the second call had begun before the closing, and then it has ended, or it never came.
        assert_eq!(heard.try_iter().count() + 1, ended.try_iter().count());
        delivery.send(3);
        delivery.join();
        assert_eq!(heard.iter().count(), 0);
    }

    #[test]
    fn a_handler_may_close_its_own_delivery() {
        let own: Arc<Mutex<Option<Arc<Delivery<u32>>>>> = Arc::default();
        let (told, heard) = mpsc::channel();
        let inside = Arc::clone(&own);
        let delivery = Arc::new(
            Delivery::start(Box::new(move |message: &u32| {
                told.send(*message).unwrap();
                let delivery = inside.lock().unwrap().take().unwrap();
                delivery.close();
                delivery.join();
            }))
            .unwrap(),
        );
        *own.lock().unwrap() = Some(Arc::clone(&delivery));
        delivery.send(1);
        delivery.send(2);
        delivery.wait();
        assert_eq!(heard.iter().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_delivery_that_is_dropped_before_its_end_lets_its_thread_end() {
        let (told, heard) = mpsc::channel::<u32>();
        let delivery = Delivery::start(Box::new(move |message: &u32| told.send(*message).unwrap())).unwrap();
        drop(delivery);
        // The handler has gone with its thread: this would wait for ever otherwise.
        assert_eq!(heard.iter().count(), 0);
    }

    #[test]
    fn a_handler_that_panics_is_not_called_again() {
        let (told, heard) = mpsc::channel();
        let delivery = Delivery::start(Box::new(move |message: &u32| {
            told.send(*message).unwrap();
            panic!("a fault on purpose");
        }))
        .unwrap();
        delivery.send(1);
        delivery.send(2);
        delivery.end();
        delivery.wait();
        assert_eq!(heard.iter().collect::<Vec<_>>(), [1]);
    }
}
