//! The asynchronous runtime, and the signals that cancel.

use booster_service::service::Signals as Told;
use std::future::Future;
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
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

/// Runs a service on this thread. Ctrl-C and SIGTERM end it, SIGHUP has it read its settings again; a second
/// signal to end ends the process at once.
pub fn run_service<F: Future>(task: impl FnOnce(Told) -> F) -> std::io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = Told::default();
    let output = runtime.block_on(async {
        let ending = tokio::spawn(watch(Signals::to_end()?, told.end.clone()));
        let reloading = tokio::spawn(reload(Signals::to_reload()?, told.clone()));
        let output = task(told).await;
        ending.abort();
        reloading.abort();
        Ok::<_, std::io::Error>(output)
    })?;
    runtime.shutdown_background();
    Ok(output)
}

async fn reload(mut signals: Signals, told: Told) {
    loop {
        signals.next().await;
        told.reload.notify_one();
    }
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
        Self::of(&[SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()])
    }

    fn to_end() -> std::io::Result<Self> {
        Self::of(&[SignalKind::interrupt(), SignalKind::terminate()])
    }

    fn to_reload() -> std::io::Result<Self> {
        Self::of(&[SignalKind::hangup()])
    }

    fn of(kinds: &[SignalKind]) -> std::io::Result<Self> {
        Ok(Self(kinds.iter().map(|&kind| signal(kind)).collect::<Result<_, _>>()?))
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

    fn to_end() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
