//! What can be wrong with a document.

/// Why a document is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// More bytes than allowed.
    #[error("the document has {bytes} bytes, more than the {limit} that are taken")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Elements are nested too deeply.
    #[error("elements are nested more than {limit} deep at byte {position}")]
    TooDeep {
        /// The limit.
        limit: usize,
        /// Where.
        position: u64,
    },
    /// Too many elements, or a list that is too long.
    #[error("more than {limit} of {what} at byte {position}")]
    TooMany {
        /// What there is too much of.
        what: String,
        /// The limit.
        limit: usize,
        /// Where.
        position: u64,
    },
    /// A document type, with which entities could be declared.
    #[error("there is a document type at byte {position}, which is never taken")]
    DocumentType {
        /// Where.
        position: u64,
    },
    /// It is not XML in UTF-8.
    #[error("not well-formed at byte {position}: {reason}")]
    Malformed {
        /// Where.
        position: u64,
        /// What the parser says.
        reason: String,
    },
    /// An element that must be there is not.
    #[error("the element {0:?} is missing")]
    Missing(&'static str),
    /// An element or attribute holds what it cannot.
    #[error("{name}: {value:?} is not {expected}")]
    Value {
        /// The element or attribute.
        name: String,
        /// The beginning of what it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
}

impl XmlError {
    /// A value that is not what it should be; only its beginning is kept.
    pub fn value(name: &str, value: &str, expected: &'static str) -> Self {
        let beginning = value.chars().take(60).collect();
        Self::Value { name: name.chars().take(60).collect(), value: beginning, expected }
    }
}
