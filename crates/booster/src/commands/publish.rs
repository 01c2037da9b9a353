//! `booster publish`: test, sign and publish a release; halt, resume or withdraw one that is out.

mod rollout;

use crate::{
    context::{Context, worker_command},
    exit::{CommandResult, Exit},
    render::publication,
    runtime,
};
use booster_config::Settings;
use booster_definitions::{Component, DefinitionPath, Requires, Version, archive::Source};
use booster_engine::OnInvalid;
use booster_publish::{
    DEFAULT_LEVEL, KEY_VARIABLES, KeyRing, PublishError, PublishReport, PublishRequest, feeds::convert,
};
use clap::{Args, ValueEnum};
use std::{
    error::Error,
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// Test, sign and publish a folder of definitions as a release
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster publish antivirus 1.419.25.0 ./definitions/antivirus
  booster publish nis 2.0.1.0 ./nis --repository s3://definitions/public --keys /run/keys
  booster publish antivirus 1.419.26.0 ./definitions --invalid-rules leave-out --notes 'hotfix'
  booster publish antivirus 1.419.27.0 ./yara --hash-feed hash-iocs.txt
  booster publish antivirus 1.419.28.0 ./definitions --rollout gradual
  booster publish antivirus 1.419.29.0 ./definitions --rollout '1%@0h,10%@4h,100%@1d'
  booster publish antivirus --halt --reason 'finds a system file'
  booster publish antivirus --resume
  booster publish antivirus --rollout immediate
  booster publish antivirus --withdraw --reason 'finds a system file'

Roll-outs: shares of machines by the time since publication; the last must be 100%. For channels other
than broad write 'staged=10%@0h,100%@6h; broad=1%@6h,100%@2d'. What is not named is served at once, the
delayed channel after two days. gradual is a day's roll-out; immediate, the default, is none.
Without a folder, --rollout and --emergency change how a release that is out is given out. --withdraw
publishes the content of the release before under a higher version, for everybody at once.

Files: .yar and .yara are YARA rules; .hdb and .hsb are hashes of malware, .fp and .sfp of known-good
files, in ClamAV's text formats; anything else travels untouched. What is below selftest/must-detect
and selftest/must-not-detect is scanned, and refuses the release if it comes out otherwise.")]
pub struct PublishArgs {
    /// antivirus, antispyware or nis
    component: Component,
    /// Four numbers, higher than what is published: 1.419.25.0. Of a release that is out: the newest without it
    #[arg(required_unless_present_any = ["halt", "resume", "withdraw", "rollout", "emergency"])]
    version: Option<Version>,
    /// The folder that holds the release's files
    #[arg(value_name = "FOLDER", required_unless_present_any = ["halt", "resume", "withdraw", "rollout", "emergency"])]
    folder: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    rollout: rollout::RolloutArgs,
    /// What to do with rules that the engine cannot take
    #[arg(long, value_name = "WHAT", default_value = "refuse")]
    invalid_rules: InvalidRules,
    /// Add the hashes of a feed with a line HASH;COMMENT for each file (MD5, SHA-1 or SHA-256)
    #[arg(long, value_name = "FILE")]
    hash_feed: Vec<PathBuf>,
    /// Ask machines to restart before the release counts as fully in use
    #[arg(long)]
    restart_required: bool,
    /// The oldest engine that understands the release; older machines do not install it
    #[arg(long, value_name = "VERSION", default_value_t)]
    requires_engine: Version,
    /// Publish no patches from earlier releases: every machine downloads the whole
    #[arg(long)]
    no_patches: bool,
    /// Words for administrators
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Where a publisher works.
#[derive(Debug, Args)]
pub struct Place {
    /// The repository: a folder, a share (\\server\share\folder), or an s3://, gs:// or az:// URL
    /// [default: ./repository]
    #[arg(long, value_name = "FOLDER|UNC|URL")]
    pub repository: Option<String>,
    /// The folder with the keys [default: ./keys]; BOOSTER_KEY_* variables are used besides
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
}

impl Place {
    /// The settings, with what the flags say.
    pub fn settings(&self, context: &Context) -> Result<Settings, booster_config::ConfigError> {
        let mut settings = context.settings()?.settings;
        if let Some(repository) = &self.repository {
            settings.publish.repository = Some(repository.clone());
        }
        if let Some(keys) = &self.keys {
            settings.publish.keys = Some(keys.clone());
        }
        Ok(settings)
    }
}

/// What becomes of rules that the engine cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InvalidRules {
    /// Refuse the release, and name them
    Refuse,
    /// Leave out the files that hold them, and name them
    LeaveOut,
}

/// Publishes.
pub fn run(args: &PublishArgs, context: &Context) -> CommandResult {
    let settings = args.place.settings(context)?;
    let keys = keys(&settings)?;
    let repository = settings.repository()?;
    let now = jiff::Timestamp::now();
    let (Some(version), Some(folder)) = (args.version, &args.folder) else {
        return rollout::change(args, &settings, &keys, context);
    };
    let request = request(args, version, folder, &settings, context)?;
    publish(args, &format!("Testing and packing {} {version}", args.component), context, async || {
        repository.publish(&request, &keys, now).await
    })
}

/// The release as the command line and the settings describe it.
fn request(
    args: &PublishArgs,
    version: Version,
    folder: &Path,
    settings: &Settings,
    context: &Context,
) -> Result<PublishRequest, Box<dyn Error>> {
    let (program, arguments) = worker_command()?;
    Ok(PublishRequest {
        extra: feeds(&args.hash_feed, context)?,
        on_invalid: match args.invalid_rules {
            InvalidRules::Refuse => OnInvalid::Refuse,
            InvalidRules::LeaveOut => OnInvalid::LeaveOut,
        },
        requires: Requires { engine: args.requires_engine },
        restart_required: args.restart_required,
        notes: args.notes.clone(),
        patches: !args.no_patches,
        level: settings.publish.compression.unwrap_or(DEFAULT_LEVEL),
        limits: settings.archive_limits(),
        worker: Some(settings.worker(program, arguments)),
        schedule: args.rollout.schedule(),
        emergency: args.rollout.emergency,
        ..PublishRequest::new(args.component, version, folder)
    })
}

/// Runs a publication, and tells how it went.
fn publish(
    args: &PublishArgs,
    what: &str,
    context: &Context,
    work: impl AsyncFnOnce() -> Result<PublishReport, PublishError>,
) -> CommandResult {
    let location = args.place.settings(context)?.publish.location().to_owned();
    let spinner = context.spinner(what, args.json);
    let report = runtime::run(async |cancel| {
        tokio::select! {
            report = work() => Some(report),
            // Whatever had been written by then, machines see the state before.
            () = cancel.cancelled() => None,
        }
    })?;
    spinner.finish_and_clear();
    let Some(report) = report else {
        context.output.message("Cancelled; machines see what they saw before.");
        return Ok(Exit::Cancelled);
    };
    let report = report.inspect_err(|error| explain(error, context))?;
    if args.json {
        context.output.pretty_json(&report);
    } else {
        for line in publication::lines(&report, &location, context.output.style()) {
            context.output.line(line);
        }
    }
    for line in publication::left_out(&report) {
        context.output.message(line);
    }
    Ok(Exit::Success)
}

/// The feeds as hash lists, named after their files. Lines that hold no hash are named.
fn feeds(paths: &[PathBuf], context: &Context) -> Result<Vec<(DefinitionPath, Source)>, Box<dyn Error>> {
    let mut files = Vec::new();
    for path in paths {
        let failed = |error| format!("the feed {} cannot be read: {error}", path.display());
        let converted = convert(File::open(path).map_err(failed)?).map_err(failed)?;
        for line in &converted.skipped {
            context.output.message(format!("{}: {line}", path.display()));
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        files.extend(converted.files(&format!("feeds/{stem}"))?);
    }
    Ok(files)
}

/// The keys of the folder, and those of the environment.
pub fn keys(settings: &Settings) -> Result<KeyRing, Box<dyn Error>> {
    let mut ring = KeyRing::from_environment()?;
    match KeyRing::from_folder(settings.publish.key_folder()) {
        Ok(keys) => ring.extend(keys),
        // Keys from the environment need no folder.
        Err(PublishError::Io { source, .. })
            if source.kind() == io::ErrorKind::NotFound && has_key_variables() => {}
        Err(PublishError::Io { source, path, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let path = path.display();
            return Err(format!("there is no key folder {path}: name the publisher's with --keys").into());
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ring)
}

/// Whether keys are in the environment.
pub fn has_key_variables() -> bool {
    std::env::vars_os().any(|(name, _)| name.to_string_lossy().starts_with(KEY_VARIABLES))
}

/// Names every rule and file that refuses a release: the error itself names the first few.
fn explain(error: &PublishError, context: &Context) {
    for line in publication::refusal(error) {
        context.output.message(line);
    }
}
