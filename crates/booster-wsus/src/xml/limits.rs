//! How much a document may hold.

/// How much a document may hold. What goes over is refused while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document.
    pub bytes: usize,
    /// Elements inside each other.
    pub depth: usize,
    /// Elements in all.
    pub elements: usize,
    /// Items of one list.
    pub items: usize,
}

impl Limits {
    /// What a client takes from a server. A page of a real server was 1.1 MB.
    pub const ANSWER: Self = Self { bytes: 32 << 20, depth: 32, elements: 500_000, items: 20_000 };

    /// What a server takes from anybody: id lists of native clients reach thousands.
    pub const REQUEST: Self = Self { bytes: 1 << 20, depth: 24, elements: 40_000, items: 20_000 };

    /// What an update may say about itself. Rules of native updates are nested deeply.
    pub const FRAGMENT: Self = Self { bytes: 4 << 20, depth: 64, elements: 50_000, items: 20_000 };
}
