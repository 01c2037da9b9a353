//! The command line of the TUF conformance suite (its CLIENT-CLI.md) over the product's own client:
//! `booster-trust`'s workflow and state file, `booster-sources`' HTTP and download rules. Nothing here
//! verifies anything; it is a translation of arguments, and copies of what is trusted.
//!
//! The suite reads trusted metadata as plain files in METADATA_DIR. The product keeps one state file
//! instead, which therefore lives in a folder below, and the role files are exported from it after
//! every command.
#![forbid(unsafe_code)]

use booster_sources::{
    Area, HttpOptions, HttpSource, MetadataRepository, ProxyChoice, Source, TransferRules, download,
};
use booster_trust::{Client, ClientOptions, TrustedState, VerifiedTarget};
use clap::{Parser, Subcommand};
use jiff::Timestamp;
use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use tokio_util::sync::CancellationToken;
use url::Url;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[derive(Parser)]
struct Arguments {
    /// Where trusted metadata is shown to the suite.
    #[arg(long)]
    metadata_dir: PathBuf,
    /// The repository's metadata.
    #[arg(long)]
    metadata_url: Option<Url>,
    /// A target to download; may be given several times.
    #[arg(long)]
    target_name: Vec<String>,
    /// The repository's targets.
    #[arg(long)]
    target_base_url: Option<Url>,
    /// Where downloaded targets go.
    #[arg(long)]
    target_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Trust this root.
    Init {
        /// The root.json to begin with.
        trusted_root: PathBuf,
    },
    /// Bring the metadata up to date.
    Refresh,
    /// Bring the metadata up to date, then download the targets.
    Download,
}

fn main() -> ExitCode {
    let outcome = run(&Arguments::parse());
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome {
    if let Command::Init { trusted_root } = &arguments.command {
        let state_dir = state_dir(arguments);
        fs::create_dir_all(&state_dir)?;
        let mut state = TrustedState::open(&state_dir)?;
        state.pin(&fs::read(trusted_root)?)?;
        return export(&state, &arguments.metadata_dir);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(with_repository(arguments))
}

async fn with_repository(arguments: &Arguments) -> Outcome {
    let metadata = arguments.metadata_url.clone().ok_or("--metadata-url is needed")?;
    let targets = arguments.target_base_url.clone().unwrap_or_else(|| metadata.clone());
    // The suite's server is on this machine.
    let options = HttpOptions { proxy: ProxyChoice::Direct, ..HttpOptions::separate(metadata, targets) };
    let source: Arc<dyn Source> = Arc::new(HttpSource::new(options)?);
    let repository =
        MetadataRepository::new(source.clone(), TransferRules::default(), CancellationToken::new());
    let state = TrustedState::open(&state_dir(arguments))?;
    let mut client = Client::new(repository, state, ClientOptions::default())?;
    let outcome = update(arguments, &mut client, source.as_ref()).await;
    export(client.state(), &arguments.metadata_dir)?;
    outcome
}

async fn update(arguments: &Arguments, client: &mut Client, source: &dyn Source) -> Outcome {
    client.refresh(Timestamp::now()).await?;
    if let Command::Download = arguments.command {
        let dir = arguments.target_dir.as_deref().ok_or("--target-dir is needed")?;
        for name in &arguments.target_name {
            let target = client.target(name, Timestamp::now()).await?;
            fetch(source, &target, dir).await?;
        }
    }
    Ok(())
}

/// Downloads a target, unless it is there already.
async fn fetch(source: &dyn Source, target: &VerifiedTarget, dir: &Path) -> Outcome {
    let path = dir.join(target.path());
    if fs::read(&path).is_ok_and(|bytes| target.verify(&bytes).is_ok()) {
        return Ok(());
    }
    let (mut bytes, mut verifier) = (Vec::new(), target.verifier());
    let mut sink = |chunk: &[u8]| {
        verifier.update(chunk).map_err(io::Error::other)?;
        bytes.extend_from_slice(chunk);
        Ok(())
    };
    let (rules, never) = (TransferRules::default(), CancellationToken::new());
    download(source, target.location(), target.length(), &rules, &never, &mut sink).await.map_err(
        |error| {
            let location = source.locate(Area::Targets, target.location());
            format!("{location}: {error}")
        },
    )?;
    verifier.finish()?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(fs::write(path, bytes)?)
}

/// Shows the suite what is trusted now, and nothing else.
fn export(state: &TrustedState, dir: &Path) -> Outcome {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            fs::remove_file(path)?;
        }
    }
    for (name, bytes) in state.role_files() {
        fs::write(dir.join(name), bytes)?;
    }
    Ok(())
}

fn state_dir(arguments: &Arguments) -> PathBuf {
    arguments.metadata_dir.join(".state")
}

#[expect(clippy::print_stderr, reason = "a program's errors go to its standard error")]
fn report(error: &dyn Error) {
    eprint!("tuf-conformance-client: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        eprint!(": {inner}");
        cause = inner.source();
    }
    eprintln!();
}
