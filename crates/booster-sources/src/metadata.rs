//! A source as the transport of the TUF client workflow.

use crate::{Area, Source, SourceError, TransferRules, read};
use sigstore_tuf::{Repository, transport::FetchFuture};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Lets the TUF client fetch through any [`Source`], under the same rules as every transfer.
///
/// A failure arrives as `sigstore_tuf::Error::Transport`, whose source is the [`SourceError`]: it
/// can be had back by downcasting.
#[derive(Debug, Clone)]
pub struct MetadataRepository {
    source: Arc<dyn Source>,
    rules: TransferRules,
    cancel: CancellationToken,
}

impl MetadataRepository {
    /// A transport over `source` that ends with `cancel`.
    pub fn new(source: Arc<dyn Source>, rules: TransferRules, cancel: CancellationToken) -> Self {
        Self { source, rules, cancel }
    }

    fn fetch<'a>(&'a self, area: Area, path: &'a str, max: u64) -> FetchFuture<'a> {
        Box::pin(async move {
            read(self.source.as_ref(), area, path, max, &self.rules, &self.cancel).await.map_err(transport)
        })
    }
}

impl Repository for MetadataRepository {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        self.fetch(Area::Metadata, name, max_length)
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        self.fetch(Area::Targets, path, max_length)
    }
}

fn transport(error: SourceError) -> sigstore_tuf::Error {
    sigstore_tuf::Error::transport_with_source("the source failed", error)
}
