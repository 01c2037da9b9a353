//! `booster completions`: completion scripts for shells.

use crate::{
    cli,
    context::Context,
    exit::{CommandResult, Exit},
};
use clap::Args;
use clap_complete::Shell;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster completions bash > /etc/bash_completion.d/booster
  booster completions zsh > \"${fpath[1]}/_booster\"
  booster completions fish > ~/.config/fish/completions/booster.fish")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &CompletionsArgs, context: &Context) -> CommandResult {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::definition(), "booster", &mut script);
    context.output.data(&script);
    Ok(Exit::Success)
}
