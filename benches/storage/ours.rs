//! Our side.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axon_worker::Cancellation;
use axon_worker::config::{BlobCacheMode, StorageSettings, Token};
use axon_worker::storage::{Expected, ObjectUri, S3Store, TransferLimits, Transfers};

use crate::cases::{BUCKET, MIB, SMALL, SMALLS};
use crate::server::{ACCESS_KEY, SECRET_KEY};

struct Ours {
    transfers: Transfers,
    links: Transfers,
    copies: Transfers,
    dir: PathBuf,
}

/// A line for each line.
pub(crate) fn run(args: &[String]) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut settings = StorageSettings::default();
    settings.endpoint_url = Some(args[0].clone());
    settings.access_key = Some(Token::from(ACCESS_KEY));
    settings.secret_key = Some(Token::from(SECRET_KEY));
    let transfers = |settings: &StorageSettings| {
        let store = S3Store::new(settings).expect("the settings are good");
        Transfers::new(store, BUCKET, TransferLimits::default())
    };
    let cached = |name: &str, mode| {
        let mut settings = settings.clone();
        settings.blob_cache_dir = Some(dir.path().join(name));
        settings.blob_cache_mode = mode;
        transfers(&settings).with_cache(&settings, "bench")
    };
    let ours = Ours {
        transfers: transfers(&settings),
        links: cached("links", BlobCacheMode::Link),
        copies: cached("copies", BlobCacheMode::Copy),
        dir: dir.path().to_owned(),
    };
    prepare(&ours.dir);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    // Connections, threads, buffers.
    runtime.block_on(ours.case("get-small"));
    println!("ready");
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let idle = memory("VmRSS:");
        // From here on the peak counts anew.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let took = runtime.block_on(ours.case(&line));
        println!("{} {} {idle}", took.as_secs_f64(), memory("VmHWM:"));
        std::io::stdout().flush().expect("somebody reads");
    }
}

fn prepare(dir: &Path) {
    let large = vec![b'y'; 256 * MIB];
    std::fs::write(dir.join("large"), &large).expect("room on the disk");
    let mut huge = std::fs::File::create(dir.join("huge")).expect("a file");
    for _ in 0..4 {
        huge.write_all(&large).expect("room on the disk");
    }
    std::fs::create_dir(dir.join("small")).expect("a folder");
    for i in 0..SMALLS {
        std::fs::write(dir.join(format!("small/{i}")), &large[..SMALL]).expect("a file");
    }
}

impl Ours {
    async fn case(&self, case: &str) -> Duration {
        // Another folder each time: ext4 looks long for room where many files went lately.
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let cancel = Cancellation::new();
        let any = Expected::default();
        let got = self.dir.join(format!("got-{}", RUNS.fetch_add(1, Relaxed)));
        let uri = |key: &str| ObjectUri::new(BUCKET, key);
        let (large, huge) = (uri("large"), uri("huge"));
        // What has to be there before.
        match case {
            "hit-link" => drop(self.links.fetch(&large, &got, &any, &cancel).await),
            "hit-copy" | "hit-burst" => {
                for _ in 0..2 {
                    drop(self.copies.fetch(&large, &got, &any, &cancel).await);
                }
                self.copies.settled(Duration::from_mins(1)).await;
                if case == "hit-burst" {
                    drop(self.copies.fetch(&large, &got, &any, &cancel).await);
                }
            }
            _ => {}
        }
        // A task has no file of that name yet; replacing a large one takes its time.
        let _ = std::fs::remove_file(&got);
        let from = |name: &str| self.dir.join(name);
        let began = Instant::now();
        let size = match case {
            "get" => {
                self.transfers
                    .fetch(&large, &got, &any, &cancel)
                    .await
                    .expect(case)
                    .size
            }
            "get-huge" => {
                self.transfers
                    .fetch(&huge, &got, &any, &cancel)
                    .await
                    .expect(case)
                    .size
            }
            "put" => {
                let to = uri("put/large");
                self.transfers
                    .store(&from("large"), &to, &cancel)
                    .await
                    .expect(case)
                    .size
            }
            "put-huge" => {
                let to = ObjectUri::new("void", "huge");
                self.transfers
                    .store(&from("huge"), &to, &cancel)
                    .await
                    .expect(case)
                    .size
            }
            "get-small" => {
                let from = uri("small/");
                self.transfers
                    .fetch_folder(&from, &got, &cancel)
                    .await
                    .expect(case)
                    .size
            }
            "put-small" => {
                let to = uri("put/small/");
                self.transfers
                    .store_folder(&from("small"), &to, &cancel)
                    .await
                    .expect(case)
                    .size
            }
            "hit-link" => {
                self.links
                    .fetch(&large, &got, &any, &cancel)
                    .await
                    .expect(case)
                    .size
            }
            "hit-copy" | "hit-burst" => {
                self.copies
                    .fetch(&large, &got, &any, &cancel)
                    .await
                    .expect(case)
                    .size
            }
            other => panic!("no case {other}"),
        };
        let took = began.elapsed();
        let _ = std::fs::remove_file(&got);
        assert!(size >= (SMALL * SMALLS) as u64, "{case}: {size}");
        self.copies.settled(Duration::from_mins(1)).await;
        took
    }
}

/// A line of the process's status, in MiB.
fn memory(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
