//! Input that is damaged, or made to do damage: it is refused or read, within its limits, and nothing else.

#![allow(clippy::unwrap_used, reason = "test code outside test functions")]

use booster_wsus::{
    Call, Limits, XmlError,
    fragment::{Core, Extended, Localized},
    message::*,
    soap,
};

const DOCUMENTS: [&str; 8] = [
    include_str!("golden/config-answer.xml"),
    include_str!("golden/cookie-request.xml"),
    include_str!("golden/sync-request.xml"),
    include_str!("golden/sync-answer.xml"),
    include_str!("golden/extended-answer.xml"),
    include_str!("golden/report-request.xml"),
    include_str!("golden/fault.xml"),
    include_str!("golden/fault-without-code.xml"),
];

/// Reads a document as everything that there is.
fn read_as_everything(document: &[u8]) {
    fn both<C: Call>(document: &[u8]) {
        let _ = soap::read_request::<C>(document, &Limits::REQUEST);
        let _ = soap::read_answer::<C>(document, &Limits::ANSWER);
    }
    let _ = soap::operation(document, &Limits::REQUEST);
    both::<GetConfig>(document);
    both::<GetAuthorizationCookie>(document);
    both::<GetCookie>(document);
    both::<RegisterComputer>(document);
    both::<StartCategoryScan>(document);
    both::<SyncUpdates>(document);
    both::<RefreshCache>(document);
    both::<GetExtendedUpdateInfo>(document);
    both::<GetFileLocations>(document);
    both::<ReportEventBatch>(document);
    let text = String::from_utf8_lossy(document);
    let _ = Core::read(&text, &Limits::FRAGMENT);
    let _ = Extended::read(&text, &Limits::FRAGMENT);
    let _ = Localized::read(&text, &Limits::FRAGMENT);
}

/// A small generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }
}

#[test]
fn damaged_documents_are_read_or_refused_and_never_a_panic() {
    const PIECES: [&str; 12] =
        ["<", ">", "/>", "</", "&", "&#0;", "&amp;", "<!DOCTYPE x>", "<![CDATA[", "]]>", "\"", "xmlns:a=''"];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for document in DOCUMENTS {
        for _ in 0..150 {
            let mut bytes = document.as_bytes().to_vec();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                match random.below(5) {
                    0 => bytes.truncate(at),
                    1 => bytes[at] = random.below(256) as u8,
                    2 => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
                    3 => drop(bytes.drain(at..(at + random.below(40)).min(bytes.len()))),
                    _ => {
                        let end = (at + random.below(200)).min(bytes.len());
                        let copy = bytes[at..end].to_vec();
                        drop(bytes.splice(at..at, copy));
                    }
                }
                if bytes.is_empty() {
                    break;
                }
            }
            read_as_everything(&bytes);
        }
    }
}

#[test]
fn every_beginning_of_a_document_is_refused() {
    for document in DOCUMENTS {
        let document = document.trim_end();
        for end in (0..document.len()).step_by(7).filter(|end| document.is_char_boundary(*end)) {
            let cut = &document.as_bytes()[..end];
            assert!(soap::operation(cut, &Limits::REQUEST).is_err(), "{end} bytes of {document}");
        }
    }
}

fn sync(list: &str) -> String {
    format!(
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>\
         <SyncUpdates xmlns='http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService'>\
         <cookie/><parameters><InstalledNonLeafUpdateIDs>{list}</InstalledNonLeafUpdateIDs></parameters>\
         </SyncUpdates></s:Body></s:Envelope>"
    )
}

#[test]
fn lists_depth_size_and_entities_end_at_their_limits() {
    let refused =
        |list: &str| soap::read_request::<SyncUpdates>(sync(list).as_bytes(), &Limits::REQUEST).unwrap_err();
    assert!(soap::read_request::<SyncUpdates>(sync("<int>1</int>").as_bytes(), &Limits::REQUEST).is_ok());
    let many = "<int>1</int>".repeat(20_001);
    assert!(matches!(refused(&many), XmlError::TooMany { limit: 20_000, .. }), "{:?}", refused(&many));
    let hundred_thousand = "<int>1</int>".repeat(100_000);
    assert!(matches!(refused(&hundred_thousand), XmlError::TooLarge { .. }));
    let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
    assert!(matches!(refused(&deep), XmlError::TooDeep { limit: 24, .. }));
    assert!(matches!(refused("<int>&lol;</int>"), XmlError::Malformed { .. }));
    assert!(matches!(refused("<int>4294967296</int>"), XmlError::Value { .. }));
    let bomb = format!("<!DOCTYPE x [<!ENTITY a 'aaaaaaaa'>]>{}", sync("<int>&a;</int>"));
    let read = soap::read_request::<SyncUpdates>(bomb.as_bytes(), &Limits::REQUEST);
    assert!(matches!(read, Err(XmlError::DocumentType { .. })), "{read:?}");
}

#[test]
fn the_same_name_in_another_namespace_is_another_operation() {
    let document = sync("").replace("ClientWebService'", "OtherWebService'");
    let read = soap::read_request::<SyncUpdates>(document.as_bytes(), &Limits::REQUEST);
    assert!(matches!(read, Err(XmlError::Missing(_))), "{read:?}");
}
