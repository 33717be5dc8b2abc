//! Everything as it should be.

use std::collections::BTreeSet;

use axon_worker::storage::{Expected, ObjectUri, StorageError, TransferEvent};

use crate::stage::{content, settings, stage, uri};

const MIB: usize = 1024 * 1024;

#[actix_rt::test]
async fn objects_of_every_size_go_in_and_come_out() {
    let stage = stage();
    // None, one byte, read at once, a stream, one whole, parts with and without a rest.
    for size in [
        0,
        1,
        16 * 1024,
        300 * 1024,
        10 * MIB,
        10 * MIB + 1,
        15 * MIB,
    ] {
        let bytes = content(size);
        let info = stage.store("k", &bytes).await.unwrap();
        assert_eq!(info.size, size as u64);
        assert!(info.etag.as_ref().is_some_and(|etag| !etag.contains('"')));
        assert_eq!(stage.server.memory.get("in-bucket", "k").unwrap(), bytes);
        let expect = Expected {
            size: Some(info.size),
            etag: info.etag,
        };
        assert_eq!(stage.fetch_as("k", &expect).await.unwrap(), bytes);
    }
    assert_eq!(stage.server.memory.begun_uploads(), 2);
    assert_eq!(stage.server.memory.open_uploads(), 0);
    // One request each for what is small.
    assert_eq!(stage.server.faults.count("HEAD", ""), 0);
    assert_eq!(stage.server.faults.count("GET", ""), 7);
}

#[actix_rt::test]
async fn odd_keys_are_kept() {
    let stage = stage();
    let keys = [
        "a b",
        "ü/ключ",
        "a+b",
        "100%",
        "%2e%2e/x",
        "a//b",
        "x/",
        "q?x=1&y",
        "h#f",
        "a;b=c@d",
        "e\u{301}",
        "\u{e9}",
        "🦀",
        "a\nb",
        "...",
        ".hidden",
        "A",
        "a",
        "\\x",
        "'\"<>",
        " lead",
        "trail ",
    ];
    for key in keys {
        stage.store(key, key.as_bytes()).await.unwrap();
        assert_eq!(stage.fetch(key).await.unwrap(), key.as_bytes(), "{key:?}");
    }
    let there: BTreeSet<_> = stage.server.memory.keys("in-bucket").into_iter().collect();
    let sent: BTreeSet<_> = keys.iter().map(ToString::to_string).collect();
    assert_eq!(there, sent);
}

#[actix_rt::test]
async fn keys_that_would_become_others_never_reach_the_storage() {
    let stage = stage();
    for key in [
        "../x",
        "a/../b",
        "./a",
        "a/.",
        "/abs",
        "",
        "a\0b",
        &"x".repeat(1025),
    ] {
        let error = stage.store(key, b"x").await.unwrap_err();
        assert!(
            matches!(error, StorageError::UnsafeKey { .. }),
            "{key:?}: {error}"
        );
        let error = stage.fetch(key).await.unwrap_err();
        assert!(
            matches!(error, StorageError::UnsafeKey { .. }),
            "{key:?}: {error}"
        );
    }
    assert_eq!(stage.server.connections(), 0);
}

#[actix_rt::test]
async fn a_prefix_of_1100_objects_becomes_a_folder() {
    let stage = stage();
    for i in 0..1100 {
        stage.object(&format!("many/{}/{i}", i % 7), format!("content {i}"));
    }
    stage.object("many/", "");
    stage.object("many/3/", "");
    stage.object("manyother", "not below it");
    let info = stage.fetch_folder("many/").await.unwrap();
    assert_eq!(info.objects, 1100);
    for i in 0..1100 {
        let path = stage.path(&format!("folder/{}/{i}", i % 7));
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            format!("content {i}")
        );
    }
    assert_eq!(stage.server.faults.count("GET", "list-type=2"), 2);
    // Sixteen at once, over connections that are used again.
    assert!(
        stage.server.connections() <= 40,
        "{}",
        stage.server.connections()
    );
}

