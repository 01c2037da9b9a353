//! Reads one metadata file from a server or a folder, and says what that cost.
//!
//! `cargo run -p booster-sources --example fetch -- http://127.0.0.1:8080 timestamp.json`
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

use booster_sources::{Area, DirectorySource, HttpOptions, HttpSource, Source, TransferRules, read};
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(place), Some(name)) = (arguments.next(), arguments.next()) else {
        return Err("usage: fetch URL|FOLDER NAME".into());
    };
    let source: Box<dyn Source> = match place.starts_with("http") {
        true => Box::new(HttpSource::new(HttpOptions::new(place.parse()?))?),
        false => Box::new(DirectorySource::new(place)),
    };
    let (rules, cancel) = (TransferRules::default(), CancellationToken::new());
    let bytes = read(source.as_ref(), Area::Metadata, &name, 1 << 20, &rules, &cancel).await?;
    println!("{:?} bytes; {:?}", bytes.map(|bytes| bytes.len()), source.counters());
    Ok(())
}
