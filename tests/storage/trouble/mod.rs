//! Everything that can go wrong.

mod answers;
mod downloads;
mod uploads;

use std::time::Duration;

use axon_worker::ErrorCode;
use axon_worker::storage::{Expected, StorageError};

use crate::server::Fault;
use crate::stage::{content, limits, stage, stage_with, uri};

const MIB: usize = 1024 * 1024;

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
