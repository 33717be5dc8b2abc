//! Everything that can go wrong.

use std::time::Duration;

use axon_worker::storage::{Expected, S3Store, StorageError, Transfers};
use axon_worker::{Cancellation, ErrorCode};

use crate::server::Fault;
use crate::stage::{content, limits, settings, stage, stage_with, uri};

const MIB: usize = 1024 * 1024;

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

#[actix_rt::test]
async fn a_body_that_breaks_off_is_gone_on_with() {
    let stage = stage();
    let bytes = content(8 * MIB);
    stage.object("k", bytes.clone());
    for after in [0, 1, 70_000, 3 * MIB as u64] {
        stage
            .server
            .faults
            .add("GET", "/in-bucket/k", Fault::Cut(after), 1);
    }
    assert_eq!(stage.fetch("k").await.unwrap(), bytes);
    assert_eq!(stage.server.faults.count("GET", ""), 5);
    // Nothing but what had not arrived came again.
    let moved = stage.transfers.counts().fetched_bytes;
    assert_eq!(moved, bytes.len() as u64);
}

#[actix_rt::test]
async fn a_line_that_breaks_again_and_again_gets_there() {
    let stage = stage();
    let bytes = content(8 * MIB);
    stage.object("k", bytes.clone());
    // More often than there are retries, but each time it got on.
    stage
        .server
        .faults
        .add("GET", "/in-bucket/k", Fault::Cut(600_000), 12);
    assert_eq!(stage.fetch("k").await.unwrap(), bytes);
    assert_eq!(stage.server.faults.count("GET", ""), 13);
}

#[actix_rt::test]
async fn a_storage_that_sends_the_whole_again_is_understood() {
    let stage = stage();
    let bytes = content(4 * MIB);
    stage.object("k", bytes.clone());
    stage
        .server
        .faults
        .add("GET", "", Fault::Cut(2 * MIB as u64), 1);
    stage.server.faults.add("GET", "", Fault::Whole, 1);
    assert_eq!(stage.fetch("k").await.unwrap(), bytes);
}

#[actix_rt::test]
async fn an_object_that_is_replaced_meanwhile_is_read_from_its_beginning() {
    let mut limits = limits();
    limits.stall = Duration::from_millis(400);
    let stage = stage_with(limits);
    let (old, new) = (content(4 * MIB), content(3 * MIB));
    stage.object("k", old);
    let faults = &stage.server.faults;
    faults.add("GET", "", Fault::Freeze(2 * MIB as u64), 1);
    let replace = async {
        stage
            .server
            .until(|server| server.faults.count("GET", "") == 1)
            .await;
        stage.object("k", new.clone());
    };
    let (fetched, ()) = tokio::join!(stage.fetch("k"), replace);
    assert_eq!(fetched.unwrap(), new);
}

#[actix_rt::test]
async fn a_length_that_is_a_lie_is_noticed() {
    let stage = stage();
    let bytes = content(100_000);
    stage.object("k", bytes.clone());
    // Less than there is, by the head of the answer: the announced size is another.
    stage.server.faults.add("GET", "", Fault::Length(50_000), 1);
    let expect = Expected {
        size: Some(100_000),
        etag: None,
    };
    let error = stage.fetch_as("k", &expect).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::IntegrityMismatch);
    // More than there is: it never gets complete.
    stage
        .server
        .faults
        .add("GET", "", Fault::Length(200_000), 1000);
    let error = stage.fetch("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Transient, "{error}");
}

#[actix_rt::test]
async fn what_is_not_as_announced_is_not_even_read() {
    let stage = stage();
    stage.object("k", content(8 * MIB));
    for expect in [
        Expected {
            size: Some(5),
            etag: None,
        },
        Expected {
            size: None,
            etag: Some("\"0123\"".into()),
        },
    ] {
        let error = stage.fetch_as("k", &expect).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::IntegrityMismatch, "{error}");
    }
    assert_eq!(stage.transfers.counts().fetched_bytes, 0);
    assert_eq!(stage.server.faults.count("GET", ""), 2);
}

#[actix_rt::test]
async fn a_transfer_that_stands_still_is_begun_again() {
    let mut limits = limits();
    limits.stall = Duration::from_millis(200);
    let stage = stage_with(limits);
    let bytes = content(3 * MIB);
    stage.object("k", bytes.clone());
    stage
        .server
        .faults
        .add("GET", "", Fault::Freeze(MIB as u64), 1);
    stage.server.faults.add("GET", "", Fault::Freeze(0), 1);
    assert_eq!(stage.fetch("k").await.unwrap(), bytes);
    assert_eq!(stage.server.faults.count("GET", ""), 3);
    // And one that never moves at all ends.
    stage.server.faults.add("GET", "", Fault::Hold, 1000);
    let error = stage.fetch("k").await.unwrap_err();
    assert!(matches!(error, StorageError::Stalled { .. }), "{error}");
    assert_eq!(error.code(), ErrorCode::Transient);
}

