//! `booster repository`: make and keep what a publisher signs.

mod add_key;
mod rotate_root;

use super::publish::{Place, has_key_variables, keys};
use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    render::repository as render,
    runtime,
};
use booster_config::Settings;
use booster_publish::{DEFAULT_ROOT_KEYS, KeySet, Repository};
use clap::{Args, Subcommand};
use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
};

/// Make a signed repository and keep it fresh
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster repository init                 keys in ./keys, repository in ./repository
  booster repository status               roles, releases, and what is due
  booster repository refresh              renew signatures before they expire, from a timer
  booster repository rotate-root          renew the root before it expires, with the offline keys")]
pub struct RepositoryArgs {
    #[command(subcommand)]
    command: RepositoryCommand,
}

#[derive(Debug, Subcommand)]
enum RepositoryCommand {
    Init(InitArgs),
    Status(StatusArgs),
    Refresh(RefreshArgs),
    AddKey(add_key::AddKeyArgs),
    RotateRoot(rotate_root::RotateRootArgs),
}

/// Make keys where they are missing, and a new, empty repository
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster repository init --root-out root.json
  booster repository init --repository s3://definitions/public --keys ~/publisher-keys
  booster repository init --root-keys 5 --root-threshold 3

The keys in offline/ sign the root alone: keep them in a safe, on media. Those in online/ sign every
publication. Machines are given the root (metadata/1.root.json) by a way that they trust.")]
struct InitArgs {
    #[command(flatten)]
    place: Place,
    /// How many root keys to make
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ROOT_KEYS.0)]
    root_keys: usize,
    /// How many root keys must sign a root
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ROOT_KEYS.1)]
    root_threshold: u32,
    /// Write the root metadata for machines to this file, too; it is in the repository in any case
    #[arg(long, value_name = "FILE")]
    root_out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Show roles, keys and releases, and what is due
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster repository status
  booster repository status --repository s3://definitions/public --json")]
struct StatusArgs {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Renew the signatures that machines judge freshness by
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster repository refresh
  booster repository refresh --json

Run it daily. It signs the timestamp anew, and the snapshot and the list of releases when half of
their time is over. It needs the online keys only.")]
struct RefreshArgs {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs one of them.
pub fn run(args: &RepositoryArgs, context: &Context) -> CommandResult {
    match &args.command {
        RepositoryCommand::Init(args) => init(args, context)?,
        RepositoryCommand::Status(args) => status(args, context)?,
        RepositoryCommand::Refresh(args) => refresh(args, context)?,
        RepositoryCommand::AddKey(args) => add_key::run(args, context)?,
        RepositoryCommand::RotateRoot(args) => rotate_root::run(args, context)?,
    }
    Ok(Exit::Success)
}

type Done = Result<(), Box<dyn Error>>;

fn init(args: &InitArgs, context: &Context) -> Done {
    let settings = args.place.settings(context)?;
    if let Some(root_out) = args.root_out.as_deref().filter(|path| path.exists()) {
        let root_out = root_out.display();
        return Err(
            format!("{root_out} exists already: move it away, or name another file with --root-out").into()
        );
    }
    let repository = settings.repository()?;
    let keys = if has_key_variables() {
        KeySet::from_environment(args.root_threshold)?
    } else {
        KeySet::in_folder(settings.publish.key_folder(), args.root_keys, args.root_threshold)?
    };
    let report = runtime::run(|_| repository.init(keys, jiff::Timestamp::now()))??;
    if let Some(root_out) = &args.root_out {
        write_root(root_out, &report.root)?;
    }
    if args.json {
        context.output.pretty_json(&report);
    } else {
        let keys = (!has_key_variables()).then(|| settings.publish.key_folder());
        for line in render::init(&report, args.root_out.as_deref(), keys, context.output.style()) {
            context.output.line(line);
        }
    }
    Ok(())
}

fn write_root(path: &Path, root: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, root).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("the root metadata cannot be written to {}: {error}", path.display()),
        )
    })
}

fn status(args: &StatusArgs, context: &Context) -> Done {
    let repository = args.place.settings(context)?.repository()?;
    let status = runtime::run(|_| repository.status(jiff::Timestamp::now()))??;
    if args.json {
        context.output.pretty_json(&status);
    } else {
        for line in render::status(&status, context.output.style()) {
            context.output.line(line);
        }
    }
    Ok(())
}

fn refresh(args: &RefreshArgs, context: &Context) -> Done {
    let (repository, settings) = open(&args.place, context)?;
    let keys = keys(&settings)?;
    let report = runtime::run(|_| repository.refresh(&keys, jiff::Timestamp::now()))??;
    if args.json {
        context.output.pretty_json(&report);
    } else {
        for line in render::refresh(&report, context.output.style()) {
            context.output.line(line);
        }
    }
    Ok(())
}

fn open(place: &Place, context: &Context) -> Result<(Repository, Settings), Box<dyn Error>> {
    let settings = place.settings(context)?;
    Ok((settings.repository()?, settings))
}
