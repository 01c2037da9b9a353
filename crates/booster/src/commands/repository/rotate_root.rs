//! `booster repository rotate-root`: a new root, with other keys or only with new life.

use super::{Done, add_key, open, write_root};
use crate::{commands::publish::keys, context::Context, exit::Usage, render::repository as render, runtime};
use booster_config::Settings;
use booster_publish::{KeyRing, Repository, RootChange, RootReport, sign_draft};
use booster_trust::signing::{RootRole, TopRole};
use clap::Args;
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

/// Sign a new root: renew it, replace keys, change how many must sign
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster repository rotate-root                          the same keys, with new life
  booster repository rotate-root --replace timestamp      a new key instead of all for that role
  booster repository rotate-root --replace root=2c5f...   a new key instead of this one
  booster repository rotate-root --threshold root=3

With the root keys in different places:
  booster repository rotate-root --draft new-root.json    the first signs with the keys at hand,
  booster repository rotate-root --sign new-root.json     others add their signatures,
  booster repository rotate-root --install new-root.json  and who has the online keys publishes it

Machines follow from root to root by themselves: they need nothing new.")]
pub struct RotateRootArgs {
    /// Make a new key for a role instead of the one named, or instead of all of the role's
    #[arg(long, value_name = "ROLE[=KEY_ID]", value_parser = replacement)]
    replace: Vec<(TopRole, Option<String>)>,
    /// Take a key from a role
    #[arg(long, value_name = "ROLE=KEY_ID", value_parser = removal)]
    remove: Vec<(TopRole, String)>,
    /// How many keys of a role must sign
    #[arg(long, value_name = "ROLE=N", value_parser = threshold)]
    threshold: Vec<(TopRole, u32)>,
    /// Write the new root to this file with the signatures that can be made here; publish nothing
    #[arg(long, value_name = "FILE")]
    draft: Option<PathBuf>,
    /// Add the signatures that can be made here to such a file; publish nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["replace", "remove", "threshold", "draft"])]
    sign: Option<PathBuf>,
    /// Publish such a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["replace", "remove", "threshold", "draft", "sign"])]
    install: Option<PathBuf>,
    #[command(flatten)]
    place: super::Place,
    /// Write the new root metadata to this file, too
    #[arg(long, value_name = "FILE")]
    root_out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Rotates, drafts, signs or installs.
pub fn run(args: &RotateRootArgs, context: &Context) -> Done {
    let (repository, settings) = open(&args.place, context)?;
    let mut ring = keys(&settings)?;
    let now = jiff::Timestamp::now();
    if let Some(path) = &args.sign {
        let root = runtime::run(|_| repository.root())??;
        return sign(path, &root, &ring, context);
    }
    if let Some(path) = &args.install {
        let file = read(path)?;
        let report = runtime::run(|_| repository.install_root(&file, &ring, now))??;
        return tell(args, &report, context);
    }
    let change = change(args, &repository, &settings, &mut ring, context)?;
    if let Some(path) = &args.draft {
        let draft = runtime::run(|_| repository.draft_root(&change, &ring, now))??;
        write_root(path, &draft)?;
        context
            .output
            .message(format!("The new root is in {}, signed with the keys at hand", path.display()));
        return Ok(());
    }
    let report = runtime::run(|_| repository.rotate_root(&change, &ring, now))??;
    tell(args, &report, context)
}

fn tell(args: &RotateRootArgs, report: &RootReport, context: &Context) -> Done {
    if let Some(path) = &args.root_out {
        write_root(path, &report.root)?;
    }
    if args.json {
        context.output.pretty_json(report);
    } else {
        for line in render::root(report, context.output.style()) {
            context.output.line(line);
        }
    }
    Ok(())
}

fn sign(path: &Path, root: &RootRole, ring: &KeyRing, context: &Context) -> Done {
    let signed = sign_draft(&read(path)?, root, ring)?;
    write_root(path, &signed)?;
    context.output.message(format!("Signed {} with the keys at hand", path.display()));
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("the root metadata {} cannot be read: {error}", path.display()))
}

/// What the flags ask for; new keys are made on the way.
fn change(
    args: &RotateRootArgs,
    repository: &Repository,
    settings: &Settings,
    ring: &mut KeyRing,
    context: &Context,
) -> Result<RootChange, Box<dyn Error>> {
    let mut change = RootChange {
        remove: args.remove.clone(),
        thresholds: args.threshold.clone(),
        ..RootChange::default()
    };
    if args.replace.is_empty() {
        return Ok(change);
    }
    let root = runtime::run(|_| repository.root())??;
    for (role, key_id) in &args.replace {
        for old in replaced(&root, *role, key_id.as_deref())? {
            change.add.push((*role, add_key::make_key(*role, settings, ring, context)?));
            change.remove.push((*role, old));
        }
    }
    Ok(change)
}

/// The ids of the keys that go. It is checked before a new key is made.
fn replaced(root: &RootRole, role: TopRole, key_id: Option<&str>) -> Result<Vec<String>, Usage> {
    let all = root.role(role).map(|keys| keys.keyids.clone()).unwrap_or_default();
    let Some(key_id) = key_id else { return Ok(all) };
    // The first digits are enough, where they name one key.
    match all.iter().filter(|id| id.starts_with(key_id)).collect::<Vec<_>>().as_slice() {
        [only] => Ok(vec![(*only).clone()]),
        [] => Err(Usage(format!("{role} has no key {key_id}: see `booster repository status --json`"))),
        _ => Err(Usage(format!("{key_id} names more than one key of {role}: write more of it"))),
    }
}

fn replacement(text: &str) -> Result<(TopRole, Option<String>), String> {
    match text.split_once('=') {
        Some((role, id)) => Ok((add_key::role(role)?, Some(id.to_owned()))),
        None => Ok((add_key::role(text)?, None)),
    }
}

fn removal(text: &str) -> Result<(TopRole, String), String> {
    let (role, id) = text.split_once('=').ok_or("write ROLE=KEY_ID")?;
    Ok((add_key::role(role)?, id.to_owned()))
}

fn threshold(text: &str) -> Result<(TopRole, u32), String> {
    let (role, number) = text.split_once('=').ok_or("write ROLE=N")?;
    Ok((add_key::role(role)?, number.parse().map_err(|_| format!("{number:?} is no number"))?))
}
