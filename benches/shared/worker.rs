//! The worker as it is measured.

use std::path::PathBuf;
use std::time::Duration;

use axon_worker::config::{JournalMode, OrchestratorSettings, RxonVersion, Settings};
use axon_worker::{RawJson, TaskError, Worker, WorkerBuilder, WorkerHandle, inline};

/// How a measured worker differs from one with default settings.
pub(crate) struct Shape {
    pub(crate) slots: usize,
    pub(crate) polls: usize,
    /// For how long its tasks sleep.
    pub(crate) nap: Duration,
    /// Where it keeps a journal, if it does.
    pub(crate) journal: Option<PathBuf>,
    /// Whether it speaks RXON 1.0b17, which signs every result, instead of 1.0b2.
    pub(crate) signs: bool,
    /// Whether its no-op runs on the control thread.
    pub(crate) inline: bool,
}

/// Starts a worker for tasks called `noop`, which do nothing, and `nap`.
pub(crate) fn start_worker(address: &str, shape: &Shape) -> axon_worker::Result<WorkerHandle> {
    builder(address, shape).spawn()
}

/// The same worker, not started.
pub(crate) fn builder(address: &str, shape: &Shape) -> WorkerBuilder {
    let mut settings = Settings::default();
    settings.orchestrators = vec![OrchestratorSettings::new(
        format!("http://{address}"),
        "token-of-the-bench",
    )];
    settings.orchestrators[0].rxon_version = if shape.signs {
        RxonVersion::V1_0b17
    } else {
        RxonVersion::V1_0b2
    };
    settings.intake.max_concurrent_tasks = shape.slots;
    settings.intake.max_open_polls = shape.polls;
    if shape.journal.is_some() {
        settings.journal.mode = JournalMode::On;
        settings.journal.dir.clone_from(&shape.journal);
    }
    let nap = shape.nap;
    let builder = Worker::builder("bench").settings(settings);
    let builder = if shape.inline {
        builder.task("noop", inline(noop))
    } else {
        builder.task("noop", noop)
    };
    builder.task("nap", move |_: RawJson| async move {
        tokio::time::sleep(nap).await;
        Ok::<_, TaskError>(())
    })
}

async fn noop(_: RawJson) -> Result<(), TaskError> {
    Ok(())
}
