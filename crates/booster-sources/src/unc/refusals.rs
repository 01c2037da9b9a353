//! Accounts that servers have refused, over all the shares that an update asks.

use booster_smb::{Share, ShareError, ShareOptions, SignIn};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The servers that have refused an account. They are not asked again with it: accounts are locked after a few
/// refusals. Clones know the same.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<Mutex<Vec<Refusal>>>);

#[derive(Debug)]
struct Refusal {
    host: String,
    port: u16,
    sign_in: SignIn,
    error: ShareError,
}

impl Refusals {
    /// Signs in, unless that has been refused; others who want to sign in wait until this is known.
    pub(super) async fn connect(&self, options: &ShareOptions) -> Result<Share, ShareError> {
        let mut known = self.0.lock().await;
        let (host, port, sign_in) = (options.unc.host(), options.port, &options.sign_in);
        let is_same = |refusal: &&Refusal| {
            (refusal.host.as_str(), refusal.port, &refusal.sign_in) == (host, port, sign_in)
        };
        if let Some(refusal) = known.iter().find(is_same) {
            return Err(refusal.error.clone());
        }
        let connected = Share::connect(options).await;
        if let Err(error @ (ShareError::SignIn { .. } | ShareError::Guest { .. })) = &connected {
            let (host, sign_in, error) = (host.to_owned(), sign_in.clone(), error.clone());
            known.push(Refusal { host, port, sign_in, error });
        }
        connected
    }
}
