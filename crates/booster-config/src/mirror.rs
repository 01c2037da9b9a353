//! What a mirror is made with.

use crate::Settings;
use booster_definitions::Digest;
use booster_publish::MirrorRequest;
use booster_sources::Source;
use booster_trust::ClientOptions;
use std::sync::Arc;

impl Settings {
    /// How the mirror at a place is brought up to date from a source. What it needs besides lies in a folder of
    /// the data folder, one for each place.
    pub fn mirror_request(&self, source: Arc<dyn Source>, place: &str) -> MirrorRequest {
        let name = Digest::of(place.as_bytes()).to_string();
        MirrorRequest {
            source,
            work: self.data_dir.join("mirrors").join(&name[..16]),
            root: None,
            trust: ClientOptions { freshness: self.freshness_policy(), ..ClientOptions::default() },
            transfer: self.transfer_rules(),
            retries: self.transfer.retries,
            retry_pause: self.transfer.retry_pause.0,
            verify: false,
        }
    }
}
