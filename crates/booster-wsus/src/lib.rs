//! The Windows Update client-server protocol ([MS-WUSP]): its messages, read and written.
//!
//! Both directions are here, since a machine and a server speak the same: a [`Call`] names an operation
//! with its request and its answer, [`soap`] puts them into envelopes and takes them out, [`Fault`] is
//! what a server answers in their place, and [`fragment`] is what an update says about itself inside
//! them.
//!
//! Reading is for input that nobody vouches for. It promises: no document type, no entity but the
//! five of XML, and [`Limits`] on bytes, depth, elements and the length of every list; names are known
//! by namespace and local name, never by prefix; what is unknown is passed over; and no input makes
//! it panic or recurse. It believes nothing: what follows from a message is for who reads it.
//!
//! There is no input or output here, and nothing that an update wants to have run is even read.
//!
//! ```
//! use booster_wsus::{Call, Limits, message::GetConfig, soap};
//!
//! let request = soap::request(&GetConfig { protocol_version: "1.8".to_owned() });
//! assert!(GetConfig::action().ends_with("/ClientWebService/GetConfig"));
//! let read: GetConfig = soap::read_request(request.as_bytes(), &Limits::REQUEST)?;
//! assert_eq!(read.protocol_version, "1.8");
//! # Ok::<(), booster_wsus::XmlError>(())
//! ```
//!
//! [MS-WUSP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-wusp/
#![forbid(unsafe_code)]

mod call;
mod fault;
pub mod fragment;
mod identity;
pub mod message;
pub mod soap;
mod time;
mod xml;

pub use call::{Call, Service};
pub use fault::{ErrorCode, Fault};
pub use identity::{Sha1, UpdateIdentity};
pub use time::read_time;
pub use uuid::Uuid;
pub use xml::{Limits, Read, Reader, Write, Writer, XmlError};
