//! Reading with limits, one element after the other, without a tree and without recursion of its own.

use super::{Limits, XmlError};
use quick_xml::{
    NsReader, XmlVersion,
    escape::resolve_xml_entity,
    events::{BytesStart, Event},
    name::ResolveResult,
};
use std::str::FromStr;

/// Most attributes of one element.
const ATTRIBUTES: usize = 64;

/// A reader that is inside an element, or before the first.
///
/// What a caller does not read of an element is passed over, and so is every element of another
/// namespace than the one that is read in.
pub struct Reader<'a> {
    inner: NsReader<&'a [u8]>,
    limits: &'a Limits,
    namespace: Option<&'static str>,
    depth: usize,
    elements: usize,
    /// The start of the element that the reader has entered last.
    current: Option<BytesStart<'a>>,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("position", &self.position()).field("depth", &self.depth).finish()
    }
}

impl<'a> Reader<'a> {
    /// A reader before the first element.
    ///
    /// # Errors
    /// [`XmlError::TooLarge`], or what is not UTF-8.
    pub fn new(document: &'a [u8], limits: &'a Limits) -> Result<Self, XmlError> {
        if document.len() > limits.bytes {
            return Err(XmlError::TooLarge { bytes: document.len(), limit: limits.bytes });
        }
        let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
        let text = std::str::from_utf8(document).map_err(|error| XmlError::Malformed {
            position: error.valid_up_to() as u64,
            reason: "not UTF-8".to_owned(),
        })?;
        let mut inner = NsReader::from_str(text);
        inner.config_mut().expand_empty_elements = true;
        Ok(Self { inner, limits, namespace: None, depth: 0, elements: 0, current: None })
    }

    /// Reads in this namespace from here on; `None` reads elements of every namespace and of none.
    pub const fn set_namespace(&mut self, namespace: Option<&'static str>) {
        self.namespace = namespace;
    }

    /// Visits the elements inside this one, or those of the top, by their local names.
    ///
    /// # Errors
    /// What the visitor says, what is not well-formed, or goes over a limit.
    pub fn children(
        &mut self,
        mut visit: impl FnMut(&mut Self, &str) -> Result<(), XmlError>,
    ) -> Result<(), XmlError> {
        let depth = self.depth;
        while let Some(start) = self.next_child(depth)? {
            let local = start.local_name();
            let name = std::str::from_utf8(local.as_ref()).unwrap_or_default();
            self.current = Some(start.clone());
            visit(self, name)?;
            self.leave(depth)?;
        }
        Ok(())
    }

    /// An attribute of the element that was entered last, by its local name.
    ///
    /// # Errors
    /// What is not well-formed.
    pub fn attribute(&self, name: &str) -> Result<Option<String>, XmlError> {
        let Some(current) = &self.current else { return Ok(None) };
        for (position, attribute) in current.attributes().enumerate() {
            if position >= ATTRIBUTES {
                return Err(self.too_many("attributes", ATTRIBUTES));
            }
            let attribute = attribute.map_err(|error| self.malformed(error))?;
            if attribute.key.local_name().as_ref() == name.as_bytes() {
                let value = attribute.normalized_value(XmlVersion::Implicit1_0);
                return Ok(Some(value.map_err(|error| self.malformed(error))?.into_owned()));
            }
        }
        Ok(None)
    }

    /// As [`attribute`](Self::attribute), read as a value, where it is there.
    ///
    /// # Errors
    /// It is not such a value.
    pub fn attribute_value<T: FromStr>(
        &self,
        name: &str,
        expected: &'static str,
    ) -> Result<Option<T>, XmlError> {
        let parse = |text: String| text.trim().parse().map_err(|_| XmlError::value(name, &text, expected));
        self.attribute(name)?.map(parse).transpose()
    }

