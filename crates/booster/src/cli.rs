//! The command line.

use crate::{
    commands::{
        allow, completions, config, engine_worker, fleet, history, man, mirror, pause, pin, publish,
        quickstart, repository, rollback, scan, serve, service, status, trial, update, verify, watch,
    },
    context::Context,
    exit::{CommandResult, Exit, story},
    log,
    output::Output,
};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::{ffi::OsString, path::PathBuf, sync::Arc};
use tracing_subscriber::filter::LevelFilter;

/// Keeps antimalware definitions current.
///
/// Booster fetches signed definitions from a web server, a share or a medium, checks and tests them
/// before they are used, and switches to them in one step. It publishes them too.
#[derive(Debug, Parser)]
#[command(name = "booster", version, after_help = EXAMPLES)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  booster quickstart                 see the whole of it in a few seconds, without a network
  booster update --from https://definitions.example/ --root root.json
                                     the first update, from a publisher whose root you have
  booster update                     every later one, with sources from the configuration
  booster status                     what is installed, and how old it is
  booster scan ~/Downloads           look for threats with what is installed

Exit codes:
  0  done: updated or current, clean, whole
  1  found: a threat (scan), damage (verify), too many alarms (trial), out of date (status --check)
  2  failed; the message on standard error says what, where, why and what to do
  3  another operation is running on the same data folder
  4  cancelled; nothing has changed
  64 the command line cannot be understood";

/// Keeps a command's own options first.
const COMMON: &str = "Common options";

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Read settings from this file [default: booster.toml in ~/.config/booster, then /etc/booster]
    #[arg(long, global = true, help_heading = COMMON, env = "BOOSTER_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Keep definitions in this folder [default: ~/.local/share/booster; /var/lib/booster for root]
    #[arg(long, global = true, help_heading = COMMON, env = "BOOSTER_DATA_DIR", value_name = "DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
    /// Say what is being done, on standard error; twice for every detail
    #[arg(short, long, global = true, help_heading = COMMON, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// How the log is written [default: journal where standard error goes there, else text]
    #[arg(long, global = true, help_heading = COMMON, env = "BOOSTER_LOG_FORMAT", value_name = "FORMAT", hide_env_values = true)]
    pub log_format: Option<log::Format>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Update(Box<update::UpdateArgs>),
    Status(status::StatusArgs),
    History(history::HistoryArgs),
    Verify(verify::VerifyArgs),
    Scan(scan::ScanArgs),
    Pin(pin::PinArgs),
    Unpin(pin::UnpinArgs),
    Pause(pause::PauseArgs),
    Resume(pause::ResumeArgs),
    Trial(trial::TrialArgs),
    Rollback(rollback::RollbackArgs),
    Allow(allow::AllowArgs),
    Publish(publish::PublishArgs),
    Repository(repository::RepositoryArgs),
    Mirror(Box<mirror::MirrorArgs>),
    Serve(serve::ServeArgs),
    Service(service::ServiceArgs),
    Watch(watch::WatchArgs),
    Fleet(fleet::FleetArgs),
    Quickstart(quickstart::QuickstartArgs),
    Config(config::ConfigArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    /// Builds an image from a request on standard input; started by `booster update`, not by people.
    #[command(hide = true)]
    EngineWorker,
}

/// The definition of the command line, for completions and man pages.
pub fn definition() -> clap::Command {
    Cli::command()
}

/// Understands the command line, runs it, and says what went wrong.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Printing fails when the reader has left, which changes nothing.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    if matches!(cli.command, Command::EngineWorker) {
        return engine_worker::run();
    }
    // What a service does is worth knowing without asking.
    let level = matches!(&cli.command, Command::Service(args) if args.runs()).then_some(LevelFilter::INFO);
    log::start(cli.global.verbose, level, cli.global.log_format);
    let context = Context { output: Arc::new(Output::of_process()), global: cli.global };
    let result = dispatch(cli.command, &context);
    let result = result.and_then(|exit| {
        context
            .output
            .finish()
            .map(|()| exit)
            .map_err(|error| format!("standard output cannot be written: {error}").into())
    });
    result.unwrap_or_else(|error| {
        let style = context.output.message_style();
        context.output.message(format!("{} {}", style.bad("error:"), story(&*error)));
        Exit::of(&*error)
    })
}

fn dispatch(command: Command, context: &Context) -> CommandResult {
    match command {
        Command::Update(args) => update::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::History(args) => history::run(&args, context),
        Command::Verify(args) => verify::run(&args, context),
        Command::Scan(args) => scan::run(&args, context),
        Command::Pin(args) => pin::pin(&args, context),
        Command::Unpin(args) => pin::unpin(&args, context),
        Command::Pause(args) => pause::pause(&args, context),
        Command::Resume(args) => pause::resume(&args, context),
        Command::Trial(args) => trial::run(&args, context),
        Command::Rollback(args) => rollback::run(&args, context),
        Command::Allow(args) => allow::run(&args, context),
        Command::Publish(args) => publish::run(&args, context),
        Command::Repository(args) => repository::run(&args, context),
        Command::Mirror(args) => mirror::run(&args, context),
        Command::Serve(args) => serve::run(&args, context),
        Command::Service(args) => service::run(&args, context),
        Command::Watch(args) => watch::run(&args, context),
        Command::Fleet(args) => fleet::run(&args, context),
        Command::Quickstart(args) => quickstart::run(&args, context),
        Command::Config(args) => config::run(&args, context),
        Command::Completions(args) => completions::run(&args, context),
        Command::Man(args) => man::run(&args, context),
        Command::EngineWorker => Ok(engine_worker::run()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_command(command: &clap::Command, visit: &mut dyn FnMut(&clap::Command)) {
        visit(command);
        for sub in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
            every_command(sub, visit);
        }
    }

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn every_help_page_has_examples() {
        every_command(&definition(), &mut |command| {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{} has no examples", command.get_name());
        });
    }

    #[test]
    fn every_argument_is_explained() {
        every_command(&definition(), &mut |command| {
            assert!(command.get_about().is_some(), "{} has no description", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        });
    }
}
