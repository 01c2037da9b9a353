//! Signing in: from a name to a share that can be read.

use crate::{Share, ShareError, ShareOptions, SignIn, UncPath, dfs, kerberos, wire::Wire};
use smb2::{Session, Tree, client::Connection, types::Dialect, types::status::NtStatus};
use std::sync::Arc;
use tokio::time::timeout;

/// How many referrals in a row are followed.
const MAX_REFERRALS: usize = 4;

/// Where the way to a share led.
pub(crate) enum Way {
    Here(Tree),
    /// The file system is distributed: the folder is at one of these places.
    Elsewhere(Vec<UncPath>),
}

impl Share {
    /// Signs in to the share, following referrals to the servers that the options list.
    ///
    /// # Errors
    /// [`ShareError`]. An account is shown once and never again after a refusal, so that no number of
    /// updates locks it.
    pub async fn connect(options: &ShareOptions) -> Result<Self, ShareError> {
        let mut places = vec![options.unc.clone()];
        for _ in 0..=MAX_REFERRALS {
            match Self::connect_to_one(options, &places).await? {
                (Way::Here(tree), connection, wire, unc) => {
                    return Ok(Self::new(options, unc, connection, tree, wire));
                }
                (Way::Elsewhere(next), ..) => places = next,
            }
        }
        Err(ShareError::Referral { reason: "one leads to the next" })
    }

    /// The first of the places that lets us in.
    async fn connect_to_one(
        options: &ShareOptions,
        places: &[UncPath],
    ) -> Result<(Way, Connection, Arc<Wire>, UncPath), ShareError> {
        let mut failure = ShareError::Referral { reason: "it names no place" };
        for unc in places {
            if !options.allows(unc.host()) {
                failure = ShareError::OtherServer { server: unc.host().to_owned() };
                continue;
            }
            match connect_to(options, unc).await {
                Ok((way, connection, wire)) => return Ok((way, connection, wire, unc.clone())),
                // The next place may be up.
                Err(
                    error @ (ShareError::Unreachable { .. }
                    | ShareError::ConnectTimeout { .. }
                    | ShareError::NoAnswer { .. }
                    | ShareError::Lost { .. }),
                ) => failure = error,
                Err(error) => return Err(error),
            }
        }
        Err(failure)
    }
}

async fn connect_to(
    options: &ShareOptions,
    unc: &UncPath,
) -> Result<(Way, Connection, Arc<Wire>), ShareError> {
    let limit = options.response_timeout;
    let no_answer = |_| ShareError::NoAnswer { limit };
    let address = address(unc.host(), options.port);
    let as_guest = options.sign_in == SignIn::Guest;
    let wire = Wire::open(&address, as_guest, options.connect_timeout).await;
    let wire = wire.map_err(|error| ShareError::of_connecting(error, options.connect_timeout))?;
    let (connection, session) = timeout(limit, sign_in(&wire, options, unc)).await.map_err(no_answer)??;
    let mut connection = connection;
    let way = timeout(limit, find(&mut connection, &session, unc, limit)).await.map_err(no_answer)??;
    tracing::debug!(share = %unc, encrypted = connection.should_encrypt(), signed = session.should_sign, "signed in");
    Ok((way, connection, wire))
}

async fn sign_in(
    wire: &Arc<Wire>,
    options: &ShareOptions,
    unc: &UncPath,
) -> Result<(Connection, Session), ShareError> {
    let limit = options.response_timeout;
    let mut connection =
        wire.negotiate(unc.host(), limit).await.map_err(|error| ShareError::of_negotiating(error, limit))?;
    let (dialect, cipher) = match connection.params() {
        Some(params) => (params.dialect, params.cipher),
        None => return Err(ShareError::Garbled { reason: "nothing was agreed on".to_owned() }),
    };
    if dialect != Dialect::Smb3_1_1 {
        return Err(ShareError::OldDialect { dialect: dialect.to_string() });
    }
    let as_guest = options.sign_in == SignIn::Guest;
    let session = match &options.sign_in {
        SignIn::Account(account) => {
            Session::setup(&mut connection, &account.user, &account.password, &account.domain).await
        }
        SignIn::Kerberos(tickets) => kerberos::sign_in(&mut connection, tickets, unc.host(), limit).await?,
        SignIn::Guest => Session::setup(&mut connection, "", "", "").await,
    };
    let session =
        session.map_err(|error| ShareError::of_signing_in(error, as_guest, cipher.is_some(), limit))?;
    if options.require_encryption && !connection.should_encrypt() {
        encrypt(&mut connection, &session)?;
    }
    Ok((connection, session))
}

/// Connects to the share, or learns where its folder is.
async fn find(
    connection: &mut Connection,
    session: &Session,
    unc: &UncPath,
    limit: std::time::Duration,
) -> Result<Way, ShareError> {
    let tree = match Tree::connect(connection, unc.share()).await {
        Ok(tree) => tree,
        Err(error) if error.status() == Some(NtStatus::BAD_NETWORK_NAME) => {
            // No share, but maybe the root of a distributed file system.
            let places = dfs::places(connection, unc).await.unwrap_or_default();
            let elsewhere = |places: Vec<UncPath>| if places.is_empty() { None } else { Some(places) };
            return elsewhere(places).map(Way::Elsewhere).ok_or(ShareError::NoShare);
        }
        Err(error) => return Err(ShareError::of(error, limit)),
    };
    if tree.encrypt_data && !connection.should_encrypt() {
        encrypt(connection, session)?;
    }
    if tree.is_dfs && !unc.parts().is_empty() {
        match tree.stat(connection, &unc.folder()).await {
            Err(error) if dfs::is_elsewhere(&error) => {
                let places =
                    dfs::places(connection, unc).await.map_err(|error| ShareError::of(error, limit))?;
                return Ok(Way::Elsewhere(places));
            }
            // What is missing or refused is told when it is read.
            _ => {}
        }
    }
    Ok(Way::Here(tree))
}

/// Encrypts everything from here on.
fn encrypt(connection: &mut Connection, session: &Session) -> Result<(), ShareError> {
    let cipher = connection.params().and_then(|params| params.cipher);
    let keys = (session.encryption_key.clone(), session.decryption_key.clone());
    match (session.should_sign, cipher, keys) {
        (false, ..) => {
            Err(ShareError::NoEncryption { reason: "a guest has no key; name a credentials file" })
        }
        (_, Some(cipher), (Some(ours), Some(theirs))) => {
            connection.activate_encryption(ours, theirs, cipher);
            Ok(())
        }
        _ => Err(ShareError::NoEncryption { reason: "the server offers no cipher that is known here" }),
    }
}

/// What is connected to.
fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
