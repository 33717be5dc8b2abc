//! What the end-to-end tests stand on: the published orchestrator, a Redis server and the
//! conformance worker, each a process of its own on a free loopback port, ended with the test.

mod certificates;
mod client;
mod conformance;
mod orchestrator;
mod process;
mod redis;
mod release;
mod s3;
mod signing;

/// Runs each scenario with memory storage and with Redis storage.
macro_rules! on_both_storages {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::support::Storage;

            #[actix_rt::test]
            async fn with_memory_storage() {
                super::scenario::$name(Storage::Memory).await;
            }

            #[actix_rt::test]
            async fn with_redis_storage() {
                super::scenario::$name(Storage::Redis).await;
            }
        }
    )+};
}

use std::future::Future;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use certificates::Authority;
pub(crate) use conformance::{Worker, WorkerSetup};
pub(crate) use orchestrator::{
    CLIENT_TOKEN, Orchestrator, OrchestratorSetup, WORKER_TOKEN, published_python,
};
pub(crate) use redis::Redis;
pub(crate) use release::Release;
pub(crate) use s3::{BUCKET, S3};
pub(crate) use serde_json::{Value, json};
pub(crate) use signing::{now, sign, signed};

/// What every message about a missing tool ends with.
const HINT: &str = "run `./test`, which installs what the end-to-end tests need";

/// Where the orchestrator keeps its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In its memory: gone when it ends.
    Memory,
    /// In a Redis server of this test.
    Redis,
}

/// An orchestrator and what it needs. Fields end in this order.
pub(crate) struct Stage {
    /// The orchestrator, running.
    pub orchestrator: Orchestrator,
    _redis: Option<Redis>,
    /// Logs, history and task files; removed with the stage.
    folder: tempfile::TempDir,
}

impl Stage {
    /// An orchestrator without rate limits that holds polls for two seconds.
    pub(crate) async fn new(release: Release, storage: Storage) -> Self {
        Self::with(storage, OrchestratorSetup::new(release)).await
    }

    /// An orchestrator with these settings.
    pub(crate) async fn with(storage: Storage, setup: OrchestratorSetup) -> Self {
        let mut stage = Self::closed(storage, setup).await;
        stage.orchestrator.start().await;
        stage
    }

    /// The same, with the orchestrator not yet started; its address is known already.
    pub(crate) async fn closed(storage: Storage, setup: OrchestratorSetup) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let redis = match storage {
            Storage::Memory => None,
            Storage::Redis => Some(Redis::start(folder.path()).await),
        };
        let place = redis
            .as_ref()
            .map_or_else(|| "memory".to_owned(), Redis::url);
        Self {
            orchestrator: Orchestrator::new(setup, place, folder.path().to_owned()),
            _redis: redis,
            folder,
        }
    }

    /// Where everything of this stage is.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The conformance worker of this stage, to be configured and started.
    pub(crate) fn worker(&self) -> WorkerSetup {
        WorkerSetup::new(&self.orchestrator, self.folder.path().to_owned())
    }

    /// The conformance worker with default settings, registered.
    pub(crate) async fn started_worker(&self) -> Worker {
        let worker = self.worker().start();
        self.orchestrator.registered(worker.id()).await;
        worker
    }
}

/// Asks until there is an answer, and fails after `within`, showing what was seen last.
pub(crate) async fn eventually<T, F>(what: &str, within: Duration, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, Value>>,
{
    let start = Instant::now();
    loop {
        let seen = match ask().await {
            Ok(answer) => return answer,
            Err(seen) => seen,
        };
        let waited = start.elapsed();
        assert!(
            waited < within,
            "not within {within:?}: {what}; seen last: {seen:#}"
        );
        // Slower and slower: the default limits of the orchestrator count these requests, too.
        let pause = (waited / 8).clamp(Duration::from_millis(20), Duration::from_secs(3));
        actix_rt::time::sleep(pause).await;
    }
}

/// A port to listen on, outside the range that outgoing connections draw from: a worker that
/// knocks at the port of a stopped orchestrator must not connect to itself.
fn free_port() -> u16 {
    (0..200)
        .map(|_| fastrand::u16(20_000..32_000))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port between 20000 and 32000")
}

/// The folder of this crate.
fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
