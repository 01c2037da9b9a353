//! The engine that the service has loaded, and how it goes over to other definitions.
//!
//! New definitions are opened while the old ones serve; then one pointer changes. Who scans goes on with what it
//! began with, who begins takes what is there: nobody waits. What cannot be opened changes nothing.

use arc_swap::ArcSwapOption;
use booster_config::Settings;
use booster_definitions::{Component, Version};
use booster_engine::{ImageError, Scanner};
use booster_store::{Installed, Loading, StoreError};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What deaths while loading definitions are counted by.
const PROGRAM: &str = "service";
/// For how long new definitions must have served before they count as loaded.
const SETTLED_AFTER: Duration = Duration::from_secs(60);

/// The definitions that scans use.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    in_use: ArcSwapOption<InUse>,
    /// Held while definitions are loaded: one set after the other.
    loading: Mutex<()>,
    problem: Mutex<Option<String>>,
}

/// Definitions in use.
#[derive(Debug)]
pub(crate) struct InUse {
    pub scanner: Scanner,
    pub generation: u64,
    /// Says that loading has gone well, once they have served for a while.
    settling: Mutex<Option<Loading>>,
}

/// The engine has gone over to a set, or could not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swapped {
    /// When.
    pub time: Timestamp,
    /// The generation.
    pub generation: u64,
    /// What it holds.
    pub components: BTreeMap<Component, Version>,
    /// Why it could not; what was in use is.
    pub failed: Option<String>,
}

/// Definitions that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the definitions of generation {generation} cannot be loaded: {source}")]
    Image {
        generation: u64,
        #[source]
        source: ImageError,
    },
}

impl Engine {
    /// What is in use.
    pub fn in_use(&self) -> Option<Arc<InUse>> {
        self.in_use.load_full()
    }

    /// Why the installed definitions are not in use, if they could not be loaded.
    pub fn problem(&self) -> Option<String> {
        self.lock_problem().clone()
    }

    /// Goes over to the current generation, unless it is in use already; it may take a second, while scans go on.
    /// Says what changed, or why nothing did.
    pub fn follow(&self, settings: &Settings) -> Option<Swapped> {
        let _one_at_a_time = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = self.load(settings);
        let problem = loaded.as_ref().err().map(ToString::to_string);
        let known = std::mem::replace(&mut *self.lock_problem(), problem.clone());
        let time = Timestamp::now();
        match loaded {
            Ok(None) => None,
            Ok(Some(in_use)) => {
                let (generation, components) = (in_use.generation, in_use.scanner.components().clone());
                tracing::info!(generation, "the engine uses new definitions");
                Some(Swapped { time, generation, components, failed: None })
            }
            // Tried again and again, and told once.
            Err(_) if known == problem => None,
            Err(error) => {
                tracing::error!(%error, "the engine goes on with the definitions that it has");
                let before = self.in_use();
                let generation = before.as_ref().map_or(0, |before| before.generation);
                let components = before.map(|before| before.scanner.components().clone());
                let components = components.unwrap_or_default();
                Some(Swapped { time, generation, components, failed: problem })
            }
        }
    }

    fn load(&self, settings: &Settings) -> Result<Option<Arc<InUse>>, LoadError> {
        let store = settings.store();
        let Some(current) = store.current()? else {
            // Removed by an administrator: nothing is to be detected with.
            self.in_use.store(None);
            return Ok(None);
        };
        if self.in_use().is_some_and(|in_use| in_use.generation == current.record().number) {
            return Ok(None);
        }
        let Some((installed, loading)) = store.load_current(PROGRAM)? else { return Ok(None) };
        let in_use = Arc::new(InUse::open(&installed, loading, settings)?);
        self.in_use.store(Some(Arc::clone(&in_use)));
        Ok(Some(in_use))
    }

    fn lock_problem(&self) -> MutexGuard<'_, Option<String>> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InUse {
    fn open(installed: &Installed, loading: Loading, settings: &Settings) -> Result<Self, LoadError> {
        let generation = installed.record().number;
        let scanner = Scanner::open(&installed.image_dir(), installed.dir(), settings.scan_limits())
            .map_err(|source| LoadError::Image { generation, source })?;
        Ok(Self { scanner, generation, settling: Mutex::new(Some(loading)) })
    }

    /// Waits until the definitions have served for a while, and says so.
    pub async fn settle(self: Arc<Self>) {
        let weak = Arc::downgrade(&self);
        drop(self);
        tokio::time::sleep(SETTLED_AFTER).await;
        let Some(settled) = weak.upgrade() else { return };
        let loading = settled.settling.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(loading) = loading {
            loading.succeeded();
        }
    }
}
