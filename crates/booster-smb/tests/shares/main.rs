//! Shares of a real file server (Samba) on loopback.
#![cfg(unix)]
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod meddling;
mod reading;
mod referrals;
mod writing;

use booster_smb::{Account, Share, ShareError, ShareOptions, SignIn};
use booster_test_support::Samba;
use std::{path::Path, time::Duration};
use tempfile::TempDir;

/// As the server's account.
fn as_account(server: &Samba, share: &str) -> ShareOptions {
    let mut options = as_guest(server, share);
    options.sign_in = SignIn::Account(Account::new(Samba::USER, Samba::PASSWORD, ""));
    options
}

fn as_guest(server: &Samba, share: &str) -> ShareOptions {
    ShareOptions { port: server.port(), ..ShareOptions::new(server.unc(share).parse().unwrap()) }
}

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        write(folder.path(), path, content);
    }
    folder
}

fn write(folder: &Path, path: &str, content: &[u8]) {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
}

/// Bytes that repeat nowhere within a block.
fn content(length: usize) -> Vec<u8> {
    (0..length as u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

async fn connect(options: &ShareOptions) -> Result<Share, ShareError> {
    bounded(Share::connect(options)).await
}

/// A test that cannot hang.
async fn bounded<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(50), test).await.expect("the test did not end")
}
