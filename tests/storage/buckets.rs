//! Buckets that are addressed in another way, or ask for more than others.

use std::ffi::OsStr;

use axon_worker::config::{S3Addressing, S3Checksum};
use axon_worker::storage::{Expected, ObjectUri, S3Store, StorageError, Transfers};

use crate::child;
use crate::server::{DOMAIN, LOCKED, Server};
use crate::stage::{Stage, content, limits, settings, stage, uri};

const MIB: usize = 1024 * 1024;

async fn store(stage: &Stage, to: &ObjectUri, bytes: &[u8]) -> Result<(), StorageError> {
    let path = stage.file("to-store", bytes);
    let stored = stage.transfers.store(&path, to, &stage.cancel).await;
    stored.map(drop)
}

#[actix_rt::test]
async fn a_bucket_that_wants_digests_gets_them() {
    let stage = stage();
    let faults = &stage.server.faults;
    let locked = ObjectUri::new(LOCKED, "k");
    for (bytes, attempts) in [(content(3 * MIB), 2), (content(100), 1), (content(0), 1)] {
        let before = faults.count("PUT", LOCKED);
        store(&stage, &locked, &bytes).await.unwrap();
        assert_eq!(stage.server.memory.get(LOCKED, "k").unwrap(), bytes);
        // Once it is known, nothing is sent in vain.
        assert_eq!(faults.count("PUT", LOCKED) - before, attempts);
    }
    let bytes = content(12 * MIB);
    store(&stage, &locked, &bytes).await.unwrap();
    assert_eq!(stage.server.memory.get(LOCKED, "k").unwrap(), bytes);
    assert_eq!(faults.count("PUT", "partNumber"), 3);
    assert_eq!(stage.transfers.counts().retries, 0);
    // Others get none, unless all do.
    store(&stage, &uri("k"), b"x").await.unwrap();
    assert_eq!(faults.count("PUT", "content-md5"), 6);
}

#[actix_rt::test]
async fn digests_can_be_sent_always() {
    let mut stage = stage();
    let mut settings = settings(&stage.server);
    settings.checksum = S3Checksum::Md5;
    stage.transfers = Transfers::new(S3Store::new(&settings).unwrap(), "b", limits());
    let faults = &stage.server.faults;
    for bucket in [LOCKED, "in-bucket"] {
        store(&stage, &ObjectUri::new(bucket, "k"), &content(12 * MIB))
            .await
            .unwrap();
    }
    assert_eq!(faults.count("PUT", ""), 6);
    assert_eq!(faults.count("PUT", "content-md5"), 6);
}

#[actix_rt::test]
async fn the_bucket_can_be_a_part_of_the_host() {
    if !child::is_here() {
        let server = Server::start();
        let proxy = server.url();
        let proxy = OsStr::new(&proxy);
        let test = "buckets::the_bucket_can_be_a_part_of_the_host";
        child::run(test, &[("http_proxy", proxy), ("HTTP_PROXY", proxy)]);
        let there = server.faults.count("GET", "http://in-bucket.s3.test/d/k");
        assert!(there > 0, "the bucket stood in the host");
        return;
    }
    let mut stage = stage();
    let mut settings = settings(&stage.server);
    settings.endpoint_url = Some(format!("http://{DOMAIN}"));
    settings.addressing = S3Addressing::Virtual;
    stage.transfers = Transfers::new(S3Store::new(&settings).unwrap(), "b", limits());
    let (cancel, to) = (&stage.cancel, stage.path("got"));
    for (key, size) in [("d/k", 100), ("d/ü +k", 12 * MIB)] {
        let bytes = content(size);
        stage.store(key, &bytes).await.unwrap();
        assert_eq!(stage.fetch(key).await.unwrap(), bytes);
        let info = stage.transfers.stat(&uri(key), cancel).await.unwrap();
        assert_eq!(info.size, size as u64);
    }
    assert_eq!(stage.fetch_folder("d/").await.unwrap().objects, 2);
    stage.transfers.delete(&uri("d/k"), cancel).await.unwrap();
    // What a host name would change is not asked for.
    let error = stage
        .transfers
        .fetch(
            &ObjectUri::new("In_Bucket", "k"),
            &to,
            &Expected::default(),
            cancel,
        )
        .await
        .unwrap_err();
    assert!(error.to_string().contains("S3_ADDRESSING"), "{error}");
}
