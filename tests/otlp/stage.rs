//! An orchestrator, a collector, and the worker between them.

use std::time::Duration;

use axon_worker::dev::{DevOrchestrator, Dialect, JobReport, JobSpec, JobState};
use serde_json::Value;

use crate::collector::Collector;
use crate::support::{Worker, WorkerSetup};

/// Stands in the headers of exports, and nowhere else.
pub(crate) const SECRET: &str = "hunter2hunter2";
/// How long anything may take; generous, as many tests share few cores.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// Fields end in this order.
pub(crate) struct Stage {
    pub(crate) orchestrator: DevOrchestrator,
    pub(crate) collector: Collector,
    folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let builder = DevOrchestrator::builder()
            .dialect(Dialect::V1_0b17)
            .record(true);
        Self {
            orchestrator: builder.start().await.expect("an orchestrator"),
            collector: Collector::start(),
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A worker that exports to the collector.
    pub(crate) fn worker(&self) -> WorkerSetup {
        let url = self.orchestrator.url();
        WorkerSetup::at(&url, self.folder.path().to_owned())
            .set("WORKER_TOKEN", "your-secret-worker-token")
            .set("REQUIRE_TASK_SIGNATURE", "false")
            .set("OTEL_EXPORTER_OTLP_ENDPOINT", &self.collector.url())
            .set(
                "OTEL_EXPORTER_OTLP_HEADERS",
                &format!("authorization=Bearer%20{SECRET}"),
            )
            .set("WORKER_TYPE", "conformance")
            .set("LOG_FORMAT", "json")
    }

    /// Runs a job to its end.
    pub(crate) async fn job(&self, spec: JobSpec) -> JobReport {
        let job = self.orchestrator.submit(spec).await.expect("it runs");
        let ended = tokio::time::timeout(LIMIT, job.finished()).await;
        ended.expect("the job ends")
    }

    pub(crate) async fn finished(&self, task: &str, params: Value) {
        let report = self.job(JobSpec::task(task, params)).await;
        assert_eq!(report.state, JobState::Finished, "{task}");
    }
}

/// Ends the worker as an operator does, and returns its log, line by line.
pub(crate) async fn end(mut worker: Worker) -> Vec<Value> {
    worker.terminate();
    let status = worker.exit(LIMIT).await;
    let output = worker.output();
    assert_eq!(status.code(), Some(0), "{output}");
    assert!(!output.contains(SECRET), "{output}");
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    // What a panic prints is not the log's.
    let lines = output.lines().filter(|line| line.starts_with('{'));
    lines.map(line).collect()
}

/// Lines that say this.
pub(crate) fn saying<'a>(log: &'a [Value], text: &str) -> Vec<&'a Value> {
    let says = |line: &&Value| line["message"].as_str().is_some_and(|it| it.contains(text));
    log.iter().filter(says).collect()
}
