//! The thread on which definitions are loaded.
//!
//! There is one, for the service's life: scans meanwhile compete with one thread and not with many, and what a
//! set that is no longer used gives back, the next one takes. Loaded on threads that come and go, a hundred sets
//! had left three times the memory of one behind.

use std::{
    io,
    sync::mpsc::{Sender, channel},
};

type Work = Box<dyn FnOnce() + Send>;

/// Runs one piece of work after the other on its thread. The thread ends with it.
#[derive(Debug)]
pub(crate) struct Loader {
    work: Sender<Work>,
}

impl Loader {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has none to give.
    pub fn start() -> io::Result<Self> {
        let (work, wanted) = channel::<Work>();
        let run = move || wanted.into_iter().for_each(|work| work());
        std::thread::Builder::new().name("loader".to_owned()).spawn(run)?;
        Ok(Self { work })
    }

    /// Runs something there, and waits for it; `None` if it panicked, or the thread is gone.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (tell, told) = channel();
        let work = move || {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // Who asked may have gone.
            _ = tell.send(done.ok());
        };
        self.work.send(Box::new(work)).ok()?;
        told.recv().ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_work_is_done_on_one_thread_that_a_panic_does_not_end() {
        let loader = Loader::start().unwrap();
        let thread = || std::thread::current().id();
        let first = loader.run(thread).unwrap();
        assert_eq!(loader.run(|| -> u32 { panic!("expected") }), None);
        assert_eq!(loader.run(thread), Some(first));
    }
}
