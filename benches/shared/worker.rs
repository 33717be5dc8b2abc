//! The worker as it is measured, and what its tasks do.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use axon_worker::config::{JournalMode, JournalSync, OrchestratorSettings, RxonVersion, Settings};
use axon_worker::{
    Cancellation, RawJson, TaskContext, TaskError, Worker, WorkerBuilder, WorkerHandle, blocking,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// What every worker shows to the stand-in.
pub(crate) const TOKEN: &str = "token-of-the-bench";

/// How a measured worker differs from one with default settings.
pub(crate) struct Shape {
    pub(crate) slots: usize,
    /// How many polls are open at most, if not the default.
    pub(crate) polls: Option<usize>,
    /// Where it keeps a journal, if it does.
    pub(crate) journal: Option<PathBuf>,
    /// When that is forced to the disk.
    pub(crate) sync: JournalSync,
    /// Whether it speaks RXON 1.0b17, which signs every result, instead of 1.0b2.
    pub(crate) signs: bool,
    /// Whether it listens for commands.
    pub(crate) commands: bool,
    /// Its interval of heartbeats and the least time between two, if not the default.
    pub(crate) beats: Option<(Duration, Duration)>,
}

impl Shape {
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots,
            polls: None,
            journal: None,
            sync: JournalSync::default(),
            signs: false,
            commands: false,
            beats: None,
        }
    }

    fn settings(&self, address: &str) -> Settings {
        let mut settings = Settings::default();
        let mut orchestrator = OrchestratorSettings::new(format!("http://{address}"), TOKEN);
        orchestrator.rxon_version = if self.signs {
            RxonVersion::V1_0b17
        } else {
            RxonVersion::V1_0b2
        };
        settings.orchestrators = vec![orchestrator];
        settings.intake.max_concurrent_tasks = self.slots;
        if let Some(polls) = self.polls {
            settings.intake.max_open_polls = polls;
        }
        settings.enable_websockets = self.commands;
        if let Some((interval, cooldown)) = self.beats {
            settings.timing.heartbeat_interval = interval;
            settings.timing.heartbeat_cooldown = cooldown;
        }
        if self.journal.is_some() {
            settings.journal.mode = JournalMode::On;
            settings.journal.dir.clone_from(&self.journal);
            settings.journal.sync = self.sync;
        }
        settings
    }
}

/// Starts a worker with the tasks that `peer_common.py` has as well.
pub(crate) fn start_worker(address: &str, shape: &Shape) -> axon_worker::Result<WorkerHandle> {
    builder(address, shape).spawn()
}

/// The same worker, not started.
pub(crate) fn builder(address: &str, shape: &Shape) -> WorkerBuilder {
    Worker::builder("bench")
        .settings(shape.settings(address))
        .task("noop", noop)
        .task("rows", rows)
        .task("sleep", sleep)
        .task("spin", blocking(spin))
        .task("block", block)
}

/// Of a worker that has a `DistWorker` controller and nobody else.
pub(crate) fn distworker_settings(url: &str, provisioner: &str, token: &str) -> Settings {
    let mut settings = Settings::default();
    settings.orchestrators.clear();
    settings.distworker.controller_url = Some(url.to_owned());
    provisioner.clone_into(&mut settings.distworker.provisioner);
    settings.distworker.worker_token = token.into();
    settings
}

/// Looks at nothing.
async fn noop(_: RawJson) -> Result<(), TaskError> {
    Ok(())
}

/// What `payload.rs` of the comparison makes.
#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed like in Python, then only counted")]
struct Row {
    id: u32,
    name: String,
    value: f64,
    is_even: bool,
    tags: Vec<String>,
    at: Place,
    note: Option<String>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "as above")]
struct Place {
    x: i64,
    y: i64,
}

#[derive(Deserialize)]
struct Table {
    rows: Vec<Row>,
}

/// Has all of its parameters parsed.
async fn rows(table: Table) -> Result<Value, TaskError> {
    Ok(json!({ "rows": table.rows.len() }))
}

#[derive(Deserialize)]
struct Time {
    seconds: f64,
}

impl Time {
    fn duration(&self) -> Result<Duration, TaskError> {
        Duration::try_from_secs_f64(self.seconds)
            .map_err(|error| TaskError::invalid_input(format!("field `seconds`: {error}")))
    }
}

/// Ends at once when it is called off, as a sleep of Python's asyncio does.
async fn sleep(time: Time, cancelled: Cancellation) -> Result<(), TaskError> {
    tokio::select! {
        () = tokio::time::sleep(time.duration()?) => Ok(()),
        () = cancelled.cancelled() => Err(TaskError::transient("called off")),
    }
}

/// Burns a thread of its own.
fn spin(time: Time, task: TaskContext) -> Result<(), TaskError> {
    let end = Instant::now() + time.duration()?;
    while Instant::now() < end && !task.is_cancelled() {
        std::hint::spin_loop();
    }
    Ok(())
}

/// Behaves badly: blocks the thread of async handlers.
async fn block(time: Time) -> Result<(), TaskError> {
    std::thread::sleep(time.duration()?);
    Ok(())
}
