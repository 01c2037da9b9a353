//! The antimalware service, as the product has it, for tests: it says on standard output when it is ready, reads its
//! settings again for each line on standard input, and ends with it, so also when the test dies.
#![forbid(unsafe_code)]

use booster_config::{Flags, Layers};
use booster_service::{
    WorkerCommand,
    service::{ReadSettings, Signals, run},
};
use std::{
    io::{self, BufRead as _, Write as _},
    path::PathBuf,
    sync::Arc,
    thread,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::var_os("BOOSTER_CONFIG").map(PathBuf::from);
    let read: ReadSettings =
        Box::new(move || Ok(Layers::from_process(file.clone(), Flags::default()).load()?.settings));
    // Tests name the worker in the settings.
    let worker = WorkerCommand { program: PathBuf::from("booster-engine-worker"), arguments: Vec::new() };
    let signals = Signals::default();
    let told = signals.clone();
    thread::spawn(move || {
        for _ in io::stdin().lock().lines().map_while(Result::ok) {
            told.reload.notify_one();
        }
        told.end.cancel();
    });
    let ready = Arc::clone(&signals.ready);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::spawn(async move {
            ready.notified().await;
            // Nobody may be left to read it.
            _ = writeln!(io::stdout(), "ready");
        });
        run(read, worker, signals).await
    })?;
    Ok(())
}
