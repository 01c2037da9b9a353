//! The engine that the service has loaded, and how it goes over to other definitions.
//!
//! New definitions are opened while the old ones serve; then one pointer changes. Who scans goes on with what it
//! began with, who begins takes what is there: nobody waits. What cannot be opened changes nothing.

use crate::{loader::Loader, log};
use arc_swap::ArcSwapOption;
use booster_config::Settings;
use booster_definitions::{Component, Version};
use booster_engine::{ImageError, Scanner};
use booster_store::{Installed, Loading, RolledBack, StoreError};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What deaths while loading definitions are counted by.
const PROGRAM: &str = "service";
/// For how long new definitions must have served before they count as loaded.
const SETTLED_AFTER: Duration = Duration::from_secs(60);

/// The definitions that scans use.
#[derive(Debug)]
pub(crate) struct Engine {
    in_use: ArcSwapOption<InUse>,
    loader: Loader,
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

/// What came of looking at what is installed.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// What changed, or why nothing did.
    pub swapped: Option<Swapped>,
    /// What the look itself has gone back from, because it killed too many who loaded it.
    pub rolled_back: Option<RolledBack>,
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
    #[error("the engine died while it loaded the definitions of generation {generation}")]
    Died { generation: u64 },
}

impl Engine {
    /// An engine without definitions.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start() -> io::Result<Self> {
        let loader = Loader::start()?;
        Ok(Self { in_use: ArcSwapOption::empty(), loader, problem: Mutex::default() })
    }

    /// What is in use.
    pub fn in_use(&self) -> Option<Arc<InUse>> {
        self.in_use.load_full()
    }

    /// Why the installed definitions are not in use, if they could not be loaded.
    pub fn problem(&self) -> Option<String> {
        self.lock_problem().clone()
    }

    /// Goes over to the current generation, unless it is in use already; it may take a second, while scans go on.
    pub fn follow(&self, settings: &Settings) -> Followed {
        let mut rolled_back = None;
        let loaded = self.load(settings, &mut rolled_back);
        let problem = loaded.as_ref().err().map(ToString::to_string);
        let known = std::mem::replace(&mut *self.lock_problem(), problem.clone());
        let swapped = match loaded {
            Ok(None) => None,
            Ok(Some(in_use)) => Some(self.go_over(in_use)),
            // Tried again and again, and told once.
            Err(_) if known == problem => None,
            Err(error) => Some(self.stays(&error)),
        };
        Followed { swapped, rolled_back }
    }

    /// What is told where it cannot go over.
    pub fn stays(&self, error: &LoadError) -> Swapped {
        if matches!(error, LoadError::Died { .. }) {
            log::engine_died(error).write();
        }
        let before = self.in_use();
        let generation = before.as_ref().map_or(0, |before| before.generation);
        let components = before.map(|before| before.scanner.components().clone()).unwrap_or_default();
        Swapped { time: Timestamp::now(), generation, components, failed: Some(error.to_string()) }
    }

    /// Opens a set, to go over to it later.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(&self, installed: &Installed, settings: &Settings) -> Result<Arc<InUse>, LoadError> {
        let loading = settings.store().load_current(PROGRAM)?.map(|(_, loading)| loading);
        self.open_with(installed, loading, settings)
    }

    /// Goes over to what was opened.
    pub fn go_over(&self, to: Arc<InUse>) -> Swapped {
        *self.lock_problem() = None;
        let (generation, components) = (to.generation, to.scanner.components().clone());
        self.in_use.store(Some(to));
        Swapped { time: Timestamp::now(), generation, components, failed: None }
    }

    fn load(
        &self,
        settings: &Settings,
        rolled_back: &mut Option<RolledBack>,
    ) -> Result<Option<Arc<InUse>>, LoadError> {
        let store = settings.store();
        let Some(current) = store.current()? else {
            // Removed by an administrator: nothing is to be detected with.
            self.in_use.store(None);
            return Ok(None);
        };
        let in_use = self.in_use();
        if in_use.as_ref().is_some_and(|in_use| in_use.generation == current.record().number) {
            return Ok(None);
        }
        // Somebody is being asked about it just now, this engine among them.
        if in_use.is_some() && store.awaits_approval()? {
            return Ok(None);
        }
        let Some((installed, loading)) = store.load_current(PROGRAM)? else { return Ok(None) };
        *rolled_back = loading.rolled_back().cloned();
        self.open_with(&installed, Some(loading), settings).map(Some)
    }

    /// One set after the other: there is one thread for that.
    fn open_with(
        &self,
        installed: &Installed,
        loading: Option<Loading>,
        settings: &Settings,
    ) -> Result<Arc<InUse>, LoadError> {
        let generation = installed.record().number;
        let (installed, limits) = (installed.clone(), settings.scan_limits());
        let open = move || Scanner::open_on_this_thread(&installed.image_dir(), installed.dir(), limits);
        let opened = self.loader.run(open).ok_or(LoadError::Died { generation })?;
        let scanner = opened.map_err(|source| LoadError::Image { generation, source })?;
        Ok(Arc::new(InUse { scanner, generation, settling: Mutex::new(loading) }))
    }

    fn lock_problem(&self) -> MutexGuard<'_, Option<String>> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InUse {
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
