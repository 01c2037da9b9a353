//! Failures: told with their kind, what is known beside it, and the words.

use super::{generated as proto, name, named};
use booster_sources::SourceKind;
use booster_update::{Cause, ErrorKind, SourceRef, Stage, UpdateError};

impl From<&UpdateError> for proto::Failure {
    fn from(error: &UpdateError) -> Self {
        Self {
            kind: name(&error.kind()),
            detail: error.cause().detail().map(|detail| detail.to_string()),
            step: name(&error.step),
            source: error.source.as_ref().map(proto::Source::from),
            reason: error.reason(),
        }
    }
}

impl From<proto::Failure> for UpdateError {
    fn from(failure: proto::Failure) -> Self {
        let kind = named(&failure.kind).unwrap_or(ErrorKind::Internal);
        let detail = failure.detail.and_then(|detail| detail.parse().ok());
        let step = named(&failure.step).unwrap_or(Stage::Unknown);
        let source = failure.source.and_then(|source| SourceRef::try_from(source).ok());
        Self::new(step, source, Cause::Told { kind, detail, reason: failure.reason })
    }
}

impl From<&SourceRef> for proto::Source {
    fn from(source: &SourceRef) -> Self {
        Self { kind: name(&source.kind), path: source.path.clone() }
    }
}

impl TryFrom<proto::Source> for SourceRef {
    /// The kind is not known here.
    type Error = ();

    fn try_from(source: proto::Source) -> Result<Self, ()> {
        let kind: SourceKind = source.kind.parse().map_err(|_| ())?;
        Ok(Self { kind, path: source.path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_sources::SourceError;
    use booster_update::Detail;

    #[test]
    fn a_failure_is_the_same_on_both_sides() {
        let source = SourceRef { kind: SourceKind::Http, path: "http://a/".into() };
        let cause = Cause::Source(SourceError::Status { location: "http://a/x".into(), status: 502 });
        let error = UpdateError::new(Stage::Download, Some(source), cause);
        let told = UpdateError::from(proto::Failure::from(&error));
        assert_eq!(told, error);
        assert_eq!(told.cause().detail(), Some(Detail::HttpStatus(502)));
        assert_eq!(told.reason(), error.reason());
    }

    #[test]
    fn a_kind_of_tomorrow_is_a_failure_all_the_same() {
        let failure = proto::Failure { kind: "of_tomorrow".into(), reason: "x".into(), ..Default::default() };
        let error = UpdateError::from(failure);
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Internal, "start: x"));
    }
}
