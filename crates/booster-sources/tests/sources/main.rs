//! Sources against real servers on loopback: a server that misbehaves on order, nginx, a forward
//! proxy, and folders on a real file system.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cancelling;
mod cooling_down;
#[cfg(unix)]
mod directory;
mod faults;
mod nginx;
mod proxy;
mod redirects;
mod resuming;
mod tls;
mod tuf;
#[cfg(unix)]
mod unc;
mod wsus;

use booster_sources::{
    Area, HttpOptions, HttpSource, ProxyChoice, Resume, Source, SourceError, TransferRules, download, read,
};
use std::{path::Path, time::Duration};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The target that tests fetch, and where a server has it.
const ARCHIVE: &str = "antivirus/1.0.0.1.tar.zst";
const ARCHIVE_PATH: &str = "/targets/antivirus/1.0.0.1.tar.zst";
const TIMESTAMP_PATH: &str = "/metadata/timestamp.json";
const TIMESTAMP: &[u8] = br#"{"signed":{"_type":"timestamp"},"signatures":[]}"#;

/// A folder laid out as a repository, with a timestamp and an archive of 100,000 bytes.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "metadata/timestamp.json", TIMESTAMP);
    write(folder.path(), &format!("targets/{ARCHIVE}"), &archive());
    folder
}

fn write(folder: &Path, path: &str, content: &[u8]) {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
}

fn archive() -> Vec<u8> {
    (0..100_000u32).map(|n| (n * 31 % 251) as u8).collect()
}

/// Options that no environment can change.
fn options(url: &str) -> HttpOptions {
    HttpOptions { proxy: ProxyChoice::Direct, ..HttpOptions::new(url.parse().unwrap()) }
}

fn http(url: &str) -> HttpSource {
    HttpSource::new(options(url)).unwrap()
}

/// Rules so patient that only what a test provokes can end a transfer.
fn patient() -> TransferRules {
    let hour = Duration::from_secs(3600);
    TransferRules {
        minimum_bytes: 1,
        window: hour,
        connect_timeout: hour,
        response_timeout: hour,
        ..TransferRules::default()
    }
}

/// Rules for peers that are to be given up soon.
fn impatient() -> TransferRules {
    let moment = Duration::from_millis(300);
    TransferRules {
        minimum_bytes: 5_000,
        window: moment,
        connect_timeout: moment,
        response_timeout: moment,
        ..TransferRules::default()
    }
}

/// From an offset on, whatever copy the source has.
fn at(offset: u64) -> Resume<'static> {
    Resume { offset, etag: None }
}

async fn timestamp(source: &dyn Source) -> Result<Option<Vec<u8>>, SourceError> {
    read(source, Area::Metadata, "timestamp.json", 16_384, &patient(), &CancellationToken::new()).await
}

async fn fetch(source: &dyn Source, rules: &TransferRules) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let mut sink = |chunk: &[u8]| {
        bytes.extend_from_slice(chunk);
        Ok(())
    };
    download(source, ARCHIVE, archive().len() as u64, rules, &CancellationToken::new(), &mut sink).await?;
    Ok(bytes)
}

/// A test that cannot hang.
async fn bounded<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(50), test).await.expect("the test did not end")
}
