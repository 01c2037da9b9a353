//! What is asked of an operation, and the limits that it keeps.

use crate::{BackOff, DownloadOptions, LoadedEngine, TrialOptions};
use booster_definitions::{Channel, Component, Place, Version, archive};
use booster_engine::{BuildOptions, CommandLine, ENGINE_VERSION, OnInvalid, adapter::Adapter};
use booster_sources::{Source, TransferRules};
use booster_trust::ClientOptions;
use std::{sync::Arc, time::Duration};

/// What is asked of an operation.
#[derive(Debug, Clone, Default)]
pub struct UpdateRequest {
    /// Where to look, in this order.
    pub sources: Vec<Arc<dyn Source>>,
    /// Whether to look only, and to download and install nothing.
    pub check_only: bool,
    /// Whether to take releases although the roll-out has not reached this machine. One that is halted is not.
    pub at_once: bool,
    /// Whether sources that failed lately are left alone for a while, longer after each failure: for whoever
    /// asks unbidden, as a schedule does. A person who asks wants to know whether it works now.
    pub patient: bool,
    /// Whether progress events are wanted.
    pub progress: bool,
    /// The components to update; `None` is every one that is offered.
    pub components: Option<Vec<Component>>,
    /// The limits that the operation keeps.
    pub options: UpdateOptions,
}

/// The limits that an operation keeps, each with a default.
#[derive(Debug, Clone)]
pub struct UpdateOptions {
    /// How metadata is judged, and how much of it is taken.
    pub trust: ClientOptions,
    /// When a transfer is given up.
    pub transfer: TransferRules,
    /// How downloads are gone on with, and how much they may be.
    pub download: DownloadOptions,
    /// Bytes of a release manifest.
    pub manifest_bytes: u64,
    /// How much a release may hold.
    pub archive: archive::Limits,
    /// Largest window that decompression may need, as a power of two in bytes: it bounds memory.
    pub window_log: u32,
    /// How definitions are built.
    pub build: BuildOptions,
    /// The version of this build's engine.
    pub engine: Version,
    /// The machines that this one takes releases with.
    pub channel: Channel,
    /// Its place in roll-outs; `None` for the one that the machine has by itself.
    pub place: Option<Place>,
    /// From which age on, by the signed date of publication, definitions are out of date.
    pub out_of_date_after: Duration,
    /// From which age on of its newest release a source is left for the next one; `None` for never.
    pub stale_after: Option<Duration>,
    /// What new definitions are tried on.
    pub trial: TrialOptions,
    /// The engines beside the built-in one.
    pub engines: Vec<Adapter>,
    /// The built-in engine, where this process has it loaded.
    pub loaded: Option<Arc<dyn LoadedEngine>>,
    /// What is asked whether the machine is well after the switch.
    pub health: Option<CommandLine>,
    /// For how long a source that failed is left alone by patient requests.
    pub back_off: BackOff,
}

impl Default for UpdateOptions {
    /// Manifests of 1 MiB, a window of 16 MiB, the broad channel, seven days of age as in the documented API. Rules that the engine cannot take are left out: the
    /// publisher was told of them, and has published the rest on purpose.
    fn default() -> Self {
        Self {
            trust: ClientOptions::default(),
            transfer: TransferRules::default(),
            download: DownloadOptions::default(),
            manifest_bytes: 1 << 20,
            archive: archive::Limits::default(),
            window_log: 24,
            build: BuildOptions { on_invalid: OnInvalid::LeaveOut, ..BuildOptions::default() },
            engine: ENGINE_VERSION,
            channel: Channel::Broad,
            place: None,
            out_of_date_after: Duration::from_secs(7 * 86_400),
            stale_after: None,
            trial: TrialOptions::default(),
            engines: Vec::new(),
            loaded: None,
            health: None,
            back_off: BackOff::default(),
        }
    }
}
