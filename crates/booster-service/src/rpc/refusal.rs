//! What a caller is told whose call cannot be served.

use crate::{caller::NotAllowed, desk::Refused, overview::Unreadable, wire::generated as proto};
use booster_config::ConfigError;
use booster_store::StoreError;
use booster_update::{Cause, ErrorKind, Stage, UpdateError};
use prost::Message as _;
use tonic::{Code, Status};

/// A status whose details hold the failure.
fn with_failure(code: Code, error: &UpdateError) -> Status {
    let details = proto::Failure::from(error).encode_to_vec();
    Status::with_details(code, error.reason(), details.into())
}

fn told(code: Code, kind: ErrorKind, reason: String) -> Status {
    with_failure(code, &UpdateError::new(Stage::Unknown, None, Cause::Told { kind, detail: None, reason }))
}

/// The arguments cannot be understood.
pub(super) fn invalid(reason: impl Into<String>) -> Status {
    told(Code::InvalidArgument, ErrorKind::Configuration, reason.into())
}

/// It cannot be done as things are.
pub(super) fn impossible(kind: ErrorKind, reason: impl Into<String>) -> Status {
    told(Code::FailedPrecondition, kind, reason.into())
}

pub(super) fn not_allowed(error: &NotAllowed) -> Status {
    told(Code::PermissionDenied, ErrorKind::Permission, error.to_string())
}

pub(super) fn refused(error: &Refused) -> Status {
    let (code, kind) = match error {
        Refused::TooMany(_) | Refused::TooManyOfOne(_) => (Code::ResourceExhausted, ErrorKind::Busy),
        Refused::Ending => (Code::Unavailable, ErrorKind::Busy),
        Refused::NoSuchUpdate(_) | Refused::NothingRuns => (Code::NotFound, ErrorKind::NotFound),
        Refused::NotAllowed(error) => return not_allowed(error),
    };
    told(code, kind, error.to_string())
}

pub(super) fn configuration(error: &ConfigError) -> Status {
    let (kind, detail, reason) = (error.kind(), error.detail(), error.to_string());
    let cause = Cause::Told { kind, detail, reason };
    with_failure(Code::FailedPrecondition, &UpdateError::new(Stage::Unknown, None, cause))
}

pub(super) fn unreadable(error: Unreadable) -> Status {
    match error {
        Unreadable::Store(error) => store(error),
        Unreadable::Died(error) => Status::internal(error.to_string()),
    }
}

pub(super) fn store(error: StoreError) -> Status {
    with_failure(Code::FailedPrecondition, &UpdateError::new(Stage::Unknown, None, Cause::Store(error)))
}
