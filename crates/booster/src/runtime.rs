//! The asynchronous runtime, and the signals that cancel.

use std::future::Future;
use tokio_util::sync::CancellationToken;

/// Runs one task on this thread. Ctrl-C, SIGTERM and SIGHUP cancel the token; a second one ends the
/// process at once, for whoever cannot wait.
pub fn run<F: Future>(task: impl FnOnce(CancellationToken) -> F) -> std::io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cancel = CancellationToken::new();
    let output = runtime.block_on(async {
        let signals = tokio::spawn(watch(Signals::new()?, cancel.clone()));
        let output = task(cancel).await;
        signals.abort();
        Ok::<_, std::io::Error>(output)
    })?;
    // A thread that still waits for a name server must not hold the process.
    runtime.shutdown_background();
    Ok(output)
}

async fn watch(mut signals: Signals, cancel: CancellationToken) {
    signals.next().await;
    cancel.cancel();
    signals.next().await;
    // What the shell itself reports for a process that Ctrl-C ended.
    std::process::exit(130);
}

#[cfg(unix)]
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        Ok(Self(kinds.into_iter().map(signal).collect::<Result<_, _>>()?))
    }

    async fn next(&mut self) {
        let mut any: Vec<_> = self.0.iter_mut().map(|signal| Box::pin(signal.recv())).collect();
        std::future::poll_fn(|context| {
            let ready = any.iter_mut().any(|signal| signal.as_mut().poll(context).is_ready());
            if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
