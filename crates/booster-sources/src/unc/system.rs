//! The share, opened by the system.

use crate::{
    Area, Counters, DirectorySource, Opened, Resume, ShareOptions, SignIn, Source, SourceError, SourceKind,
    UncPath,
};

/// A source that is a folder of a file share, with `metadata/` and `targets/` in it.
///
/// The system signs in, as whoever runs this; signatures, encryption and distributed file systems are its
/// own affair.
#[derive(Debug)]
pub struct UncSource {
    unc: UncPath,
    folder: DirectorySource,
}

/// Accounts are the system's own affair.
#[derive(Debug, Clone, Default)]
pub struct Refusals;

impl UncSource {
    /// As [`new`](Self::new).
    pub fn beside(options: ShareOptions, _: &Refusals) -> Self {
        Self::new(options)
    }

    /// A source as the options describe it. Nothing is sent yet.
    pub fn new(options: ShareOptions) -> Self {
        if options.sign_in != SignIn::Guest {
            tracing::warn!(share = %options.unc, "the account that is set is not used: Windows signs in itself");
        }
        Self { folder: DirectorySource::new(options.unc.to_string()), unc: options.unc }
    }
}

#[async_trait::async_trait]
impl Source for UncSource {
    fn kind(&self) -> SourceKind {
        SourceKind::Unc
    }

    fn location(&self) -> String {
        self.unc.to_string()
    }

    async fn open(&self, area: Area, path: &str, from: Resume<'_>) -> Result<Option<Opened>, SourceError> {
        self.folder.open(area, path, from).await
    }

    fn counters(&self) -> Counters {
        self.folder.counters()
    }

    fn locate(&self, area: Area, path: &str) -> String {
        self.unc.locate(&format!("{}/{path}", area.as_str()))
    }
}
