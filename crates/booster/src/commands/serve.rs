//! `booster serve`: a repository folder over HTTP, for trials and small sites, and as an update server.

use crate::{
    context::Context,
    exit::{CommandResult, Exit, Usage},
    output::Output,
    runtime,
};
use booster_config::{Approval, Settings};
use booster_fleet::{
    Fleet, Rule,
    server::{UpdateService, UpdateServiceOptions},
};
use booster_publish::{
    Repository, RepositoryOptions,
    serve::{RequestRecord, ServeOptions, Server},
};
use clap::Args;
use std::{error::Error, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How long machines of an update server may be silent on an open connection.
const SILENCE: Duration = Duration::from_secs(60);

/// Serve a repository folder over HTTP, for trials and small sites, or as an update server
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster serve ./repository
  booster serve ./repository --listen 0.0.0.0:8080
  booster serve ./repository --listen 127.0.0.1:0     a free port; the address is printed
  booster serve ./repository --wsus --listen 0.0.0.0:8530 --public-url http://updates.example:8530/
                                   as an update server, beside the plain files: `booster fleet`
                                   approves releases and shows the machines

Ctrl-C or SIGTERM ends it once running answers are done. For TLS, HTTP/2 and many machines put the
folder behind nginx or a content delivery network.")]
pub struct ServeArgs {
    /// The folder of a repository, with metadata/ and targets/ in it
    #[arg(default_value = "repository", value_name = "FOLDER")]
    folder: PathBuf,
    /// The address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Speak the Windows Update client-server protocol too, with approvals and reports under `[fleet]`
    #[arg(long)]
    wsus: bool,
    /// The address under which machines reach this server [default: the one that is listened on]
    #[arg(long, value_name = "URL", requires = "wsus")]
    public_url: Option<String>,
    /// Do not log requests
    #[arg(long, short)]
    quiet: bool,
}

/// Serves until it is told to stop.
pub fn run(args: &ServeArgs, context: &Context) -> CommandResult {
    let settings = args.wsus.then(|| context.settings()).transpose()?.map(|loaded| loaded.settings);
    runtime::run(|cancel| serve(args, settings, context, cancel))??;
    Ok(Exit::Success)
}

async fn serve(
    args: &ServeArgs,
    settings: Option<Settings>,
    context: &Context,
    cancel: CancellationToken,
) -> Result<(), Box<dyn Error>> {
    let mut options = ServeOptions::default();
    if !args.quiet {
        let output = Arc::clone(&context.output);
        options.observer = Some(Arc::new(move |record| log(&output, record)));
    }
    let Some(settings) = settings else {
        let server = Server::bind(&args.folder, args.listen, options).await?;
        announce(args, context, &server);
        server.run(cancel.cancelled_owned()).await;
        return Ok(());
    };
    options.header_time = options.header_time.max(SILENCE);
    let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    options.connections = number(settings.fleet.connections);
    options.connections_per_address = number(settings.fleet.connections_per_address);
    options.proxies.clone_from(&settings.fleet.proxies);
    let mut server = Server::bind(&args.folder, args.listen, options).await?;
    let service = Arc::new(update_service(args, &settings, server.local_addr()).await?);
    server.set_beside(Arc::clone(&service) as _);
    announce(args, context, &server);
    // What machines have said last is written down once the last answer is out.
    let (stop, maintained) = (cancel.cancelled_owned(), CancellationToken::new());
    let serving = async {
        server.run(stop).await;
        maintained.cancel();
    };
    tokio::join!(serving, service.maintain(maintained.clone()));
    Ok(())
}

async fn update_service(
    args: &ServeArgs,
    settings: &Settings,
    address: SocketAddr,
) -> Result<UpdateService, Box<dyn Error>> {
    let public_url = match args.public_url.as_ref().or(settings.fleet.public_url.as_ref()) {
        Some(url) => url.clone(),
        None if address.ip().is_unspecified() => {
            let advice =
                "machines fetch files from an address that the server names: give it with --public-url";
            return Err(Usage(advice.to_owned()).into());
        }
        None => format!("http://{address}/"),
    };
    let place = args.folder.to_str().ok_or("the folder's name is not UTF-8")?;
    let repository = Repository::open(place, RepositoryOptions::default())?;
    let fleet = open_fleet(settings).await?;
    let options = UpdateServiceOptions {
        rule: match settings.fleet.approval {
            Approval::Automatic => Rule::Automatic,
            Approval::ByHand => Rule::ByHand,
        },
        cookie_lifetime: settings.fleet.cookie_lifetime.0,
        machines: settings.fleet.machines,
        registrations_per_address: settings.fleet.registrations_per_address,
        forget_after: settings.fleet.forget_after.0,
        proxies: settings.fleet.proxies.clone(),
        ..UpdateServiceOptions::new(public_url)
    };
    Ok(UpdateService::new(&args.folder, repository, Arc::new(fleet), options).await?)
}

/// Opens the fleet's database.
pub(super) async fn open_fleet(settings: &Settings) -> Result<Fleet, Box<dyn Error>> {
    if settings.fleet.database.is_none() {
        std::fs::create_dir_all(&settings.data_dir)?;
    }
    Ok(Fleet::open(&settings.fleet.location(&settings.data_dir)).await?)
}

fn announce(args: &ServeArgs, context: &Context, server: &Server) {
    context.output.line(format!("Serving {} on http://{}/", args.folder.display(), server.local_addr()));
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
