//! Reads a file from a share and throws it away, and says how long that took: what the benchmark sets beside
//! `smbclient get`.
//!
//!     cargo run --release --example fetch_from_share -- '\\127.0.0.1\share' 445 FILE [CREDENTIALS]
#![allow(clippy::print_stdout)]

use booster_smb::{Account, Share, ShareOptions, SignIn};
use futures_util::StreamExt as _;
use std::{error::Error, time::Instant};

fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(fetch())
}

async fn fetch() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |what: &str| arguments.next().ok_or(format!("{what} is missing"));
    let mut options = ShareOptions::new(argument("the share")?.parse()?);
    options.port = argument("the port")?.parse()?;
    let path = argument("the file")?;
    if let Ok(file) = argument("the credentials file") {
        options.sign_in = SignIn::Account(Account::from_file(file.as_ref())?);
    }
    let start = Instant::now();
    let share = Share::connect(&options).await?;
    let connected = start.elapsed();
    let file = share.open(&path).await?.ok_or("there is no such file")?;
    let mut bytes = std::pin::pin!(file.bytes_from(0));
    let mut received = 0;
    while let Some(chunk) = bytes.next().await {
        received += chunk?.len();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{{\"bytes\": {received}, \"seconds\": {seconds:.4}, \"connected_seconds\": {:.4}, \"encrypted\": {}}}",
        connected.as_secs_f64(),
        share.is_encrypted()
    );
    Ok(())
}
