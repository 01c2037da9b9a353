//! The update operation: search, download, install, with its events and one outcome.
//!
//! [`run`] asks the sources in order, believes what `booster-trust` has verified, fetches what is
//! missing, has the engine build and test it in a process of its own, and switches the store to
//! it. It promises:
//!
//! * One outcome ([`Report`]), and the events of the documented API in their order ([`Order`]); each
//!   that begins something is followed by one that ends it.
//! * Whatever happens, the installed set is the old one or the new one, whole. All components
//!   switch together.
//! * A cancellation takes effect within a second in every stage, and leaves no debris.
//! * A download that was broken off, however that happened, is gone on with by the next operation, and
//!   what is there is checked as if it arrived anew.
//! * New definitions that another engine rejects, or that a health command is not content with, are left at
//!   once, and not taken again.
//! * A source that fails is left for the next one, and the report says why.
//! * A source that asked to be left alone is; one that keeps failing is by those who ask unbidden
//!   ([`UpdateRequest::patient`]), longer each time.
//! * Memory is bounded whatever the size of a release: everything large is streamed.
//!
//! What is to be done is decided by pure functions ([`plan()`]); it does not know when to run, who may
//! ask for it, or how anything is shown.
//!
//! ```no_run
//! use booster_engine::Worker;
//! use booster_sources::DirectorySource;
//! use booster_store::{Store, StoreOptions};
//! use booster_update::{Event, SystemClock, UpdateRequest, run};
//! use std::sync::Arc;
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() {
//! let store = Store::new("/var/lib/booster", StoreOptions::default());
//! let worker = Worker::new("booster", ["engine-worker"]);
//! let sources: Vec<Arc<dyn booster_sources::Source>> = vec![Arc::new(DirectorySource::new("/media/usb"))];
//! let request = UpdateRequest { sources, progress: true, ..UpdateRequest::default() };
//! let tell = |event: &Event| println!("{:?} {} %", event.kind, event.percent);
//! let report =
//!     run(&store, &worker, request, &tell, &CancellationToken::new(), &SystemClock::default()).await;
//! println!("{}", report.outcome);
//! # }
//! ```
#![forbid(unsafe_code)]

mod approval;
mod back_off;
mod budget;
mod choose;
mod clock;
mod context;
mod detail;
mod download;
mod engines;
mod error;
mod event;
mod health;
mod install;
mod kind;
mod loaded;
mod obtain;
mod order;
mod owner;
mod plan;
mod progress;
mod rebuild;
mod records;
mod report;
mod request;
mod rollback;
mod root;
mod run;
mod search;
mod sequencer;
mod transfer;
mod trial;
mod way;

pub use back_off::{BackOff, part};
pub use clock::{Clock, FakeClock, SystemClock};
pub use detail::{Detail, SystemFailure, UnknownDetail};
pub use download::DownloadOptions;
pub use engines::{EngineError, EngineStatus, bring_engines, engine_status};
pub use error::{Cause, SourceRef, UpdateError, words};
pub use event::{Event, EventKind, EventResult, Stage};
pub use kind::ErrorKind;
pub use loaded::{GoOver, LoadedEngine};
pub use order::{Order, OutOfOrder};
pub use owner::check_owner;
pub use plan::{Held, InstalledRelease, Plan, Policy, Step, plan};
pub use records::{attempted, left_alone_until, source_key};
pub use report::{ComponentChange, How, Outcome, Report, SourceTried};
pub use request::{UpdateOptions, UpdateRequest};
pub use rollback::{RollbackError, RollbackRequest, roll_back};
pub use root::{RootError, pin_root};
pub use run::{OPERATION, run, run_holding, unbegun};
pub use sequencer::Observer;
pub use trial::{Spike, TrialOptions, Tried, try_installed};
pub use way::{Means, Way, way};
