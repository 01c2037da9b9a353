//! Messages for many readers, each of which reads at its own speed.
//!
//! What is *pushed* reaches every reader, in order, as long as the feed keeps it. What *passes*, such as
//! progress, is worth hearing only while nothing newer is there: a reader that is slow hears the newest of it or
//! none. No reader is waited for, and a reader costs a few numbers.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Where messages are put.
#[derive(Debug)]
pub(crate) struct Feed<T> {
    state: Mutex<State<T>>,
    /// Says that there is something new; it holds nothing.
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct State<T> {
    kept: VecDeque<T>,
    /// How many messages have been dropped from the front.
    dropped: u64,
    /// How many messages are kept at most.
    capacity: usize,
    /// The newest message that passes, and its number among these.
    passing: Option<(u64, T)>,
    passed: u64,
    closed: bool,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// The next message.
    Message(T),
    /// So many were dropped before this reader came to them.
    Missed(u64),
}

/// A reader's place.
#[derive(Debug)]
pub(crate) struct Reader<T> {
    feed: Arc<Feed<T>>,
    next: u64,
    passed: u64,
    changed: watch::Receiver<()>,
}

impl<T: Clone> Feed<T> {
    /// A feed that keeps so many messages for readers that are slow.
    pub fn new(capacity: usize) -> Arc<Self> {
        let state =
            State { kept: VecDeque::new(), dropped: 0, capacity, passing: None, passed: 0, closed: false };
        Arc::new(Self { state: Mutex::new(state), changed: watch::Sender::new(()) })
    }

    /// Puts a message that every reader is to get.
    pub fn push(&self, message: T) {
        let mut state = self.lock();
        if state.kept.len() == state.capacity {
            state.kept.pop_front();
            state.dropped += 1;
        }
        state.kept.push_back(message);
        state.passing = None;
        drop(state);
        self.changed.send_replace(());
    }

    /// Puts a message that is good until the next one.
    pub fn pass(&self, message: T) {
        let mut state = self.lock();
        state.passed += 1;
        state.passing = Some((state.passed, message));
        drop(state);
        self.changed.send_replace(());
    }

    /// Nothing follows.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.send_replace(());
    }

    /// A reader of all that is kept.
    pub fn from_the_start(self: &Arc<Self>) -> Reader<T> {
        self.reader(|state| (state.dropped, 0))
    }

    /// A reader of what comes from now on.
    pub fn from_now(self: &Arc<Self>) -> Reader<T> {
        self.reader(|state| (state.dropped + state.kept.len() as u64, state.passed))
    }

    fn reader(self: &Arc<Self>, place: impl FnOnce(&State<T>) -> (u64, u64)) -> Reader<T> {
        let changed = self.changed.subscribe();
        let (next, passed) = place(&self.lock());
        Reader { feed: Arc::clone(self), next, passed, changed }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing in it can be left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Reader<T> {
    /// The next message, once there is one; `None` when the feed is closed and read to its end.
    pub async fn next(&mut self) -> Option<Next<T>> {
        loop {
            self.changed.mark_unchanged();
            if let Some(answer) = self.take() {
                return answer;
            }
            // The sender lives in the feed, which this reader holds.
            self.changed.changed().await.ok()?;
        }
    }

    /// What is there: a message, the end (`Some(None)`), or nothing yet (`None`).
    fn take(&mut self) -> Option<Option<Next<T>>> {
        let state = self.feed.lock();
        if self.next < state.dropped {
            let missed = state.dropped - self.next;
            self.next = state.dropped;
            return Some(Some(Next::Missed(missed)));
        }
        if let Some(message) = state.kept.get((self.next - state.dropped) as usize) {
            self.next += 1;
            return Some(Some(Next::Message(message.clone())));
        }
        match &state.passing {
            Some((number, message)) if *number > self.passed => {
                self.passed = *number;
                Some(Some(Next::Message(message.clone())))
            }
            _ => state.closed.then_some(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Next::{Message, Missed};

    /// What a reader gets without waiting.
    async fn all(reader: &mut Reader<u32>) -> Vec<Next<u32>> {
        let mut got = Vec::new();
        while let Some(Some(next)) = futures_util::FutureExt::now_or_never(reader.next()) {
            got.push(next);
        }
        got
    }

    #[tokio::test]
    async fn every_reader_gets_all_that_is_pushed_in_order() {
        let feed = Feed::new(10);
        feed.push(1);
        let (mut early, mut late) = (feed.from_the_start(), feed.from_now());
        feed.push(2);
        assert_eq!(all(&mut early).await, [Message(1), Message(2)]);
        assert_eq!(all(&mut late).await, [Message(2)]);
        feed.push(3);
        assert_eq!(all(&mut early).await, [Message(3)]);
    }

    #[tokio::test]
    async fn a_slow_reader_gets_the_newest_of_what_passes_and_nothing_that_was_overtaken() {
        let feed = Feed::new(10);
        let (mut quick, mut slow) = (feed.from_the_start(), feed.from_the_start());
        feed.pass(10);
        assert_eq!(all(&mut quick).await, [Message(10)]);
        feed.pass(11);
        feed.pass(12);
        assert_eq!(all(&mut quick).await, [Message(12)]);
        assert_eq!(all(&mut slow).await, [Message(12)]);
        feed.pass(13);
        feed.push(2);
        assert_eq!(all(&mut slow).await, [Message(2)]);
    }

    #[tokio::test]
    async fn a_reader_that_is_too_slow_hears_how_much_it_missed() {
        let feed = Feed::new(2);
        let mut reader = feed.from_the_start();
        (1..=5).for_each(|n| feed.push(n));
        assert_eq!(all(&mut reader).await, [Missed(3), Message(4), Message(5)]);
    }

    #[tokio::test]
    async fn the_end_comes_after_everything_else_and_wakes_who_waits() {
        let feed = Feed::new(2);
        let mut reader = feed.from_the_start();
        let waiting = tokio::spawn(async move { (reader.next().await, reader.next().await) });
        feed.push(1);
        tokio::task::yield_now().await;
        feed.close();
        assert_eq!(waiting.await.unwrap(), (Some(Message(1)), None));
    }
}