    /// The text of this element, without the elements inside.
    ///
    /// # Errors
    /// What is not well-formed, or an entity that is none of XML's five.
    pub fn text(&mut self) -> Result<String, XmlError> {
        let depth = self.depth;
        let mut text = String::new();
        loop {
            match self.next()? {
                Event::Text(part) => {
                    text.push_str(&part.xml10_content().map_err(|error| self.malformed(error))?);
                }
                Event::CData(part) => {
                    text.push_str(&part.xml10_content().map_err(|error| self.malformed(error))?);
                }
                Event::GeneralRef(reference) => {
                    match reference.resolve_char_ref().map_err(|error| self.malformed(error))? {
                        Some(character) => text.push(character),
                        None => {
                            let name = reference.decode().map_err(|error| self.malformed(error))?;
                            let entity = resolve_xml_entity(&name)
                                .ok_or_else(|| self.malformed("an entity that is not one of XML's five"))?;
                            text.push_str(entity);
                        }
                    }
                }
                Event::End(_) if self.depth < depth => return Ok(text),
                _ => {}
            }
            self.leave(depth)?;
        }
    }

    /// The text of this element as a value.
    ///
    /// # Errors
    /// It is not such a value.
    pub fn value<T: FromStr>(&mut self, name: &str, expected: &'static str) -> Result<T, XmlError> {
        let text = self.text()?;
        text.trim().parse().map_err(|_| XmlError::value(name, &text, expected))
    }

