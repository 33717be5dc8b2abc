//! A storage that is overloaded, down, or does not let us in.

use axon_worker::Cancellation;
use axon_worker::storage::{S3Store, Transfers};

use super::*;
use crate::stage::settings;

#[actix_rt::test]
async fn an_overloaded_storage_is_asked_again() {
    let stage = stage();
    let bytes = content(100);
    let faults = &stage.server.faults;
    for (method, status, code) in [
        ("PUT", 503, "SlowDown"),
        ("PUT", 500, "InternalError"),
        ("GET", 503, "SlowDown"),
        ("GET", 500, "InternalError"),
        ("GET", 429, "TooManyRequests"),
    ] {
        faults.add(method, "/in-bucket/k", Fault::Refuse(status, code), 2);
        stage.store("k", &bytes).await.unwrap();
        assert_eq!(stage.fetch("k").await.unwrap(), bytes);
    }
    assert_eq!(stage.transfers.counts().retries, 10);
    // Lists, too.
    faults.add("GET", "list-type", Fault::Refuse(503, "SlowDown"), 2);
    assert_eq!(stage.fetch_folder("").await.unwrap().objects, 1);
}

#[actix_rt::test]
async fn a_storage_that_stays_down_is_a_transient_error() {
    let stage = stage();
    stage
        .server
        .faults
        .add("GET", "", Fault::Refuse(503, "SlowDown"), 1000);
    let error = stage.fetch("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Transient);
    let told = error.to_string();
    assert!(
        told.contains("s3://in-bucket/k") && told.contains("SlowDown"),
        "{told}"
    );
    // One attempt, and five more.
    assert_eq!(stage.server.faults.count("GET", ""), 6);
}

#[actix_rt::test]
async fn a_storage_that_is_not_there_is_a_transient_error() {
    let mut settings = settings(&crate::server::Server::start());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    settings.endpoint_url = Some(format!("http://{nobody}"));
    let transfers = Transfers::new(S3Store::new(&settings).unwrap(), "b", limits());
    let dir = tempfile::tempdir().unwrap();
    let (to, cancel) = (dir.path().join("x"), Cancellation::new());
    let error = transfers
        .fetch(&uri("k"), &to, &Expected::default(), &cancel)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Transient);
    let told = format!("{error} {error:?}");
    assert!(told.contains("refused"), "{told}");
    assert!(
        !told.contains("Signature") && !told.contains("X-Amz"),
        "{told}"
    );
}

#[actix_rt::test]
async fn denied_access_is_told_at_once() {
    let stage = stage();
    stage.object("k", "x");
    stage
        .server
        .faults
        .add("GET", "", Fault::Refuse(403, "AccessDenied"), 1000);
    let error = stage.fetch("k").await.unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error}");
    assert_eq!(error.code(), ErrorCode::Transient);
    assert_eq!(stage.server.faults.count("GET", ""), 1);
}

#[actix_rt::test]
async fn wrong_keys_are_denied_and_not_told() {
    let server = crate::server::Server::start();
    let mut settings = settings(&server);
    settings.secret_key = Some("wr0ng-s3cret".into());
    let transfers = Transfers::new(S3Store::new(&settings).unwrap(), "b", limits());
    let dir = tempfile::tempdir().unwrap();
    let cancel = Cancellation::new();
    let to = dir.path().join("x");
    let error = transfers
        .fetch(&uri("k"), &to, &Expected::default(), &cancel)
        .await
        .unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error}");
    let told = format!("{error} {error:?}");
    assert!(told.contains("SignatureDoesNotMatch"), "{told}");
    assert!(
        !told.contains("wr0ng") && !told.contains(crate::server::ACCESS_KEY),
        "{told}"
    );
}

#[actix_rt::test]
async fn a_missing_object_is_asked_for_once() {
    let stage = stage();
    let error = stage.fetch("none").await.unwrap_err();
    assert_eq!(error.to_string(), "s3://in-bucket/none does not exist");
    assert_eq!(stage.server.faults.count("GET", ""), 1);
}
