//! What the service knows at a moment, gathered from where it is: the data folder, the engine, the desk and the
//! schedule.

use crate::{
    caller::Administrators,
    connections::Connected,
    desk::Desk,
    engine::Engine,
    figures::Figures,
    schedule::Scheduler,
    status::{ServiceStatus, Status},
};
use arc_swap::ArcSwap;
use booster_config::Settings;
use booster_store::StoreError;
use jiff::Timestamp;
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::task::JoinError;

/// What the service is made of, for whoever asks it something.
pub(crate) struct Overview {
    pub settings: Arc<ArcSwap<Settings>>,
    /// Made anew when the settings are read again.
    pub administrators: ArcSwap<Administrators>,
    pub desk: Arc<Desk>,
    pub engine: Arc<Engine>,
    pub scheduler: Arc<Scheduler>,
    pub figures: Arc<Figures>,
    pub connected: Arc<Connected>,
    pub socket: PathBuf,
    /// Where figures are served over HTTP.
    pub metrics: Option<SocketAddr>,
    pub since: Timestamp,
}

/// Why something of the data folder could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("reading the data folder: {0}")]
    Died(#[from] JoinError),
}

impl Overview {
    /// Reads something of the data folder, beside the thread that all callers share: a disk may be slow.
    ///
    /// # Errors
    /// It is damaged or cannot be read.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Settings) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Unreadable> {
        let settings = self.settings.load_full();
        Ok(tokio::task::spawn_blocking(move || read(&settings)).await??)
    }

    /// What is installed, with what only the service knows.
    ///
    /// # Errors
    /// The data folder is damaged or cannot be read.
    pub async fn status(&self) -> Result<Status, Unreadable> {
        let mut status = self.read(|settings| Status::read(settings, Timestamp::now())).await?;
        let in_use = self.engine.in_use();
        for component in &mut status.components {
            let used = in_use.as_ref().and_then(|in_use| in_use.scanner.components().get(&component.name));
            component.in_use = used.copied();
        }
        let (running, queued) = self.desk.occupied();
        status.service = Some(ServiceStatus {
            socket: self.socket.clone(),
            since: self.since,
            running,
            queued,
            engine_generation: in_use.map(|in_use| in_use.generation),
            engine_problem: self.engine.problem(),
            metrics: self.metrics,
            schedule: self.scheduler.snapshot(),
        });
        Ok(status)
    }

    /// What keeps the service from doing its work, one sentence each, and the status as far as it is known.
    pub async fn problems(&self) -> (Option<Status>, Vec<String>) {
        let mut problems: Vec<_> = self.engine.problem().into_iter().collect();
        let status = self.status().await.map_err(|error| problems.push(error.to_string())).ok();
        match &status {
            Some(status) if status.components.is_empty() => {
                problems.push("no definitions are installed".into());
            }
            Some(status) if status.out_of_date => problems.push("the definitions are out of date".into()),
            _ => {}
        }
        (status, problems)
    }

    /// The figures in the text format of OpenMetrics, which Prometheus reads.
    pub async fn metrics(&self) -> String {
        let status = self.status().await;
        let status = status.inspect_err(|error| tracing::warn!(%error, "some figures are missing"));
        self.figures.text(status.as_ref().ok(), self.connected.count(), Timestamp::now())
    }
}
