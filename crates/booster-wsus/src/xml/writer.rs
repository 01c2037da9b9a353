//! Writing documents: elements and escaped text, nothing else.

use super::Write;
use quick_xml::escape::escape;
use std::{
    borrow::Cow,
    fmt::{Display, Write as _},
};

/// A document, or a fragment, that is being written.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
}

impl Writer {
    /// What has been written.
    pub fn finish(self) -> String {
        self.out
    }

    /// Writes markup as it is.
    pub(crate) fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// An element with what `inside` writes in it. The tag may hold attributes behind the name.
    pub(crate) fn element(&mut self, tag: &str, inside: impl FnOnce(&mut Self)) {
        let name = tag.split(' ').next().unwrap_or(tag);
        let start = self.out.len();
        self.put(format_args!("<{tag}>"));
        let empty = self.out.len();
        inside(self);
        if self.out.len() == empty {
            self.out.truncate(start);
            self.put(format_args!("<{tag} />"));
        } else {
            self.put(format_args!("</{name}>"));
        }
    }

    /// An element that holds a message.
    pub(crate) fn message(&mut self, name: &str, message: &impl Write) {
        self.element(name, |writer| message.write(writer));
    }

    /// An element with text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.element(name, |writer| writer.out.push_str(&escaped(text, &TEXT)));
    }

    /// An element with a value whose text needs no escaping, such as a number.
    pub(crate) fn value(&mut self, name: &str, value: impl Display) {
        self.element(name, |writer| writer.put(format_args!("{value}")));
    }

    /// A list; an empty one is an empty element.
    pub(crate) fn list<T>(&mut self, name: &str, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.element(name, |writer| items.iter().for_each(|item| write(writer, item)));
    }

    /// An element without content, with attributes.
    pub(crate) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.put(format_args!("{} />", Tag(name, attributes)));
    }

    /// An element with attributes and content.
    pub(crate) fn tagged(&mut self, name: &str, attributes: &[(&str, &str)], inside: impl FnOnce(&mut Self)) {
        self.put(format_args!("{}>", Tag(name, attributes)));
        inside(self);
        self.put(format_args!("</{name}>"));
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // A string takes everything.
        let _ = self.out.write_fmt(text);
    }
}

struct Tag<'a>(&'a str, &'a [(&'a str, &'a str)]);

impl Display for Tag<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{}", self.0)?;
        self.1.iter().try_for_each(|(name, value)| write!(f, " {name}=\"{}\"", escaped(value, &ATTRIBUTE)))
    }
}

/// Characters that a reader makes others of where they stand in a text as they are (XML 1.0, sections 2.11 and
/// 3.3.3), and their references.
const TEXT: [(char, &str); 1] = [('\r', "&#13;")];
const ATTRIBUTE: [(char, &str); 3] = [('\r', "&#13;"), ('\n', "&#10;"), ('\t', "&#9;")];

/// A text as it is read again as the same.
fn escaped<'a>(text: &'a str, references: &[(char, &str)]) -> Cow<'a, str> {
    references.iter().fold(escape(text), |text, (character, reference)| {
        if text.contains(*character) { text.replace(*character, reference).into() } else { text }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Reader};

    #[test]
    fn white_space_is_read_as_it_was_written_in_texts_and_in_attributes() {
        let value = "a\rb\r\nc\nd\te \"<&>' ";
        let mut writer = Writer::default();
        writer.tagged("r", &[("a", value)], |writer| writer.text("t", value));
        let written = writer.finish();
        let (mut attribute, mut text) = (None, String::new());
        let mut reader = Reader::new(written.as_bytes(), &Limits::FRAGMENT).unwrap();
        let read = reader.children(|reader, _| {
            attribute = reader.attribute("a")?;
            reader.children(|reader, _| {
                text = reader.text()?;
                Ok(())
            })
        });
        read.unwrap();
        assert_eq!((attribute.as_deref(), text.as_str()), (Some(value), value), "{written}");
        let cow = escaped("nothing of that kind\n", &TEXT);
        assert!(matches!(cow, Cow::Borrowed(_)), "and nothing is copied without need");
    }
}
