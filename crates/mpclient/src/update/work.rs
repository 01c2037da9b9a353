//! The work of an update: done in this process, or by the service, which is followed.
//!
//! Either tells the same events and ends with the same report; who hears them does not know where it was done.

use super::{Notification, run::Run};
use crate::{Hresult, Manager, error::Result};
use booster_config::Settings;
use booster_engine::Worker;
use booster_service::{
    Asked,
    client::{Choice, Client, Followed, Progress},
};
use booster_store::Operation;
use booster_update::{
    Event, EventKind, OPERATION, Report, SystemClock, UpdateRequest, pin_root, run_holding,
};
use std::path::PathBuf;

/// What is to be done.
pub(super) struct Order {
    pub manager: Manager,
    pub settings: Settings,
    pub asked: Asked,
    pub progress: bool,
}

/// An update that has begun.
pub(super) enum Work {
    Here(Box<Here>),
    InService(Box<InService>),
}

/// Where an update has begun.
#[derive(Debug, Clone)]
pub(super) enum Begun {
    /// In this process.
    Here,
    /// In the service.
    InService {
        /// Where that listens.
        socket: PathBuf,
        /// The update's number there.
        number: u64,
    },
}

/// An update of this process, which holds the data folder.
pub(super) struct Here {
    operation: Operation,
    worker: Worker,
    request: UpdateRequest,
}

/// An update of the service.
pub(super) struct InService {
    followed: Followed,
    socket: PathBuf,
}

impl Order {
    /// Has the service take it, or takes the data folder.
    pub async fn begin(self) -> Result<Work> {
        match Client::choose(self.settings.service.using, &self.settings).await? {
            Choice::Service(mut client) => {
                let followed = client.update(&self.asked, self.progress).await?;
                let socket = client.socket().to_owned();
                Ok(Work::InService(Box::new(InService { followed, socket })))
            }
            Choice::Embedded(_) => Ok(Work::Here(Box::new(self.begin_here()?))),
        }
    }

    fn begin_here(self) -> Result<Here> {
        let settings = &self.settings;
        let sources = self.asked.sources(settings)?;
        let worker = self.manager.worker(settings)?;
        let operation = settings.store().begin(OPERATION)?;
        if let Some(root) = &settings.root {
            pin_root(&operation, root, false)?;
        }
        let request = UpdateRequest {
            sources,
            check_only: false,
            at_once: false,
            patient: false,
            progress: self.progress,
            components: settings.wanted_components(),
            options: settings.update_options(),
        };
        Ok(Here { operation, worker, request })
    }
}

impl Work {
    pub fn begun(&self) -> Begun {
        match self {
            Self::Here(_) => Begun::Here,
            Self::InService(work) => {
                Begun::InService { socket: work.socket.clone(), number: work.followed.number }
            }
        }
    }

    /// Tells what happens, to the end.
    pub async fn see_to_its_end(self, run: &Run) -> Result<Report> {
        match self {
            Self::Here(work) => Ok(work.run(run).await),
            Self::InService(work) => work.follow(run).await,
        }
    }
}

impl Here {
    async fn run(self, run: &Run) -> Report {
        let clock = SystemClock::default();
        let tell = |event: &Event| run.tell(event.into());
        run_holding(self.operation, &self.worker, self.request, &tell, &run.cancel, &clock).await
    }
}

impl InService {
    async fn follow(mut self, run: &Run) -> Result<Report> {
        let mut complete = None;
        loop {
            let told = tokio::select! {
                told = self.followed.next() => told?,
                () = run.leave.cancelled() => return Err(Hresult::ERROR_MP_ALREADY_SHUTDOWN.into()),
            };
            match told {
                Progress::Queued(_) => {}
                // Only with the report the service is done with it: the next update may be asked for from this
                // notification, and is not to join the one that ends.
                Progress::Event(event) if event.kind == EventKind::Complete => {
                    complete = Some(Notification::from(&*event));
                }
                Progress::Event(event) => run.tell((&*event).into()),
                Progress::Report(report) => {
                    complete.into_iter().for_each(|complete| run.tell(complete));
                    return Ok(*report);
                }
            }
        }
    }
}
