//! Keys that end or are replaced while the worker runs.

use std::path::Path;

use axon_worker::storage::{S3Store, StorageError, Transfers};

use crate::child;
use crate::server::{ACCESS_KEY, Fault, NEXT_ACCESS_KEY, SECRET_KEY};
use crate::stage::{content, limits, settings, stage, uri};

const FILE: &str = "AWS_SHARED_CREDENTIALS_FILE";
const TARGET: &str = "/in-bucket/k";

fn write(access_key: &str) {
    let path = std::env::var_os(FILE).unwrap();
    let text = format!(
        "[default]\naws_access_key_id = {access_key}\naws_secret_access_key = {SECRET_KEY}\n"
    );
    std::fs::write(path, text).unwrap();
}

#[actix_rt::test]
async fn keys_that_ended_are_read_again_and_the_request_is_repeated() {
    if !child::is_here() {
        let dir = tempfile::tempdir().unwrap();
        let file: &Path = &dir.path().join("credentials");
        let test = "keys::keys_that_ended_are_read_again_and_the_request_is_repeated";
        return child::run(test, &[(FILE, file.as_os_str())]);
    }
    let mut stage = stage();
    let mut settings = settings(&stage.server);
    (settings.access_key, settings.secret_key) = (None, None);
    let mut limits = limits();
    limits.max_retries = 0;
    stage.transfers = Transfers::new(S3Store::new(&settings).unwrap(), "b", limits);
    let bytes = content(12 * 1024 * 1024);
    write(ACCESS_KEY);
    stage.store("k", &bytes).await.unwrap();

    // Every kind of request, in parts and as one, each with keys that ended before.
    let faults = &stage.server.faults;
    let mut is_next = true;
    for (method, target) in [
        ("GET", TARGET),
        ("HEAD", TARGET),
        ("PUT", TARGET),
        ("POST", "uploads"),
        ("PUT", "partNumber=2"),
        ("POST", "uploadId"),
        ("GET", "list-type"),
        ("DELETE", TARGET),
    ] {
        let (old, new) = if is_next {
            (ACCESS_KEY, NEXT_ACCESS_KEY)
        } else {
            (NEXT_ACCESS_KEY, ACCESS_KEY)
        };
        is_next = !is_next;
        write(new);
        faults.add(method, target, Fault::Refuse(400, "ExpiredToken"), 1);
        match (method, target) {
            ("GET", TARGET) => assert_eq!(stage.fetch("k").await.unwrap(), bytes),
            ("HEAD", _) => {
                let info = stage.transfers.stat(&uri("k"), &stage.cancel).await;
                assert_eq!(info.unwrap().size, bytes.len() as u64);
            }
            ("PUT", TARGET) => drop(stage.store("k", b"small").await.unwrap()),
            ("DELETE", _) => stage
                .transfers
                .delete(&uri("k"), &stage.cancel)
                .await
                .unwrap(),
            ("GET", _) => assert_eq!(stage.fetch_folder("").await.unwrap().objects, 1),
            _ => drop(stage.store("k", &bytes).await.unwrap()),
        }
        let seen = faults.last(method, target).unwrap();
        assert!(seen.contains(new) && !seen.contains(old), "{seen}");
    }

    // No others: told at once.
    let before = faults.count("GET", TARGET);
    faults.add("GET", "", Fault::Refuse(400, "ExpiredToken"), 1000);
    let error = stage.fetch("k").await.unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error}");
    assert_eq!(faults.count("GET", TARGET), before + 1);
}
