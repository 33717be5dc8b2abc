//! The memory of large transfers, which is measured of a whole process: so there is one
//! test in this file.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    clippy::pedantic,
    reason = "a test"
)]

#[path = "storage/server/mod.rs"]
mod server;

use axon_worker::Cancellation;
use axon_worker::config::{StorageSettings, Token};
use axon_worker::storage::{Expected, ObjectUri, S3Store, TransferLimits, Transfers};
use bytes::Bytes;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// A line of the process's status, in bytes.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// The server is in this process, so its memory counts, too. It keeps one piece of the
/// object that is fetched, and nothing of the one that is stored.
#[actix_rt::test]
async fn an_object_of_1_gib_takes_at_most_64_mib() {
    let server = server::Server::start();
    let piece: Bytes = (0..MIB).map(|i| (i % 251) as u8).collect();
    server
        .memory
        .put_repeated("in-bucket", "huge", &piece, 1024);
    let mut settings = StorageSettings::default();
    settings.endpoint_url = Some(server.url());
    settings.access_key = Some(Token::from(server::ACCESS_KEY));
    settings.secret_key = Some(Token::from(server::SECRET_KEY));
    let store = S3Store::new(&settings).unwrap();
    let transfers = Transfers::new(store, "results", TransferLimits::default());
    let cancel = Cancellation::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("huge");
    let missing = ObjectUri::new("in-bucket", "missing");
    let _ = transfers.stat(&missing, &cancel).await;

    let idle = memory("VmRSS:");
    let above = |what: &str| {
        let peak = memory("VmHWM:") - idle;
        println!(
            "{what}: {:.1} MiB above the {:.1} MiB of before",
            peak as f64 / MIB as f64,
            idle as f64 / MIB as f64
        );
        assert!(peak <= 64 * MIB, "{what}: {peak} bytes above idle");
    };
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let from = ObjectUri::new("in-bucket", "huge");
    let got = transfers
        .fetch(&from, &path, &Expected::default(), &cancel)
        .await
        .unwrap();
    above("fetching 1 GiB");
    assert_eq!((got.size, path.metadata().unwrap().len()), (GIB, GIB));

    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let to = ObjectUri::new(server::VOID, "huge");
    let sent = transfers.store(&path, &to, &cancel).await.unwrap();
    above("storing 1 GiB");
    assert_eq!(sent.size, GIB);
    assert_eq!(server.faults.count("PUT", "partNumber"), 128);

    let mut file = std::fs::File::open(&path).unwrap();
    let mut read = vec![0; MIB as usize];
    for _ in 0..1024 {
        std::io::Read::read_exact(&mut file, &mut read).unwrap();
        assert!(read[..] == piece[..]);
    }
}
