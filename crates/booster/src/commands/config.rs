//! `booster config`: the settings in force, and whether they can be used.

use crate::{
    context::Context,
    exit::{CommandResult, Exit},
};
use booster_config::{Loaded, SourceChoice};
use clap::{Args, Subcommand};

/// Show or check the settings
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster config show                    everything that can be set, as it is now
  booster config check                   whether the settings can be used
  booster config check --config new.toml the same for a file that is not in place yet")]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the settings in force as a configuration file
    #[command(after_help = "\
Examples:
  booster config show
  booster config show > booster.toml")]
    Show,
    /// Check that the settings can be used: keys, values, files that they name
    #[command(after_help = "\
Examples:
  booster config check
  booster config check --config new.toml && cp new.toml /etc/booster/booster.toml")]
    Check,
}

/// Shows or checks.
pub fn run(args: &ConfigArgs, context: &Context) -> CommandResult {
    let loaded = context.settings()?;
    match args.command {
        ConfigCommand::Show => show(&loaded, context)?,
        ConfigCommand::Check => check(&loaded, context)?,
    }
    Ok(Exit::Success)
}

fn show(loaded: &Loaded, context: &Context) -> Result<(), Box<dyn std::error::Error>> {
    for line in origin(loaded) {
        context.output.line(format!("# {line}"));
    }
    context.output.data(toml::to_string(&loaded.settings)?.as_bytes());
    Ok(())
}

fn check(loaded: &Loaded, context: &Context) -> Result<(), Box<dyn std::error::Error>> {
    if !loaded.settings.sources.is_empty() {
        loaded.settings.sources(&SourceChoice::default())?;
    }
    if let Some(root) = &loaded.settings.root {
        std::fs::read(root)
            .map_err(|error| format!("the trusted root {} cannot be read: {error}", root.display()))?;
    }
    for line in origin(loaded) {
        context.output.line(line);
    }
    context.output.line(match loaded.settings.sources.len() {
        0 => "No source is configured: update needs --from URL|PATH.".to_owned(),
        n => format!("The settings can be used: {}.", crate::text::counted(n as u64, "source")),
    });
    Ok(())
}

/// Where the settings came from, in words.
fn origin(loaded: &Loaded) -> Vec<String> {
    let mut lines = vec![match &loaded.file {
        Some(file) => format!("Settings from {}", file.display()),
        None => "No configuration file".to_owned(),
    }];
    if !loaded.variables.is_empty() {
        lines.push(format!("Set by the environment: {}", loaded.variables.join(", ")));
    }
    if !loaded.unknown_variables.is_empty() {
        lines.push(format!("No setting, passed over: {}", loaded.unknown_variables.join(", ")));
    }
    lines
}
