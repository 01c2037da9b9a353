//! XML as this protocol uses it: a reader with limits, a writer, and what can be wrong.

mod error;
mod limits;
mod reader;
mod writer;

pub use error::XmlError;
pub use limits::Limits;
pub use reader::Reader;
pub use writer::Writer;

/// What can be read from inside an element of its own.
pub trait Read: Sized {
    /// Reads what the element holds that the reader is in.
    ///
    /// # Errors
    /// What is no such thing, or goes over a limit.
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError>;
}

/// What can be written into an element of its own.
pub trait Write {
    /// Writes what the element holds.
    fn write(&self, writer: &mut Writer);
}
