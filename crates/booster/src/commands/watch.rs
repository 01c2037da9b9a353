//! `booster watch`: everything that the antimalware service does, as it happens.

use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    render::{event, report},
    runtime,
};
use booster_service::{
    client::{Client, ClientError},
    wire::{Seen, seen},
};
use clap::Args;

/// Follow everything that the antimalware service does
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster watch
  booster watch --json --progress | jq -c 'select(.event)'

It goes on until Ctrl-C, or until the service ends.")]
pub struct WatchArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Progress too
    #[arg(long)]
    progress: bool,
}

/// Watches.
pub fn run(args: &WatchArgs, context: &Context) -> CommandResult {
    let settings = context.settings()?.settings;
    runtime::run(async |cancel| {
        let mut client = Client::connect_to_any(&settings.service_sockets()).await?;
        let mut messages = client.watch(args.progress).await?;
        loop {
            let message = tokio::select! {
                () = cancel.cancelled() => return Ok(Exit::Success),
                message = messages.message() => message,
            };
            match message {
                Ok(Some(message)) => tell(args, context, message.update, seen(message)),
                Ok(None) => return Ok(Exit::Success),
                Err(status) => return Err(ClientError::Lost(status.message().to_owned()).into()),
            }
        }
    })?
}

fn tell(args: &WatchArgs, context: &Context, update: u64, seen: Option<Seen>) {
    let Some(seen) = seen else { return };
    let output = &context.output;
    if args.json {
        let mut object = serde_json::to_value(&seen).unwrap_or_default();
        if let (Some(object), 1..) = (object.as_object_mut(), update) {
            object.insert("update".to_owned(), update.into());
        }
        output.json(&object);
        return;
    }
    match seen {
        Seen::Missed { missed } => output.line(format!("{missed} messages are lost: this came too slowly")),
        Seen::Started { by, .. } => output.line(format!("Update {update}, asked for by {by}")),
        Seen::Event(event) => {
            if let Some(line) = event::line(&event) {
                output.line(line);
            }
        }
        Seen::Report(report) => {
            report::lines(&report, output.style()).into_iter().for_each(|line| output.line(line));
        }
        Seen::Engine { failed: None, generation, .. } => {
            output.line(format!("The engine uses generation {generation}"));
        }
        Seen::Engine { failed: Some(failed), .. } => output.line(output.style().bad(&failed)),
    }
}
