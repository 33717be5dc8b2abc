//! Uploads that fail or are called off, and leave no parts.

use super::*;
use crate::until::until;

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
        // The connection lets go of what it was sending a moment after the request is over.
        until("none is active", || stage.transfers.counts().active == 0).await;
    }
}

#[actix_rt::test]
async fn an_upload_that_is_always_refused_ends() {
    let stage = stage();
    let faults = &stage.server.faults;
    faults.add("PUT", "/in-bucket/k", Fault::Refuse(503, "SlowDown"), 1000);
    let error = stage.store("k", &content(2 * MIB)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Transient, "{error}");
    assert_eq!(faults.count("PUT", "/in-bucket/k"), 6);
    // In parts: that the others arrive gives the one that does not only so much more time.
    faults.clear();
    faults.add("PUT", "partNumber=2", Fault::Refuse(503, "SlowDown"), 1000);
    let error = stage.store("k", &content(16 * MIB)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Transient, "{error}");
    let count = faults.count("PUT", "partNumber=2");
    assert!((6..=4 * 6).contains(&count), "{count}");
}
