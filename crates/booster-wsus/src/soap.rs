//! SOAP 1.1 envelopes: a message goes in, a message or a fault comes out.

use crate::{Call, Fault, Limits, Read, Reader, Write, Writer, XmlError};

/// The namespace of SOAP 1.1.
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// A request as a document.
pub fn request<C: Call>(call: &C) -> String {
    envelope(C::OPERATION, C::SERVICE.namespace(), |writer| call.write(writer))
}

/// An answer as a document.
pub fn answer<C: Call>(answer: &C::Answer) -> String {
    envelope(&response_name(C::OPERATION), C::SERVICE.namespace(), |writer| answer.write(writer))
}

/// An answer whose content is written already, for answers that many machines get.
pub fn answer_written<C: Call>(content: impl FnOnce(&mut Writer)) -> String {
    envelope(&response_name(C::OPERATION), C::SERVICE.namespace(), content)
}

/// A fault as a document.
pub fn fault(fault: &Fault) -> String {
    document(|writer| writer.element("soap:Fault", |writer| fault.write(writer)))
}

/// Reads the request of an operation.
///
/// # Errors
/// It is not this request, or goes over a limit.
pub fn read_request<C: Call>(document: &[u8], limits: &Limits) -> Result<C, XmlError> {
    let body = read_body(document, limits, C::OPERATION, C::SERVICE.namespace(), C::read)?;
    match body {
        Body::Message(message) => Ok(message),
        Body::Fault(_) => Err(XmlError::Missing(C::OPERATION)),
    }
}

/// Reads what answers an operation: what was asked for, or a fault.
///
/// # Errors
/// It is neither, or goes over a limit.
pub fn read_answer<C: Call>(document: &[u8], limits: &Limits) -> Result<Result<C::Answer, Fault>, XmlError> {
    let name = response_name(C::OPERATION);
    let body = read_body(document, limits, &name, C::SERVICE.namespace(), C::Answer::read)?;
    Ok(match body {
        Body::Message(message) => Ok(message),
        Body::Fault(fault) => Err(fault),
    })
}

/// The name of the operation in a request, whichever it is.
///
/// # Errors
/// There is none, or the document goes over a limit before it.
pub fn operation(document: &[u8], limits: &Limits) -> Result<String, XmlError> {
    let mut operation = None;
    in_body(document, limits, |_, name| {
        operation.get_or_insert_with(|| name.to_owned());
        Ok(())
    })?;
    operation.ok_or(XmlError::Missing("Body"))
}

enum Body<M> {
    Message(M),
    Fault(Fault),
}

fn read_body<M>(
    document: &[u8],
    limits: &Limits,
    wanted: &str,
    namespace: &'static str,
    read: impl Fn(&mut Reader<'_>) -> Result<M, XmlError>,
) -> Result<Body<M>, XmlError> {
    let mut body = None;
    in_body(document, limits, |reader, name| {
        if body.is_some() {
            return Ok(());
        }
        if name == "Fault" {
            body = Some(Body::Fault(Fault::read(reader)?));
        } else if name == wanted && reader.is_in(namespace) {
            reader.set_namespace(Some(namespace));
            body = Some(Body::Message(read(reader)?));
        }
        reader.set_namespace(None);
        Ok(())
    })?;
    body.ok_or(XmlError::Missing("Body"))
}

/// Visits what stands in the body of an envelope.
fn in_body(
    document: &[u8],
    limits: &Limits,
    mut visit: impl FnMut(&mut Reader<'_>, &str) -> Result<(), XmlError>,
) -> Result<(), XmlError> {
    let mut reader = Reader::new(document, limits)?;
    let mut found = false;
    reader.set_namespace(Some(SOAP));
    reader.children(|reader, name| {
        if name != "Envelope" {
            return Ok(());
        }
        reader.children(|reader, name| {
            if name != "Body" || found {
                return Ok(());
            }
            found = true;
            reader.set_namespace(None);
            reader.children(&mut visit)?;
            reader.set_namespace(Some(SOAP));
            Ok(())
        })
    })?;
    if found { Ok(()) } else { Err(XmlError::Missing("Envelope")) }
}

fn response_name(operation: &str) -> String {
    format!("{operation}Response")
}

fn envelope(name: &str, namespace: &str, inside: impl FnOnce(&mut Writer)) -> String {
    document(|writer| writer.element(&format!("{name} xmlns=\"{namespace}\""), inside))
}

fn document(inside: impl FnOnce(&mut Writer)) -> String {
    let mut writer = Writer::default();
    writer.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    writer.element(&format!("soap:Envelope xmlns:soap=\"{SOAP}\""), |writer| {
        writer.element("soap:Body", inside);
    });
    writer.finish()
}
