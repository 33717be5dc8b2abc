//! Workers of a controller, quick to come back.

use std::future::Future;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axon_worker::dev::{DistController, DistOutcome};
use axon_worker::{RawJson, TaskContext, TaskError, Worker, WorkerBuilder};
use serde_json::{Value, json};

pub(crate) use crate::until::until;

/// The first wait before a connection is opened again.
pub(crate) const RECONNECT: Duration = Duration::from_millis(50);

/// A worker with a handler of `echo.*`, and one of `slow.*` that goes on until it is
/// called off.
pub(crate) fn worker(controller: &DistController) -> WorkerBuilder {
    Worker::builder("test")
        .settings(controller.settings())
        .configure(|settings| {
            settings.distworker.reconnect_interval = RECONNECT;
            settings.timing.cancel_grace = Duration::from_millis(50);
        })
        .queue("echo.*", echo)
        .queue("slow.*", slow)
}

/// A worker with an id of its own, which is that of the session `w-1` with the token `t-1`.
pub(crate) fn worker_1(controller: &DistController) -> WorkerBuilder {
    worker(controller).configure(|settings| {
        "w-1".clone_into(&mut settings.distworker.worker_id);
        settings.distworker.worker_token = "t-1".into();
    })
}

pub(crate) async fn echo(input: RawJson) -> Result<RawJson, TaskError> {
    Ok(input)
}

async fn slow(_: RawJson, task: TaskContext) -> Result<(), TaskError> {
    task.cancellation().cancelled().await;
    Err(TaskError::new("STOPPED", "called off"))
}

/// Fails after half a minute.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), happens)
        .await
        .unwrap_or_else(|_| panic!("it did not happen: {what}"))
}

pub(crate) async fn outcome(controller: &DistController, task: &str) -> DistOutcome {
    soon("the task ends", controller.outcome_of(task)).await
}

pub(crate) fn completed(result: Value) -> DistOutcome {
    DistOutcome::Completed(result)
}

#[track_caller]
pub(crate) fn assert_failed(outcome: DistOutcome, expected: &str) -> (String, Value) {
    let DistOutcome::Failed {
        code,
        message,
        details,
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(code, expected, "{message}");
    (message, details)
}

/// An echo comes back: everything works.
pub(crate) async fn assert_works(controller: &DistController) {
    let task = controller.submit("echo.any", &json!({ "is": "alive" }));
    assert_eq!(
        outcome(controller, &task).await,
        completed(json!({ "is": "alive" }))
    );
}

/// What is logged on this thread while it is kept.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
