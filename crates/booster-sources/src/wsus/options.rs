//! How an update server is reached, and what is looked for there.

use crate::{BaseUrls, HttpOptions, ProxyChoice, SourceError, SourceKind, http::shown};
use booster_wsus::Uuid;
use std::{path::PathBuf, time::Duration};

/// The classification "Definition Updates", the same on every server.
pub const DEFINITION_UPDATES: Uuid = Uuid::from_u128(0xe0789628_ce08_4437_be74_2495b842f43b);

/// The product that Booster's own servers publish definitions under.
pub const PRODUCT: Uuid = Uuid::from_u128(0x6d0c1f0e_52b7_4d0a_9c57_0b6f2e8a4d31);

/// How an update server is reached, and what is looked for there.
#[derive(Debug, Clone)]
pub struct WsusOptions {
    /// [`SourceKind::Managed`] or [`SourceKind::Unmanaged`].
    pub kind: SourceKind,
    /// The server's root, and how it is reached. A proxy is used only where one is named here.
    pub http: HttpOptions,
    /// The group that the machine asks to be in.
    pub target_group: Option<String>,
    /// The products whose updates are taken.
    pub products: Vec<Uuid>,
    /// The classifications of these updates.
    pub classifications: Vec<Uuid>,
    /// What the products belong to, such as their company and family: servers send a product only to who has
    /// these. They count as installed, and nothing is taken because of them.
    pub ancestors: Vec<Uuid>,
    /// Whether the server may be spoken to without TLS. Never with the public service.
    pub plain_http: bool,
    /// Hosts besides the server's own from which content may be fetched.
    pub content_hosts: Vec<String>,
    /// Where the machine's id and what is known of servers are kept.
    pub state_folder: PathBuf,
    /// How often a server that is busy or has failed is asked again, and the pause before it; it doubles.
    pub retries: u32,
    /// The pause.
    pub retry_pause: Duration,
    /// The longest that one conversation may take, over all its calls and pauses.
    pub conversation_time: Duration,
    /// The most bytes of all answers of one conversation.
    pub conversation_bytes: u64,
}

impl WsusOptions {
    /// The longest conversation, where nothing else is said.
    pub const CONVERSATION_TIME: Duration = Duration::from_secs(600);

    /// The most bytes of a conversation, where nothing else is said: a hundred pages of a real server.
    pub const CONVERSATION_BYTES: u64 = 128 << 20;

    /// The defaults for a server: our product, definition updates, TLS.
    pub fn new(kind: SourceKind, http: HttpOptions, state_folder: impl Into<PathBuf>) -> Self {
        Self {
            kind,
            http,
            target_group: None,
            products: vec![PRODUCT],
            classifications: vec![DEFINITION_UPDATES],
            ancestors: Vec::new(),
            plain_http: false,
            content_hosts: Vec::new(),
            state_folder: state_folder.into(),
            retries: 2,
            retry_pause: Duration::from_secs(1),
            conversation_time: Self::CONVERSATION_TIME,
            conversation_bytes: Self::CONVERSATION_BYTES,
        }
    }

    /// Refuses what cannot or must not work.
    pub(super) fn check(&self) -> Result<(), SourceError> {
        let refuse = |reason: &str| {
            let what = match &self.http.base {
                BaseUrls::Root(url) => format!("the update server {}", shown(url)),
                BaseUrls::Separate { .. } => "the update server".to_owned(),
            };
            Err(SourceError::Configuration { what, reason: reason.to_owned() })
        };
        let BaseUrls::Root(root) = &self.http.base else {
            return refuse("it has one address, for metadata and archives alike");
        };
        match (self.kind, root.scheme()) {
            (SourceKind::Managed | SourceKind::Unmanaged, "https") => Ok(()),
            (SourceKind::Managed, "http") if self.plain_http => Ok(()),
            (SourceKind::Managed, "http") => refuse(
                "everybody on the way could answer in its place: use https, or set plain_http = true for it",
            ),
            (SourceKind::Unmanaged, _) => refuse("the public update service is reached over https only"),
            _ => refuse("not the address of an update server"),
        }
    }

    /// As for HTTP, but for what a server could turn against this machine: no proxy is used because a user's
    /// environment names it, since whoever sets that could answer in the server's place; no name and
    /// password are sent; and nothing is followed to another host, whatever other sources may do.
    pub(super) fn http_options(&self) -> HttpOptions {
        let proxy = match &self.http.proxy {
            ProxyChoice::Environment => ProxyChoice::Direct,
            chosen => chosen.clone(),
        };
        HttpOptions { proxy, credentials: None, allow_other_hosts: false, ..self.http.clone() }
    }
}