    /// `true`, `false`, `1` or `0`.
    ///
    /// # Errors
    /// It is none of these.
    pub fn boolean(&mut self, name: &str) -> Result<bool, XmlError> {
        let text = self.text()?;
        match text.trim() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(XmlError::value(name, &text, "true or false")),
        }
    }

    /// Reads the items of a list: elements of this name inside this one.
    ///
    /// # Errors
    /// What an item says, and [`XmlError::TooMany`].
    pub fn list<T>(
        &mut self,
        item: &str,
        mut read: impl FnMut(&mut Self) -> Result<T, XmlError>,
    ) -> Result<Vec<T>, XmlError> {
        let mut items = Vec::new();
        self.children(|reader, name| {
            if name == item {
                if items.len() >= reader.limits.items {
                    return Err(reader.too_many(item, reader.limits.items));
                }
                items.push(read(reader)?);
            }
            Ok(())
        })?;
        Ok(items)
    }

    /// Whether the element that was entered last is in this namespace.
    pub(crate) fn is_in(&self, namespace: &str) -> bool {
        self.current.as_ref().is_some_and(|start| self.namespace_is(start, namespace))
    }

    fn next_child(&mut self, depth: usize) -> Result<Option<BytesStart<'a>>, XmlError> {
        loop {
            match self.next()? {
                Event::Start(start) if self.depth == depth + 1 => {
                    if self.is_ours(&start) {
                        return Ok(Some(start));
                    }
                    self.leave(depth)?;
                }
                Event::End(_) if self.depth < depth => return Ok(None),
                Event::Eof => return Ok(None),
                _ => {}
            }
        }
    }

    fn is_ours(&self, start: &BytesStart<'_>) -> bool {
        self.namespace.is_none_or(|wanted| self.namespace_is(start, wanted))
    }

    fn namespace_is(&self, start: &BytesStart<'_>, wanted: &str) -> bool {
        match self.inner.resolver().resolve_element(start.name()).0 {
            ResolveResult::Bound(namespace) => namespace.as_ref() == wanted.as_bytes(),
            ResolveResult::Unbound => wanted.is_empty(),
            ResolveResult::Unknown(_) => false,
        }
    }

    /// Passes over what is left until the reader is this deep again.
    fn leave(&mut self, depth: usize) -> Result<(), XmlError> {
        while self.depth > depth {
            self.next()?;
        }
        Ok(())
    }

    /// The next event, within the limits. The end of the document comes only outside of all elements.
    fn next(&mut self) -> Result<Event<'a>, XmlError> {
        let event = self.inner.read_event().map_err(|error| self.malformed(error))?;
        match &event {
            Event::Start(_) => {
                self.depth += 1;
                self.elements += 1;
                if self.depth > self.limits.depth {
                    return Err(XmlError::TooDeep { limit: self.limits.depth, position: self.position() });
                }
                if self.elements > self.limits.elements {
                    return Err(self.too_many("elements", self.limits.elements));
                }
            }
            // The parser knows that it has a start.
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::DocType(_) => return Err(XmlError::DocumentType { position: self.position() }),
            Event::Eof if self.depth > 0 => return Err(self.malformed("it ends inside an element")),
            _ => {}
        }
        Ok(event)
    }

    fn position(&self) -> u64 {
        self.inner.buffer_position()
    }

    fn too_many(&self, what: &str, limit: usize) -> XmlError {
        XmlError::TooMany { what: what.to_owned(), limit, position: self.position() }
    }

    fn malformed(&self, reason: impl std::fmt::Display) -> XmlError {
        let reason = reason.to_string().chars().take(200).collect();
        XmlError::Malformed { position: self.position(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { bytes: 10_000, depth: 8, elements: 50, items: 5 }
    }

    fn names(document: &str) -> Result<Vec<String>, XmlError> {
        let limits = limits();
        let mut reader = Reader::new(document.as_bytes(), &limits)?;
        let mut names = Vec::new();
        reader.children(|reader, _| {
            reader.children(|_, name| {
                names.push(name.to_owned());
                Ok(())
            })
        })?;
        Ok(names)
    }

    fn text(document: &str) -> Result<String, XmlError> {
        let limits = limits();
        let mut reader = Reader::new(document.as_bytes(), &limits)?;
        let mut text = String::new();
        reader.children(|reader, _| {
            text = reader.text()?;
            Ok(())
        })?;
        Ok(text)
    }

    #[test]
    fn what_is_not_read_is_passed_over() {
        let document = "<?xml version='1.0'?><!-- x --><r>1<a><b><c/></b></a>2<d>x</d><e/></r>";
        assert_eq!(names(document).unwrap(), ["a", "d", "e"]);
    }

    #[test]
    fn text_is_put_together_from_all_its_kinds_and_leaves_inner_elements_out() {
        let document = "<r>a&amp;&#x42;<![CDATA[<c>]]><x>no<y/></x>d&lt;</r>";
        assert_eq!(text(document).unwrap(), "a&B<c>d<");
    }

    #[test]
    fn names_are_known_by_namespace_whatever_the_prefix() {
        let limits = limits();
        let document = "<q:r xmlns:q='urn:a' xmlns='urn:b'><x/><q:y/><z xmlns='urn:a'/><p:u/></q:r>";
        let mut reader = Reader::new(document.as_bytes(), &limits).unwrap();
        reader.set_namespace(Some("urn:a"));
        let mut names = Vec::new();
        let visited = reader.children(|reader, _| {
            reader.children(|_, name| {
                names.push(name.to_owned());
                Ok(())
            })
        });
        visited.unwrap();
        assert_eq!(names, ["y", "z"]);
    }

    #[test]
    fn document_types_and_entities_are_refused() {
        let bomb = "<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><r>&b;</r>";
        assert!(matches!(text(bomb), Err(XmlError::DocumentType { .. })), "{:?}", text(bomb));
        assert!(matches!(text("<r>&b;</r>"), Err(XmlError::Malformed { .. })));
        assert!(matches!(text("<r>&#0;</r>"), Err(XmlError::Malformed { .. })));
    }

    #[test]
    fn limits_end_the_reading() {
        let deep = format!("{}{}", "<a>".repeat(9), "</a>".repeat(9));
        assert!(matches!(names(&deep), Err(XmlError::TooDeep { limit: 8, .. })));
        let many = format!("<r>{}</r>", "<a/>".repeat(50));
        assert!(matches!(names(&many), Err(XmlError::TooMany { limit: 50, .. })));
        let large = format!("<r>{}</r>", "x".repeat(10_000));
        assert!(matches!(names(&large), Err(XmlError::TooLarge { limit: 10_000, .. })));
        let limits = limits();
        let list = format!("<r>{}</r>", "<i>1</i>".repeat(6));
        let mut reader = Reader::new(list.as_bytes(), &limits).unwrap();
        let read = reader.children(|reader, _| reader.list("i", Reader::text).map(drop));
        assert!(matches!(read, Err(XmlError::TooMany { limit: 5, .. })), "{read:?}");
    }

    #[test]
    fn what_is_cut_or_crossed_is_refused() {
        for document in ["<r", "<r>", "<r><a></r>", "<r><a></r></a>", "</r>", "<r a='1' a='2'/>"] {
            let limits = limits();
            let read = Reader::new(document.as_bytes(), &limits).and_then(|mut reader| {
                reader.children(|reader, _| {
                    reader.attribute("b")?;
                    reader.children(|_, _| Ok(()))
                })
            });
            assert!(matches!(read, Err(XmlError::Malformed { .. })), "{document}: {read:?}");
        }
        assert!(Reader::new(b"<r>\xff</r>", &limits()).is_err());
    }
}
