//! The calls of the protocol, each turned into the one thing that it asks for.

mod refusal;
mod scan;
mod update;
mod watch;

use crate::{
    caller::{Administrators, Caller},
    operator::Updater,
    overview::Overview,
    schedule::BeforeScan,
    status::Status as MachineStatus,
    wire::{generated as proto, name, time},
};
use booster_config::Settings;
use booster_definitions::{Component, Version};
use booster_store::StoreError;
use futures_util::stream::BoxStream;
use proto::antimalware_server::Antimalware;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Answers calls.
pub(crate) struct Rpc {
    pub overview: Arc<Overview>,
    pub updater: Arc<Updater>,
    pub contents: Arc<scan::Contents>,
}

pub(crate) use scan::Contents;

impl Rpc {
    fn administrators(&self) -> Arc<Administrators> {
        self.overview.administrators.load_full()
    }

    async fn require_administrator(&self, caller: &Caller, what: &'static str) -> Result<(), Status> {
        self.administrators().require(caller, what).await.map_err(|error| {
            tracing::warn!(%caller, what, "refused: the caller is no administrator");
            refusal::not_allowed(&error)
        })
    }

    async fn machine_status(&self) -> Result<MachineStatus, Status> {
        self.overview.status().await.map_err(refusal::unreadable)
    }

    /// Reads something of the data folder.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Settings) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Status> {
        self.overview.read(read).await.map_err(refusal::unreadable)
    }
}

/// Who calls. Put there when the connection was accepted.
fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = request.extensions().get::<Caller>().copied();
    caller.ok_or_else(|| Status::unauthenticated("the system does not say who calls"))
}

fn components(status: &MachineStatus) -> Vec<proto::Component> {
    let component = |component: &crate::status::ComponentStatus| proto::Component {
        name: name(&component.name),
        installed: Some(component.version.to_string()),
        in_use: component.in_use.map(|version| version.to_string()),
        published: Some(time(component.published)),
    };
    status.components.iter().map(component).collect()
}

/// What a set in use is made of.
fn in_use<'a>(components: impl IntoIterator<Item = (&'a Component, &'a Version)>) -> Vec<proto::Component> {
    let component = |(component, version): (&Component, &Version)| proto::Component {
        name: name(component),
        installed: None,
        in_use: Some(version.to_string()),
        published: None,
    };
    components.into_iter().map(component).collect()
}

#[tonic::async_trait]
impl Antimalware for Rpc {
    type UpdateStream = BoxStream<'static, Result<proto::UpdateMessage, Status>>;
    type ScanStream = BoxStream<'static, Result<proto::ScanReply, Status>>;
    type WatchStream = BoxStream<'static, Result<proto::WatchMessage, Status>>;

    async fn update(
        &self,
        request: Request<proto::UpdateRequest>,
    ) -> Result<Response<Self::UpdateStream>, Status> {
        let caller = caller(&request)?;
        Ok(Response::new(self.start_update(request.into_inner(), caller).await?))
    }

    async fn cancel(
        &self,
        request: Request<proto::CancelRequest>,
    ) -> Result<Response<proto::CancelReply>, Status> {
        let caller = caller(&request)?;
        let number = request.into_inner().update;
        let administrators = self.administrators();
        let cancelled = self.overview.desk.cancel(number, &caller, &administrators).await;
        cancelled.map_err(|error| refusal::refused(&error))?;
        tracing::info!(%caller, update = number, "an update is cancelled");
        Ok(Response::new(proto::CancelReply {}))
    }

    async fn status(&self, _: Request<proto::StatusRequest>) -> Result<Response<proto::StatusReply>, Status> {
        let status = self.machine_status().await?;
        let json = serde_json::to_string(&status).map_err(|error| Status::internal(error.to_string()))?;
        let (running, queued) = self.overview.desk.occupied();
        let reply = proto::StatusReply {
            components: components(&status),
            json,
            out_of_date: status.out_of_date,
            running,
            queued,
        };
        Ok(Response::new(reply))
    }

    async fn version(
        &self,
        _: Request<proto::VersionRequest>,
    ) -> Result<Response<proto::VersionReply>, Status> {
        let status = self.machine_status().await?;
        let reply = proto::VersionReply {
            service: env!("CARGO_PKG_VERSION").to_owned(),
            engine: booster_engine::ENGINE_VERSION.to_string(),
            components: components(&status),
        };
        Ok(Response::new(reply))
    }

    async fn history(
        &self,
        request: Request<proto::HistoryRequest>,
    ) -> Result<Response<proto::HistoryReply>, Status> {
        let entries = self.read(|settings| settings.store().history()).await?;
        let last = match request.into_inner().last as usize {
            0 => entries.len(),
            last => last,
        };
        let shown = &entries[entries.len().saturating_sub(last)..];
        Ok(Response::new(proto::HistoryReply {
            entries: shown.iter().map(proto::HistoryEntry::from).collect(),
        }))
    }

    async fn rollback(
        &self,
        request: Request<proto::RollbackRequest>,
    ) -> Result<Response<proto::RollbackReply>, Status> {
        let caller = caller(&request)?;
        self.require_administrator(&caller, "going back to an earlier set").await?;
        Ok(Response::new(self.roll_back(request.into_inner(), caller).await?))
    }

    async fn scan(
        &self,
        request: Request<tonic::Streaming<proto::ScanRequest>>,
    ) -> Result<Response<Self::ScanStream>, Status> {
        let caller = caller(&request)?;
        Ok(Response::new(self.scan_contents(request.into_inner(), caller)?))
    }

    async fn prepare_scan(
        &self,
        _: Request<proto::PrepareScanRequest>,
    ) -> Result<Response<proto::PrepareScanReply>, Status> {
        let reply = match self.overview.scheduler.before_scan().await {
            BeforeScan::Skipped(hold) => {
                proto::PrepareScanReply { skipped: Some(hold.to_string()), report: None }
            }
            BeforeScan::Ended(report) => {
                proto::PrepareScanReply { skipped: None, report: Some((&*report).into()) }
            }
        };
        Ok(Response::new(reply))
    }

    async fn watch(
        &self,
        request: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(watch::stream(self.overview.desk.watch(), request.into_inner().progress)))
    }

    async fn health(&self, _: Request<proto::HealthRequest>) -> Result<Response<proto::HealthReply>, Status> {
        let (_, problems) = self.overview.problems().await;
        let reply = proto::HealthReply {
            healthy: problems.is_empty(),
            problems,
            since: Some(time(self.overview.since)),
        };
        Ok(Response::new(reply))
    }

    async fn metrics(
        &self,
        _: Request<proto::MetricsRequest>,
    ) -> Result<Response<proto::MetricsReply>, Status> {
        let text = self.overview.metrics().await;
        Ok(Response::new(proto::MetricsReply { text }))
    }
}
