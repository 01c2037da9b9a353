//! A source as the transport of the TUF client.

use super::*;
use booster_sources::{DirectorySource, MetadataRepository};
use booster_test_support::{Fault, FaultyServer};
use sigstore_tuf::Repository;
use std::{error::Error, sync::Arc};

fn repository_over(source: impl Source + 'static) -> MetadataRepository {
    MetadataRepository::new(Arc::new(source), patient(), CancellationToken::new())
}

#[tokio::test]
async fn metadata_and_targets_come_from_their_halves_of_the_repository() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let separate = HttpOptions::separate(
        format!("{}/metadata/", server.url()).parse().unwrap(),
        format!("{}/targets", server.url()).parse().unwrap(),
    );
    let separate = HttpSource::new(HttpOptions { proxy: ProxyChoice::Direct, ..separate }).unwrap();
    let all = [
        repository_over(http(&server.url())),
        repository_over(separate),
        repository_over(DirectorySource::new(folder.path())),
    ];
    for repository in all {
        assert_eq!(
            repository.fetch_metadata("timestamp.json", 1000).await.unwrap().as_deref(),
            Some(TIMESTAMP)
        );
        assert_eq!(repository.fetch_target(ARCHIVE, 100_000).await.unwrap(), Some(archive()));
        assert_eq!(repository.fetch_metadata("2.root.json", 1000).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_failure_is_no_absence_and_its_cause_can_be_had_back() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    server.misbehave_everywhere(Fault::Status { code: 500, retry_after: None });
    let error = repository_over(http(&server.url())).fetch_metadata("2.root.json", 1000).await.unwrap_err();
    let cause = error.source().and_then(|cause| cause.downcast_ref::<SourceError>());
    assert!(matches!(cause, Some(SourceError::Status { status: 500, .. })), "{error:?}");
}

#[tokio::test]
async fn a_limit_of_the_client_is_kept() {
    let folder = repository();
    let error =
        repository_over(DirectorySource::new(folder.path())).fetch_target(ARCHIVE, 99_999).await.unwrap_err();
    let cause = error.source().and_then(|cause| cause.downcast_ref::<SourceError>());
    assert!(matches!(cause, Some(SourceError::TooLarge { limit: 99_999, .. })), "{error:?}");
}

#[tokio::test]
async fn names_of_roles_that_are_percent_encoded_are_asked_for_as_they_are() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let repository = repository_over(http(&server.url()));
    for name in ["1.%3F.json", "1...%2Fdelegated.json", "1.%F0%9F%90%99.json"] {
        assert_eq!(repository.fetch_metadata(name, 100).await.unwrap(), None);
        assert_eq!(server.log().last().unwrap().target, format!("/metadata/{name}"));
    }
}
