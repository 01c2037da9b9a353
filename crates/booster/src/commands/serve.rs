//! `booster serve`: a repository folder over HTTP, for trials and small sites.

use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    output::Output,
    runtime,
};
use booster_publish::serve::{RequestRecord, ServeOptions, Server};
use clap::Args;
use std::{error::Error, net::SocketAddr, path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Serve a repository folder over HTTP, for trials and small sites
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster serve ./repository
  booster serve ./repository --listen 0.0.0.0:8080
  booster serve ./repository --listen 127.0.0.1:0     a free port; the address is printed

Ctrl-C or SIGTERM ends it once running answers are done. For TLS, HTTP/2 and many machines put the
folder behind nginx or a content delivery network.")]
pub struct ServeArgs {
    /// The folder of a repository, with metadata/ and targets/ in it
    #[arg(default_value = "repository", value_name = "FOLDER")]
    folder: PathBuf,
    /// The address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Do not log requests
    #[arg(long, short)]
    quiet: bool,
}

/// Serves until it is told to stop.
pub fn run(args: &ServeArgs, context: &Context) -> CommandResult {
    runtime::run(|cancel| serve(args, context, cancel))??;
    Ok(Exit::Success)
}

async fn serve(args: &ServeArgs, context: &Context, cancel: CancellationToken) -> Result<(), Box<dyn Error>> {
    let mut options = ServeOptions::default();
    if !args.quiet {
        let output = Arc::clone(&context.output);
        options.observer = Some(Arc::new(move |record| log(&output, record)));
    }
    let server = Server::bind(&args.folder, args.listen, options).await?;
    context.output.line(format!("Serving {} on http://{}/", args.folder.display(), server.local_addr()));
    server.run(cancel.cancelled_owned()).await;
    Ok(())
}

/// One line in the order of the common log format.
fn log(output: &Output, record: &RequestRecord) {
    let RequestRecord { peer, method, path, status, bytes, complete, duration } = record;
    let broken = if *complete { "" } else { " (broken off)" };
    // What a client sends must not move the cursor or fake a line.
    let path: String = path.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    output.message(format!(
        "{} {peer} \"{method} {path}\" {status} {bytes} {} ms{broken}",
        jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        duration.as_millis(),
    ));
}
