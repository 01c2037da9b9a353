//! Measures a running service from outside, for `benches/run service`: prints one JSON object.
//!
//!     service_bench SOCKET status CALLS        how long warm calls take
//!     service_bench SOCKET watch WATCHERS      so many followers of one update, and what they saw
//!     service_bench SOCKET scan SECONDS FILE   how long scans of a small content take, one after the other

use booster_engine::{ContentScanner as _, ScanLimits};
use booster_service::{
    Asked,
    client::{Client, Progress, RemoteScanner},
};
use booster_update::Order;
use std::{
    error::Error,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

type Answer = Result<serde_json::Value, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = match *arguments.as_slice() {
        [socket, "status", calls] => runtime.block_on(status(Path::new(socket), calls.parse()?))?,
        [socket, "watch", watchers] => runtime.block_on(watch(Path::new(socket), watchers.parse()?))?,
        [socket, "scan", seconds, file] => scan(Path::new(socket), seconds.parse()?, Path::new(file))?,
        _ => return Err("see the top of the source".into()),
    };
    #[allow(clippy::print_stdout)]
    {
        println!("{answer}");
    }
    Ok(())
}

/// Median, 99th of a hundred, and the longest, in microseconds.
fn spread(mut times: Vec<Duration>) -> serde_json::Value {
    times.sort_unstable();
    let at = |share: f64| {
        let index = ((times.len() - 1) as f64 * share) as usize;
        times.get(index).map_or(0, Duration::as_micros) as u64
    };
    serde_json::json!({ "count": times.len(), "median": at(0.5), "p99": at(0.99), "longest": at(1.0) })
}

async fn status(socket: &Path, calls: usize) -> Answer {
    let mut client = Client::connect(socket).await?;
    client.status().await?;
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let begun = Instant::now();
        client.status().await?;
        times.push(begun.elapsed());
    }
    Ok(spread(times))
}

/// Each watcher has a connection of its own, as separate programs would.
async fn watch(socket: &Path, watchers: usize) -> Answer {
    let mut following = Vec::with_capacity(watchers);
    for _ in 0..watchers {
        let mut client = Client::connect(socket).await?;
        following.push(client.update(&Asked::default(), true).await?);
    }
    let joined = following.iter().filter(|followed| followed.joined).count();
    let tasks: Vec<_> = following
        .into_iter()
        .map(|mut followed| {
            tokio::spawn(async move {
                let (mut order, mut whole) = (Order::default(), true);
                loop {
                    match followed.next().await {
                        Ok(Progress::Event(event)) => whole &= order.accept(event.kind, event.index).is_ok(),
                        Ok(Progress::Queued(_)) => {}
                        Ok(Progress::Report(report)) => {
                            return whole && order.is_over() && report.error.is_none();
                        }
                        Err(_) => return false,
                    }
                }
            })
        })
        .collect();
    let mut whole = 0;
    for task in tasks {
        whole += usize::from(task.await?);
    }
    Ok(serde_json::json!({ "watchers": watchers, "joined": joined, "saw_everything": whole }))
}

fn scan(socket: &Path, seconds: u64, file: &Path) -> Answer {
    let content = std::fs::read(file)?;
    let sockets: Vec<PathBuf> = vec![socket.to_owned()];
    let scanner = RemoteScanner::connect(sockets, ScanLimits::default())?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut times = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        scanner.scan_content(file, &content, "")?;
        times.push(begun.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(spread(times))
}