#[actix_rt::test]
async fn parts_that_fail_are_sent_again() {
    let stage = stage();
    let bytes = content(16 * MIB);
    let faults = &stage.server.faults;
    faults.add("POST", "uploads", Fault::Refuse(503, "SlowDown"), 1);
    faults.add(
        "PUT",
        "partNumber=2",
        Fault::Refuse(500, "InternalError"),
        2,
    );
    faults.add("PUT", "partNumber=3", Fault::Swallow, 1);
    faults.add("POST", "uploadId", Fault::Refuse(200, "InternalError"), 1);
    stage.store("k", &bytes).await.unwrap();
    assert_eq!(stage.server.memory.get("in-bucket", "k").unwrap(), bytes);
    assert_eq!(stage.server.memory.begun_uploads(), 1);
    assert_eq!(stage.server.memory.open_uploads(), 0);
}

#[actix_rt::test]
async fn an_upload_whose_last_answer_is_lost_counts() {
    let stage = stage();
    let bytes = content(11 * MIB);
    stage
        .server
        .faults
        .add("POST", "uploadId", Fault::Swallow, 1);
    let info = stage.store("k", &bytes).await.unwrap();
    assert_eq!(info.size, bytes.len() as u64);
    assert_eq!(stage.server.memory.begun_uploads(), 1);
}

#[actix_rt::test]
async fn an_upload_that_fails_leaves_no_parts() {
    let stage = stage();
    let faults = &stage.server.faults;
    faults.add("PUT", "partNumber=2", Fault::Refuse(403, "AccessDenied"), 1);
    // Giving it up is tried again as well.
    faults.add("DELETE", "uploadId", Fault::Refuse(503, "SlowDown"), 2);
    let error = stage.store("k", &content(16 * MIB)).await.unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error}");
    stage.transfers.settled(Duration::from_secs(10)).await;
    assert_eq!(stage.server.memory.begun_uploads(), 1);
    assert_eq!(stage.server.memory.open_uploads(), 0);
    assert_eq!(stage.server.memory.get("in-bucket", "k"), None);
}

#[actix_rt::test]
async fn an_upload_that_is_called_off_leaves_no_parts() {
    // Before it began in the storage, in the middle, at its end.
    for (method, target) in [
        ("POST", "uploads"),
        ("PUT", "partNumber=2"),
        ("POST", "uploadId"),
    ] {
        let stage = stage();
        stage.server.faults.add(method, target, Fault::Hold, 1);
        let path = stage.file("large", &content(16 * MIB));
        let to = uri("k");
        let mut storing = Box::pin(stage.transfers.store(&path, &to, &stage.cancel));
        let asked = |server: &crate::server::Server| server.faults.count(method, target) > 0;
        tokio::select! {
            result = &mut storing => panic!("{result:?}"),
            () = stage.server.until(asked) => {}
        }
        drop(storing);
        stage.server.faults.clear();
        stage.transfers.settled(Duration::from_secs(10)).await;
        if target != "uploadId" {
            assert_eq!(stage.server.memory.get("in-bucket", "k"), None, "{target}");
        }
        assert_eq!(stage.server.memory.begun_uploads(), 1, "{target}");
        assert_eq!(stage.server.memory.open_uploads(), 0, "{target}");
        assert_eq!(stage.transfers.counts().active, 0);
    }
}

#[actix_rt::test]
async fn a_download_that_is_called_off_leaves_nothing() {
    let stage = stage();
    stage.object("k", content(4 * MIB));
    stage
        .server
        .faults
        .add("GET", "", Fault::Freeze(MIB as u64), 1);
    let to = stage.path("fetched");
    let uri = uri("k");
    let expect = Expected::default();
    let mut fetching = Box::pin(stage.transfers.fetch(&uri, &to, &expect, &stage.cancel));
    tokio::select! {
        result = &mut fetching => panic!("{result:?}"),
        () = stage.server.until(|server| server.faults.count("GET", "") > 0) => {}
    }
    drop(fetching);
    stage.transfers.settled(Duration::from_secs(10)).await;
    assert_eq!(stage.leftovers(), 0);
    assert!(!to.exists());
}

#[actix_rt::test]
async fn a_file_that_cannot_be_read_is_named() {
    let stage = stage();
    let missing = stage.path("missing");
    for path in [missing.as_path(), stage.dir.path()] {
        let error = stage
            .transfers
            .store(path, &uri("k"), &stage.cancel)
            .await
            .unwrap_err();
        assert!(matches!(error, StorageError::Io { .. }), "{error}");
        assert!(
            error.to_string().starts_with(path.to_str().unwrap()),
            "{error}"
        );
    }
    let error = stage
        .transfers
        .fetch(
            &uri("k"),
            &stage.path("no/folder/here"),
            &Expected::default(),
            &stage.cancel,
        )
        .await
        .unwrap_err();
    assert!(matches!(error, StorageError::Io { .. }), "{error}");
}
