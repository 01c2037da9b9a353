//! The client workflow: one repository, one trusted state, and everything in between.

use crate::{
    admission::admit,
    clock::{FreshnessPolicy, judged_at},
    error::{Result, TrustError},
    overlay::Overlay,
    roles::RoleVersions,
    state::TrustedState,
    target::VerifiedTarget,
    watch::{Watch, Watched},
};
use jiff::Timestamp;
use sigstore_tuf::{Repository, TargetFile, Updater, UpdaterConfig};
use std::{sync::Arc, time::Duration};

/// What the freshness of metadata, its size and a lagging cache are met with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientOptions {
    /// How expiry is judged.
    pub freshness: FreshnessPolicy,
    /// How much the repository may send.
    pub limits: Limits,
    /// How many times a source that offers an older timestamp than a known one is asked again.
    pub retries: u32,
    /// The pause before it is asked again; it doubles each time.
    pub retry_pause: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            freshness: FreshnessPolicy::default(),
            limits: Limits::default(),
            retries: 2,
            retry_pause: Duration::from_millis(500),
        }
    }
}

/// The greatest sizes and numbers that a client takes from a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one root file.
    pub root: u64,
    /// Bytes of the timestamp file.
    pub timestamp: u64,
    /// Bytes of the snapshot file.
    pub snapshot: u64,
    /// Bytes of one targets file.
    pub targets: u64,
    /// New roots followed in one refresh.
    pub root_rotations: u32,
    /// Targets roles visited in the search for one target.
    pub delegations: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            root: 512 << 10,
            timestamp: 16 << 10,
            snapshot: 2 << 20,
            targets: 8 << 20,
            root_rotations: 64,
            delegations: 32,
        }
    }
}

impl Limits {
    fn config(self) -> UpdaterConfig {
        let mut config = UpdaterConfig::default();
        config.root_max_length = self.root;
        config.timestamp_max_length = self.timestamp;
        config.snapshot_max_length = self.snapshot;
        config.targets_max_length = self.targets;
        config.max_root_rotations = self.root_rotations;
        config.max_delegations = self.delegations;
        config
    }
}

/// The answer to a [`Client::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The repository's timestamp is byte for byte the trusted one, and nothing trusted has expired.
    Unchanged,
    /// Anything else: a refresh will tell.
    Changed,
}

/// One machine's view of one repository.
///
/// A client must not be used by two operations at a time on the same folder of state. A dropped
/// (cancelled) call leaves the state as it was before the call.
pub struct Client {
    repository: Arc<Watch>,
    state: TrustedState,
    options: ClientOptions,
    /// The verifier after a successful refresh, and what it writes to.
    verifier: Option<(Updater, Arc<Overlay>)>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("state", &self.versions()).field("options", &self.options).finish()
    }
}

impl Client {
    /// A client of the repository that starts from what is already trusted, and removes what a crash
    /// in the middle of a commit left in the state's folder.
    ///
    /// # Errors
    /// [`TrustError::NotInitialised`] if no root is pinned, [`TrustError::Io`].
    pub fn new(
        repository: impl Repository + 'static,
        state: TrustedState,
        options: ClientOptions,
    ) -> Result<Self> {
        state.data()?;
        state.discard_leftovers()?;
        let repository = Arc::new(Watch::new(repository, options.limits.root_rotations));
        Ok(Self { repository, state, options, verifier: None })
    }

    /// Asks with one request whether anything is new. Nothing is accepted or persisted.
    ///
    /// New roots are not asked for: whoever could keep a new timestamp from this machine could keep a
    /// new root from it as well, and a publisher who rotates the root signs a new timestamp with it.
    ///
    /// # Errors
    /// [`TrustError::Transport`], [`TrustError::Missing`] or [`TrustError::TooLarge`], about
    /// `timestamp.json`.
    pub async fn check(&mut self, now: Timestamp) -> Result<Check> {
        let offered = self.repository.timestamp(self.options.limits.timestamp).await?;
        Ok(if self.is_current(&offered, now)? { Check::Unchanged } else { Check::Changed })
    }

    fn is_current(&self, offered: &[u8], now: Timestamp) -> Result<bool> {
        if self.state.data()?.timestamp.as_deref().map(str::as_bytes) != Some(offered) {
            return Ok(false);
        }
        let roles = self.state.roles()?;
        let judged_at = judged_at(self.options.freshness, now, self.state.signed_at(), None);
        Ok(roles.complete() && judged_at.is_ok_and(|at| roles.check_fresh(at).is_ok()))
    }

    /// Runs the whole TUF client workflow, and commits what was verified in one step, also when a
    /// later role failed.
    ///
    /// # Errors
    /// Every variant of [`TrustError`] that concerns metadata, the transport or the state file. A
    /// timestamp that stays older than the known one is [`TrustError::OlderThanKnown`].
    pub async fn refresh(&mut self, now: Timestamp) -> Result<()> {
        let mut asked = 1;
        loop {
            let result = self.refresh_once(now).await;
            let Err(TrustError::OlderThanKnown { known, offered, .. }) = result else { return result };
            if asked > self.options.retries {
                return Err(TrustError::OlderThanKnown { known, offered, attempts: asked });
            }
            tracing::debug!(known, offered, asked, "older timestamp offered, asking again");
            let doublings = (asked - 1).min(16);
            tokio::time::sleep(self.options.retry_pause.saturating_mul(1 << doublings)).await;
            asked += 1;
        }
    }

