//! `booster repository add-key`: one more key that may sign.

use super::{Done, open, write_root};
use crate::{commands::publish::keys, context::Context, render::repository as render, runtime};
use booster_config::Settings;
use booster_publish::{KeyRing, OFFLINE, ONLINE, PublishError};
use booster_trust::signing::{PublicKey, SigningKey, TopRole};
use clap::Args;
use std::{
    error::Error,
    path::{Path, PathBuf},
};

/// Let one more key sign for a role
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster repository add-key root                    makes a new root key and adds it
  booster repository add-key timestamp timer.pem     adds a key that is there already
  booster repository add-key root colleague.json     adds a public key; its owner keeps the private one

This changes the root, so enough of the root keys must be at hand. To do it in several places see
`booster repository rotate-root --help`.")]
pub struct AddKeyArgs {
    /// root, targets, snapshot or timestamp
    #[arg(value_parser = role)]
    role: TopRole,
    /// A private key (PKCS#8, .pem or .der) or a public one (TUF JSON); without it a new one is made
    #[arg(value_name = "KEY")]
    key: Option<PathBuf>,
    #[command(flatten)]
    place: super::Place,
    /// Write the new root metadata to this file, too
    #[arg(long, value_name = "FILE")]
    root_out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Adds it.
pub fn run(args: &AddKeyArgs, context: &Context) -> Done {
    let (repository, settings) = open(&args.place, context)?;
    let mut ring = keys(&settings)?;
    let key = match &args.key {
        Some(path) => read_key(path, &mut ring)?,
        None => make_key(args.role, &settings, &mut ring, context)?,
    };
    let report = runtime::run(|_| repository.add_key(args.role, &key, &ring, jiff::Timestamp::now()))??;
    if let Some(path) = &args.root_out {
        write_root(path, &report.root)?;
    }
    if args.json {
        context.output.pretty_json(&report);
    } else {
        for line in render::root(&report, context.output.style()) {
            context.output.line(line);
        }
    }
    Ok(())
}

/// A role by its name.
pub fn role(name: &str) -> Result<TopRole, String> {
    TopRole::ALL
        .into_iter()
        .find(|role| role.as_str() == name)
        .ok_or_else(|| "use root, targets, snapshot or timestamp".to_owned())
}

/// A key of either kind; a private one goes into the ring, to sign at once.
fn read_key(path: &Path, ring: &mut KeyRing) -> Result<PublicKey, Box<dyn Error>> {
    if path.extension().is_some_and(|extension| extension == "json") {
        let bytes = std::fs::read(path)
            .map_err(|error| format!("the public key {} cannot be read: {error}", path.display()))?;
        return Ok(serde_json::from_slice(&bytes)
            .map_err(|error| format!("{} is no public key in TUF's JSON: {error}", path.display()))?);
    }
    let key = SigningKey::from_file(path)?;
    let public = key.public();
    ring.add(key);
    Ok(public)
}

/// Makes a new key for a role, in the key folder.
pub fn make_key(
    role: TopRole,
    settings: &Settings,
    ring: &mut KeyRing,
    context: &Context,
) -> Result<PublicKey, PublishError> {
    let folder = settings.publish.key_folder().join(if role == TopRole::Root { OFFLINE } else { ONLINE });
    let path = (1..)
        .map(|n| folder.join(format!("{role}-{n}.pem")))
        .find(|path| !path.exists())
        .unwrap_or_else(|| folder.join(format!("{role}.pem")));
    let key = SigningKey::generate()?;
    key.write_file(&path)?;
    context.output.message(format!("Made a new {role} key in {}", path.display()));
    let public = key.public();
    ring.add(key);
    Ok(public)
}