#[actix_rt::test]
async fn odd_keys_of_a_folder_get_files_of_their_own() {
    let stage = stage();
    let long = format!("d/{}", "ü".repeat(400));
    let keys = [
        "d/a",
        "d/a/b",
        "d/a//b",
        "d//abs",
        "d/e\u{301}",
        "d/\u{e9}",
        "d/A",
        "d/100%",
        &long,
    ];
    for key in keys {
        stage.object(key, key.to_owned());
    }
    let info = stage.fetch_folder("d/").await.unwrap();
    assert_eq!(info.objects, keys.len());
    let mut found = BTreeSet::new();
    let mut folders = vec![stage.path("folder")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    assert_eq!(found, keys.iter().map(ToString::to_string).collect());
    assert_eq!(
        std::fs::read_to_string(stage.path("folder/100%")).unwrap(),
        "d/100%"
    );
}

#[actix_rt::test]
async fn hostile_keys_of_a_folder_are_refused_before_anything_is_written() {
    for key in ["d/../x", "d/..", "d/a/../../../x", "d/./x"] {
        let stage = stage();
        stage.object("d/fine", "x");
        stage.object(key, "evil");
        let error = stage.fetch_folder("d/").await.unwrap_err();
        assert!(
            matches!(error, StorageError::UnsafeKey { .. }),
            "{key}: {error}"
        );
        assert!(error.to_string().contains(key), "{error}");
        assert!(!stage.path("folder").exists());
        assert!(!stage.path("x").exists());
    }
}

#[actix_rt::test]
async fn a_folder_goes_into_the_storage() {
    let stage = stage();
    for i in 0..40 {
        stage.file(&format!("out/{}/{i}.txt", i % 3), format!("{i}").as_bytes());
    }
    stage.file("out/large", &content(11 * MIB));
    let folder = ObjectUri::parse("s3://results/job/out/").unwrap();
    let from = stage.path("out");
    let info = stage
        .transfers
        .store_folder(&from, &folder, &stage.cancel)
        .await
        .unwrap();
    assert_eq!(info.objects, 41);
    assert_eq!(stage.server.memory.keys("results").len(), 41);
    assert_eq!(
        stage
            .server
            .memory
            .get("results", "job/out/1/4.txt")
            .unwrap(),
        b"4"
    );
    let last = ObjectUri::new("results", "job/out/large");
    let last = stage.transfers.stat(&last, &stage.cancel).await.unwrap();
    assert_eq!(info.last_etag, last.etag);
}

#[actix_rt::test]
async fn what_is_deleted_is_gone_and_may_be_deleted_again() {
    let stage = stage();
    stage.object("k", "x");
    for _ in 0..2 {
        stage
            .transfers
            .delete(&uri("k"), &stage.cancel)
            .await
            .unwrap();
    }
    let error = stage
        .transfers
        .stat(&uri("k"), &stage.cancel)
        .await
        .unwrap_err();
    assert!(matches!(error, StorageError::NotFound { .. }), "{error}");
}

#[actix_rt::test]
async fn large_transfers_tell_how_far_they_are() {
    let stage = stage();
    let mut events = stage.transfers.subscribe();
    let bytes = content(3 * MIB);
    stage.store("k", &bytes).await.unwrap();
    stage.fetch("k").await.unwrap();
    let mut ends = 0;
    while ends < 2 {
        match events.next().await.unwrap() {
            TransferEvent::Finished { moved, error, .. } => {
                assert_eq!((moved, error), (bytes.len() as u64, None));
                ends += 1;
            }
            TransferEvent::Progress { moved, total, .. } => {
                assert!(total == Some(bytes.len() as u64) && moved <= bytes.len() as u64);
            }
            _ => {}
        }
    }
}

#[actix_rt::test]
async fn a_bucket_of_another_name_uses_the_same_connections() {
    let stage = stage();
    for bucket in ["bucket-one", "bucket-two", "bucket-three"] {
        let path = stage.file("f", b"x");
        let to = ObjectUri::new(bucket, "k");
        stage
            .transfers
            .store(&path, &to, &stage.cancel)
            .await
            .unwrap();
    }
    assert_eq!(stage.server.connections(), 1);
}

#[test]
fn keys_are_not_told() {
    let server = crate::server::Server::start();
    let text = format!("{:?}", settings(&server));
    assert!(!text.contains(crate::server::ACCESS_KEY) && !text.contains(crate::server::SECRET_KEY));
    let store = axon_worker::storage::S3Store::new(&settings(&server)).unwrap();
    let text = format!("{store:?}");
    assert!(!text.contains(crate::server::ACCESS_KEY) && !text.contains(crate::server::SECRET_KEY));
}
