//! What a server answers beside the files of its folder.

use booster_definitions::Digest;
use bytes::Bytes;
use hyper::{Response, body::Incoming, http::request::Parts};
use std::net::SocketAddr;

/// Answers requests before the folder does: another protocol over the same repository.
#[async_trait::async_trait]
pub trait Beside: Send + Sync {
    /// Answers a request, or leaves it to the folder. The body has no limit yet but the connection's.
    async fn answer(&self, peer: SocketAddr, head: &Parts, body: Incoming) -> Reply;
}

/// An answer that is made beside the folder.
#[derive(Debug)]
pub enum Reply {
    /// This one.
    Response(Response<Bytes>),
    /// The file that the folder gives out under this path, as if that had been asked for.
    File(String),
    /// These bytes, as if the folder had them under this path: with ranges, an entity tag and preconditions.
    Held {
        /// A path that the folder could give out, such as `/metadata/timestamp.json`.
        path: String,
        /// The content.
        bytes: Bytes,
        /// Its digest, which is its entity tag.
        sha256: Digest,
    },
    /// The folder's own answer.
    Folder,
}
