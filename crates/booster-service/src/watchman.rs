//! Who watches the service for those who run it: logs and counts what happens, tells the service manager, and says
//! every hour how it is.

use crate::{
    desk::{By, Notice},
    exporter,
    feed::{Next, Reader},
    figures::Figures,
    log, manager,
    overview::Overview,
};
use futures_util::FutureExt as _;
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How often the log says how the service is.
const HEALTH: Duration = Duration::from_secs(3600);

/// Logs and counts what the desk tells, to the end.
pub(crate) async fn hear(mut notices: Reader<Notice>, figures: &Figures) {
    // One update runs at a time: this is who asked for it.
    let mut asked = By::Schedule;
    while let Some(next) = notices.next().await {
        let notice = match next {
            Next::Message(notice) => notice,
            Next::Missed(missed) => {
                tracing::warn!(missed, "not everything could be logged and counted");
                continue;
            }
        };
        figures.note(&notice);
        match &notice {
            Notice::Started { by, .. } => asked = *by,
            Notice::Event { .. } => {}
            Notice::Report { update, report } => {
                log::update(*update, asked, report).iter().for_each(log::Record::write);
            }
            Notice::Engine(swapped) => log::swap(swapped).write(),
            Notice::RolledBack { by, generation, rolled_back } => {
                log::rollback(*by, *generation, rolled_back).iter().for_each(log::Record::write);
            }
        }
    }
}

/// Does the rest, until the service ends.
pub(crate) async fn watch(overview: &Arc<Overview>, exporter: Option<TcpListener>, end: &CancellationToken) {
    let figures = {
        let overview = Arc::clone(overview);
        let write = move || {
            let overview = Arc::clone(&overview);
            async move { overview.metrics().await }.boxed()
        };
        Arc::new(write)
    };
    let exporting = async {
        if let Some(listener) = exporter {
            let address = overview.metrics.map(tracing::field::display);
            tracing::info!(address, "figures are served over HTTP");
            exporter::serve(listener, figures, end).await;
        }
    };
    let others = end.run_until_cancelled(async {
        tokio::join!(manager::give_signs_of_life(overview), tell_of_health(overview));
    });
    tokio::join!(exporting, manager::describe(overview, end), others);
}

async fn tell_of_health(overview: &Overview) {
    loop {
        tokio::time::sleep(HEALTH).await;
        let (status, problems) = overview.problems().await;
        log::health(status.as_ref(), &problems).iter().for_each(log::Record::write);
    }
}
