//! `booster service`: the antimalware service, and what can be asked of it beside updates.

use crate::{
    context::{Context, worker_command},
    exit::{CommandResult, Exit},
    runtime,
};
use booster_config::{Flags, Layers};
use booster_service::{
    WorkerCommand,
    client::Client,
    service::{ReadSettings, Signals, run as serve},
};
use clap::{Args, Subcommand};
use std::error::Error;

/// Run the antimalware service: one owner of the definitions for all local programs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster service                       in the foreground; systemd starts it so
  booster --data-dir ./data service     with its socket in that folder, for a trial
  booster service health                whether it does its work: 0 if so, 1 if not
  booster service cancel                cancel the update that is running
  booster service metrics               its figures, for Prometheus

It updates by its schedule, scans for callers, and goes over to new definitions without a pause. Commands such
as `booster update` and `booster status` use it where it runs. SIGTERM ends it, SIGHUP has it read its
settings again.")]
pub struct ServiceArgs {
    #[command(subcommand)]
    command: Option<Ask>,
}

impl ServiceArgs {
    /// Whether this runs the service, and does not ask it something.
    pub const fn runs(&self) -> bool {
        self.command.is_none()
    }
}

#[derive(Debug, Subcommand)]
enum Ask {
    Health(HealthArgs),
    Cancel(CancelArgs),
    Metrics(MetricsArgs),
}

/// Say whether the service does its work
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster service health
  booster service health --json | jq .problems

Exit codes: 0 it does, 1 something is wrong, 2 no service answers.")]
struct HealthArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Cancel an update that the service runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster service cancel
  booster service cancel 12

Whoever alone started an update may cancel it, unless it comes from a WSUS server or the public update
service; else it takes an administrator.")]
struct CancelArgs {
    /// The update's number [default: the one that is running]
    #[arg(default_value_t = 0, hide_default_value = true)]
    update: u64,
}

/// Print the service's figures in the text format of Prometheus
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster service metrics
  booster service metrics > /var/lib/prometheus/node-exporter/booster.prom")]
struct MetricsArgs {}

/// Runs the service, or asks it.
pub fn run(args: &ServiceArgs, context: &Context) -> CommandResult {
    let Some(ask) = &args.command else { return run_service(context) };
    let settings = context.settings()?.settings;
    runtime::run(async |_| {
        let mut client = Client::connect_to_any(&settings.service_sockets()).await?;
        answer(ask, &mut client, context).await
    })?
}

async fn answer(ask: &Ask, client: &mut Client, context: &Context) -> CommandResult {
    match ask {
        Ask::Health(HealthArgs { json }) => {
            let health = client.health().await?;
            if *json {
                let object = serde_json::json!({ "healthy": health.healthy, "problems": health.problems });
                context.output.json(&object);
            } else if health.healthy {
                context.output.line("The service does its work.");
            } else {
                health.problems.iter().for_each(|problem| context.output.line(problem));
            }
            return Ok(if health.healthy { Exit::Success } else { Exit::Found });
        }
        Ask::Cancel(CancelArgs { update }) => client.cancel(*update).await?,
        Ask::Metrics(MetricsArgs {}) => context.output.data(client.metrics().await?.as_bytes()),
    }
    Ok(Exit::Success)
}

fn run_service(context: &Context) -> CommandResult {
    let (program, arguments) = worker_command()?;
    let worker = WorkerCommand { program, arguments };
    let (config, data_dir) = (context.global.config.clone(), context.global.data_dir.clone());
    let read: ReadSettings = Box::new(move || {
        let flags = Flags { data_dir: data_dir.clone(), ..Flags::default() };
        Ok(Layers::from_process(config.clone(), flags).load()?.settings)
    });
    runtime::run_service(async |signals: Signals| {
        serve(read, worker, signals).await.map_err(Box::<dyn Error>::from)
    })??;
    Ok(Exit::Success)
}
