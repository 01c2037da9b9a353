//! Taking up what is published and decided: in turns, and at once where somebody asks for what another server
//! on the same database has taken up already.

use super::{
    UpdateService,
    catalog::{Catalog, GroupView},
};
use crate::{Approvals, Result, Rule};
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

/// Groups whose updates are kept written.
const GROUPS: usize = 256;

/// What is published and decided, at one moment.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) catalog: Arc<Catalog>,
    pub(super) approvals: Arc<Approvals>,
    /// What the catalog was made from.
    timestamp: Vec<u8>,
    views: Mutex<HashMap<String, Arc<GroupView>>>,
}

impl State {
    /// What machines of a group get, written once.
    pub(super) fn view(&self, group: &str, rule: Rule) -> Arc<GroupView> {
        // A view is only put there whole.
        let lock = || self.views.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = lock().get(group) {
            return Arc::clone(view);
        }
        let view = Arc::new(self.catalog.view(&self.approvals, group, rule));
        let mut views = lock();
        if views.len() >= GROUPS {
            views.clear();
        }
        views.insert(group.to_owned(), Arc::clone(&view));
        view
    }
}

/// Held by who takes something up, so that nothing is taken up twice at once.
#[derive(Debug, Default)]
pub(super) struct Taking {
    /// The timestamp that was taken up, or tried to, because somebody asked.
    asked: Vec<u8>,
}

impl UpdateService {
    /// Takes up what was published and decided since.
    pub(super) async fn take_up(&self) -> Result<()> {
        let _taking = self.taking.lock().await;
        self.take_all().await
    }

    /// Takes up at once what another server may have taken up already. Each publication is tried once for
    /// that: what was asked for may be anything.
    pub(super) async fn catch_up(&self) {
        let mut taking = self.taking.lock().await;
        let timestamp = self.published().await;
        if timestamp == self.state().timestamp || timestamp == taking.asked {
            return;
        }
        taking.asked = timestamp;
        // Boxed: it is seldom, and every request would have to have room for it.
        if let Err(error) = Box::pin(self.take_all()).await {
            tracing::error!(%error, "what another server may have taken up could not be taken up");
        }
    }

    /// The state, which has caught up unless it has what is asked for.
    pub(super) async fn state_with(&self, has: impl Fn(&Catalog) -> bool) -> Arc<State> {
        let state = self.state();
        if has(&state.catalog) {
            return state;
        }
        self.catch_up().await;
        self.state()
    }

    pub(super) fn state(&self) -> Arc<State> {
        // Only a whole state is ever put there.
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Decisions first: they must not wait until a publication is whole.
    async fn take_all(&self) -> Result<()> {
        self.agree().await?;
        self.take_decisions().await?;
        self.take_publication().await
    }

    async fn take_decisions(&self) -> Result<()> {
        let (before, approvals) = (self.state(), self.fleet.approvals().await?);
        if approvals != *before.approvals {
            self.put(State {
                catalog: Arc::clone(&before.catalog),
                approvals: Arc::new(approvals),
                timestamp: before.timestamp.clone(),
                views: Mutex::default(),
            });
            tracing::info!("what is decided was taken up");
        }
        Ok(())
    }

    async fn take_publication(&self) -> Result<()> {
        let (before, timestamp) = (self.state(), self.published().await);
        let highest = self.read_highest().await?;
        // Fewer ids than there were: the database was put back under us, and our ids are void.
        let is_void = highest < before.catalog.highest;
        if !timestamp.is_empty() && timestamp == before.timestamp && !is_void {
            return Ok(());
        }
        let publication = self.repository.publication().await?;
        let url = &self.options.public_url;
        let mut catalog = Catalog::of(publication, &self.folder, &self.fleet, url, Timestamp::now()).await?;
        if !is_void {
            catalog.keep_former(&before.catalog);
        }
        if let Err(error) = self.fleet.forget_revisions(&catalog.ids(), &catalog.digests()).await {
            tracing::warn!(%error, "what is not offered any more could not be forgotten");
        }
        self.highest.store(catalog.highest, Ordering::Relaxed);
        let (catalog, approvals) = (Arc::new(catalog), Arc::clone(&before.approvals));
        self.put(State { catalog, approvals, timestamp, views: Mutex::default() });
        tracing::info!("what is published was taken up");
        Ok(())
    }

    /// The timestamp that is published; empty where none can be read.
    async fn published(&self) -> Vec<u8> {
        tokio::fs::read(self.folder.join("metadata/timestamp.json")).await.unwrap_or_default()
    }

    /// The highest revision id that this site's servers have given.
    pub(super) async fn read_highest(&self) -> Result<i32> {
        let highest = self.fleet.highest_revision().await?;
        self.highest.store(highest, Ordering::Relaxed);
        Ok(highest)
    }

    fn put(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }
}
