//! Downloads that break off, change on the way, or are not what was announced.

use super::*;

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
    // A batch that is being written at this moment is written to its end.
    stage.server.until(|_| stage.leftovers() == 0).await;
    assert!(!to.exists());
}

#[actix_rt::test]
async fn a_download_whose_bytes_are_never_kept_ends() {
    let stage = stage();
    stage.object("k", content(MIB));
    // Without a mark it cannot be gone on with: the beginning comes again and again.
    stage
        .server
        .faults
        .add("GET", "", Fault::Bare(300 * 1024), 1000);
    let error = stage.fetch("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Transient, "{error}");
    assert_eq!(stage.server.faults.count("GET", ""), 6);
}

#[actix_rt::test]
async fn a_weak_mark_is_no_condition_and_no_mismatch() {
    let stage = stage();
    let bytes = content(2 * MIB);
    let etag = stage.store("k", &bytes).await.unwrap().etag.unwrap();
    let faults = &stage.server.faults;
    // No `If-Match` accepts it, and parts under it may not be put together.
    for announced in [etag.clone(), format!("\"{etag}\""), format!("W/\"{etag}\"")] {
        faults.add("GET", "", Fault::Weak(MIB as u64), 1);
        faults.add("GET", "", Fault::Weak(u64::MAX), 1);
        let expect = Expected {
            size: None,
            etag: Some(announced),
        };
        assert_eq!(stage.fetch_as("k", &expect).await.unwrap(), bytes);
    }
    assert_eq!(faults.count("GET", ""), 6);
    let moved = stage.transfers.counts().fetched_bytes;
    assert_eq!(moved, 3 * 3 * MIB as u64, "each time from the beginning");
    // Parts whose marks were weakened on their way are put together nevertheless.
    faults.add("PUT", "partNumber=2", Fault::Weak(u64::MAX), 1);
    let bytes = content(12 * MIB);
    stage.store("k", &bytes).await.unwrap();
    assert_eq!(stage.fetch("k").await.unwrap(), bytes);
}

/// In a container every process has the same number.
#[actix_rt::test]
async fn what_a_killed_process_of_our_number_left_is_in_nobodys_way() {
    let stage = stage();
    stage.object("k", content(100));
    let to = stage.path("new/fetched");
    for number in 0..500 {
        let name = format!("new/.axon-{}-{number}.part", std::process::id());
        stage.file(&name, b"left");
    }
    let (uri, any) = (uri("k"), Expected::default());
    let fetched = stage.transfers.fetch(&uri, &to, &any, &stage.cancel).await;
    assert_eq!(fetched.unwrap().size, 100);
}