    async fn refresh_once(&mut self, now: Timestamp) -> Result<()> {
        self.verifier = None;
        self.repository.release();
        let judged_at = self.judged_at_with_offer(now).await?;
        let overlay = Arc::new(Overlay::new(self.state.data()?));
        let mut updater = self.updater(&overlay)?;
        let verified = updater.refresh(judged_at).await;
        let verified = verified.map_err(|error| self.repository.explain(error, updater.trusted().root()));
        self.settle(&overlay, judged_at, now, verified)?;
        self.verifier = Some((updater, overlay));
        Ok(())
    }

    /// In the air-gapped policy the offered timestamp itself says when it was signed. It is read before
    /// it is verified, and the verifier then gets exactly these bytes.
    async fn judged_at_with_offer(&self, now: Timestamp) -> Result<Timestamp> {
        let offered = match self.options.freshness {
            FreshnessPolicy::Enforced => None,
            FreshnessPolicy::SignedTime { .. } => {
                self.repository.peek_signed_at(self.options.limits.timestamp).await?
            }
        };
        judged_at(self.options.freshness, now, self.state.signed_at(), offered)
    }

    /// The verifier, started from the pinned root and walked up the known chain of roots.
    fn updater(&self, overlay: &Arc<Overlay>) -> Result<Updater> {
        let data = self.state.data()?;
        let damaged = |reason: String| TrustError::Damaged { path: self.state.path().to_owned(), reason };
        let pinned = data.pinned_root()?.as_bytes();
        let updater = Updater::new(Watched(self.repository.clone()), pinned)
            .map_err(|error| damaged(crate::roles::reason(&error)))?
            .with_config(self.options.limits.config())
            .with_store(overlay.clone());
        if updater.trusted().root().version != data.floors.root {
            return Err(damaged("the chain of roots does not verify".to_owned()));
        }
        Ok(updater)
    }

    /// The one place where verified files become trusted.
    fn settle<T>(
        &mut self,
        overlay: &Overlay,
        judged_at: Timestamp,
        now: Timestamp,
        verified: Result<T>,
    ) -> Result<T> {
        let admission = admit(self.state.data()?, overlay.take(), judged_at);
        self.state.commit(admission.data)?;
        // What is refused here comes before what made the verifier stop.
        let outcome = admission.refused.map_or(verified, Err);
        // Roles that were kept from before have to be fresh as well, now that more is known of the time.
        let outcome =
            outcome.and_then(|value| self.state.roles()?.check_fresh(admission.judged_at).map(|()| value));
        outcome.map_err(|error| name_the_clock(error, now, admission.judged_at))
    }

    /// Finds a target in the verified metadata, following delegations. Needs a successful
    /// [`Client::refresh`] by this client.
    ///
    /// # Errors
    /// [`TrustError::NoSuchTarget`], [`TrustError::NotRefreshed`], [`TrustError::UnsafeTarget`], and
    /// those of a refresh for delegated roles.
    pub async fn target(&mut self, path: &str, now: Timestamp) -> Result<VerifiedTarget> {
        let judged_at = judged_at(self.options.freshness, now, self.state.signed_at(), None)?;
        let (updater, overlay) = self.verifier.as_mut().ok_or(TrustError::NotRefreshed)?;
        let found = updater.get_target_info(path, judged_at).await;
        let root = updater.trusted().root();
        let consistent = root.consistent_snapshot;
        let found = found.map_err(|error| self.repository.explain(error, root));
        let overlay = overlay.clone();
        let file = self
            .settle(&overlay, judged_at, now, found)?
            .ok_or_else(|| TrustError::NoSuchTarget { path: path.to_owned() })?;
        VerifiedTarget::new(path, file, consistent)
    }

    /// The targets that the trusted top-level targets role lists, by path.
    pub fn targets(&self) -> impl Iterator<Item = (&str, &TargetFile)> {
        self.state.targets()
    }

    /// The newest time that the publisher has signed.
    pub fn signed_at(&self) -> Option<Timestamp> {
        self.state.signed_at()
    }

    /// The versions of the trusted roles.
    pub fn versions(&self) -> RoleVersions {
        self.state.versions()
    }

    /// The trusted state as committed.
    pub fn state(&self) -> &TrustedState {
        &self.state
    }

    /// Gives the trusted state back.
    pub fn into_state(self) -> TrustedState {
        self.state
    }
}

/// Expiry that only the signed time reveals is first of all a wrong clock.
fn name_the_clock(error: TrustError, system: Timestamp, judged_at: Timestamp) -> TrustError {
    match error {
        TrustError::Expired { expired_at, .. } if system <= expired_at && judged_at > system => {
            TrustError::ClockBehind { system, signed_at: judged_at }
        }
        other => other,
    }
}
