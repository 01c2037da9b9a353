//! Generations of installed definitions on disk.
//!
//! A generation is an immutable folder: the files of every component, and the image that the
//! engine made of them. One is current. This crate promises:
//!
//! * A new generation becomes visible in one atomic, flushed step ([`Staging::commit`]); all
//!   components switch together. A crash at any instruction leaves the old generation current or
//!   the new one, and the next [`Store::begin`] removes what the crash left.
//! * One operation at a time changes a data folder ([`StoreError::Busy`] says which one does).
//! * Reading ([`Store::current`], [`Store::history`], [`Store::checks`]) writes nothing and needs no
//!   lock.
//! * Going back and what is not taken again are one step, too ([`Operation::roll_back`]); a set that
//!   crashes whoever loads it is left by itself ([`Store::load_current`]).
//! * [`verify`] finds every byte of the installed set that differs from what the publisher signed.
//!
//! It does not know where releases come from or what an engine makes of them.
//!
//! ```text
//! <data folder>/
//!   lock                  held while an operation runs; names it
//!   current               the current and the last known good generation, and the rejected releases
//!   trust/                the trusted metadata (booster-trust)
//!   generations/00000012/ generation.json, <component>/, image/, and per component its manifest,
//!                         its file list and, in authority/, the metadata that authorised it
//!   staging/              work in progress: debris as soon as nobody holds the lock
//!   downloads/            downloads that have begun, to be gone on with
//!   loading/              who is loading a new generation, and who died of that
//!   history.json          what operations changed
//!   checks.json           when each source was last asked, its last error, and until when it is left alone
//!   attempts.json         how the last operations went
//!   traffic.json          how much has been downloaded of releases lately
//!   failed-patches.json   patches that did not give what was signed
//!   engines.json          what other engines were given, and what they use
//!   decisions.json        what the administrator decided: pins and a pause
//!   place.json            the machine's place in roll-outs, where the system has no identity
//! ```
#![forbid(unsafe_code)]

mod attempts;
mod decisions;
mod downloads;
mod engines;
mod error;
mod failed_patches;
mod generation;
mod journal;
mod lock;
mod operation;
mod place;
mod pointer;
mod probation;
mod rejected;
mod removal;
mod rollback;
mod staging;
mod store;
pub mod verify;

pub use attempts::Attempts;
pub use decisions::{Decisions, Pause, Pin, PinLimit};
pub use downloads::{CopyTag, Downloads};
pub use engines::{EngineRecord, EngineSet};
pub use error::StoreError;
pub use failed_patches::FailedPatch;
pub use generation::{GenerationRecord, Installed, InstalledComponent};
pub use journal::{Change, HistoryEntry, SourceCheck, Traffic};
pub use operation::Operation;
pub use probation::{Loading, Probation};
pub use rejected::{RejectedRelease, Verdict, Why};
pub use removal::RestoreError;
pub use rollback::RolledBack;
pub use staging::{NewComponent, Staging};
pub use store::{Store, StoreOptions};
