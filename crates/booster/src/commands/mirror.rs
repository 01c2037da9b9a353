//! `booster mirror`: a verified copy of a publisher's repository, for a site that does not reach the original.

use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    runtime,
    text::bytes,
};
use booster_config::{Settings, SourceChoice, SourceSettings};
use booster_publish::{MirrorError, MirrorReport, MirrorRequest, Repository};
use booster_sources::{Source, SourceKind};
use clap::Args;
use std::{error::Error, path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Copy a publisher's repository to a folder, a share or a bucket, and keep the copy up to date
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster mirror --from https://definitions.example/ --to /srv/definitions --root root.json
                                   a mirror for a branch; root.json comes from the publisher
  booster mirror --to '\\\\files.example\\definitions'
                                   from the configured sources to a file share, as often as you like
  booster mirror --to /media/usb/definitions && umount /media/usb
                                   for machines behind an air gap
  booster mirror --to /srv/definitions --verify
                                   read what is there, and copy again what is damaged

The copy is the publisher's, byte for byte, and is checked like an update on a machine: machines trust it as they
trust the original, and no keys are needed. Readers see the old state or the new one at every moment. A copy that
was broken off is gone on with; releases that are no longer offered are deleted ([publish] keep).

Exit codes: 0 up to date, 2 failed, 3 another program is working on the place, 4 cancelled.")]
pub struct MirrorArgs {
    /// Where the mirror is: a folder, a share (\\server\share\folder), or an s3://, gs:// or az:// URL
    #[arg(long, value_name = "PLACE")]
    to: String,
    /// Ask this source instead of those configured: a URL, a share or a folder
    #[arg(long, value_name = "URL|UNC|PATH")]
    from: Option<SourceSettings>,
    /// Ask only sources of this kind: http, unc, managed, unmanaged or directory
    #[arg(long, value_name = "KIND")]
    source: Option<SourceKind>,
    /// Trust the publisher with this root metadata, if none is trusted yet for this mirror
    #[arg(long, value_name = "ROOT.json")]
    root: Option<PathBuf>,
    /// Read every file that is there, and copy again what is damaged
    #[arg(long)]
    verify: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Print errors only
    #[arg(long, short)]
    quiet: bool,
}

/// Mirrors.
pub fn run(args: &MirrorArgs, context: &Context) -> CommandResult {
    let mut settings = context.settings()?.settings;
    settings.publish.repository = Some(args.to.clone());
    let repository = settings.repository()?;
    let choice = SourceChoice { kind: args.source, from: args.from.clone() };
    let sources = settings.sources(&choice)?;
    let root = args.root.as_ref().or(settings.root.as_ref()).map(|file| {
        std::fs::read(file).map_err(|error| format!("the root {} cannot be read: {error}", file.display()))
    });
    let root = root.transpose()?;
    let request = |source| MirrorRequest {
        root: root.clone(),
        verify: args.verify,
        ..settings.mirror_request(source, &repository.location())
    };
    let spinner =
        context.spinner(&format!("Mirroring to {}", repository.location()), args.json || args.quiet);
    let tell = |progress: booster_publish::MirrorProgress| {
        spinner.set_message(format!("Copying: {} of {}", bytes(progress.bytes), bytes(progress.total)));
    };
    let mirrored =
        runtime::run(async |cancel| mirror(&repository, &sources, &request, &cancel, &tell, context).await);
    spinner.finish_and_clear();
    match mirrored? {
        Ok(report) => {
            say(args, &report, &settings, context);
            Ok(Exit::Success)
        }
        Err(MirrorError::Cancelled) => {
            context.output.message(MirrorError::Cancelled.to_string());
            Ok(Exit::Cancelled)
        }
        // As itself: what the exit code tells is looked for there.
        Err(MirrorError::Place(error)) => Err(Box::new(error) as Box<dyn Error>),
        Err(error) => Err(Box::new(error) as Box<dyn Error>),
    }
}

/// Asks one source after the other.
async fn mirror(
    repository: &Repository,
    sources: &[Arc<dyn Source>],
    request: &dyn Fn(Arc<dyn Source>) -> MirrorRequest,
    cancel: &CancellationToken,
    tell: &(dyn Fn(booster_publish::MirrorProgress) + Sync),
    context: &Context,
) -> Result<MirrorReport, MirrorError> {
    let now = jiff::Timestamp::now();
    let mut left = sources.iter().peekable();
    loop {
        let Some(source) = left.next() else { return Err(MirrorError::Cancelled) };
        let mirrored = repository.mirror(&request(Arc::clone(source)), now, cancel, tell).await;
        match mirrored {
            Err(
                error @ (MirrorError::Source(_)
                | MirrorError::Trust(_)
                | MirrorError::WrongTarget { .. }
                | MirrorError::Ahead { .. }),
            ) if left.peek().is_some() && !cancel.is_cancelled() => {
                context.output.message(format!("{error}; the next source is asked"));
            }
            mirrored => return mirrored,
        }
    }
}

fn say(args: &MirrorArgs, report: &MirrorReport, settings: &Settings, context: &Context) {
    if args.json {
        context.output.pretty_json(report);
        return;
    }
    if args.quiet {
        return;
    }
    let MirrorReport { changed, timestamp, copied, copied_bytes, kept, repaired } = report;
    let what = if *changed { "is up to date now" } else { "was up to date" };
    let place = settings.publish.location();
    let state = format!("{place} {what}: version {timestamp} of the timestamp");
    let repaired = if *repaired > 0 { format!(", {repaired} of them damaged before") } else { String::new() };
    let copied = format!("{copied} files copied ({}){repaired}, {kept} there already", bytes(*copied_bytes));
    context.output.line(state);
    context.output.line(copied);
}
