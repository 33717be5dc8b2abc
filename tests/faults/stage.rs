//! A development orchestrator, the proxy before it, and the worker.

use std::time::Duration;

use axon_worker::dev::{
    DevOrchestrator, DevOrchestratorBuilder, JobHandle, JobReport, JobSpec, JobState,
};
use serde_json::{Value, json};

use crate::proxy::{Fault, Kind, Proxy};
use crate::support::{Worker, WorkerSetup};

pub(crate) const WORKER: &str = "conformance-1";
const TOKEN: &str = "your-secret-worker-token";
/// How long anything may take; generous, as many tests share few cores.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);

/// Fields end in this order.
pub(crate) struct Stage {
    pub(crate) proxy: Proxy,
    pub(crate) orchestrator: DevOrchestrator,
    folder: tempfile::TempDir,
}

impl Stage {
    /// An orchestrator that holds polls for a second.
    pub(crate) async fn new() -> Self {
        Self::with(DevOrchestrator::builder().poll_hold(Duration::from_secs(1))).await
    }

    pub(crate) async fn with(builder: DevOrchestratorBuilder) -> Self {
        let orchestrator = builder.start().await.expect("an orchestrator");
        Self {
            proxy: Proxy::start(orchestrator.port(), 1),
            orchestrator,
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A worker that comes through the proxy and waits briefly wherever it waits.
    pub(crate) fn worker(&self) -> WorkerSetup {
        let log = self.folder.path().join("executions.log");
        WorkerSetup::at(&self.proxy.url(), self.folder.path().to_owned())
            .set("WORKER_TOKEN", TOKEN)
            .set("AXON_REQUEST_TIMEOUT", "1")
            .set("TASK_POLL_TIMEOUT", "1")
            .set("POLL_BACKOFF_INITIAL", "0.1")
            .set("TASK_POLL_ERROR_DELAY", "0.5")
            .set("RESULT_RETRY_INITIAL_DELAY", "0.1")
            .set("REGISTRATION_RETRY_INITIAL_DELAY", "0.1")
            .set("AXON_CONFORMANCE_LOG", &log.display().to_string())
    }

    pub(crate) async fn started(&self, setup: WorkerSetup) -> Worker {
        let worker = setup.start();
        let waits = |view: &axon_worker::dev::View<'_>| view.open_polls(WORKER) > 0;
        let waiting = self.orchestrator.wait_within(LIMIT, waits).await;
        waiting.expect("the worker polls");
        worker
    }

    pub(crate) async fn started_worker(&self) -> Worker {
        self.started(self.worker()).await
    }

    /// Kills a worker, and waits until the orchestrator has seen its polls end: a task
    /// that is handed to one of them meanwhile is nobody's.
    pub(crate) async fn kill(&self, mut worker: Worker) {
        worker.kill();
        let dead = |view: &axon_worker::dev::View<'_>| view.open_polls(WORKER) == 0;
        let noticed = self.orchestrator.wait_within(LIMIT, dead).await;
        noticed.expect("the polls of a dead process end");
    }

    pub(crate) async fn submit(&self, task: &str, params: Value) -> JobHandle {
        let spec = JobSpec::task(task, params);
        self.orchestrator.submit(spec).await.expect("it runs")
    }

    /// Waits until a worker has the only task of the job.
    pub(crate) async fn is_running(&self, job: &JobHandle) {
        let id = job.id().clone();
        let running = self.orchestrator.wait_within(LIMIT, move |view| {
            view.job(&id)
                .is_some_and(|job| job.state == JobState::Running)
        });
        running.await.expect("the task is handed out");
    }

    pub(crate) async fn end_of(&self, job: &JobHandle) -> JobReport {
        match job.finished_within(LIMIT).await {
            Ok(report) => report,
            Err(error) => panic!("{error}: {:#?}", job.report()),
        }
    }

    pub(crate) async fn run(&self, task: &str, params: Value) -> JobReport {
        let job = self.submit(task, params).await;
        self.end_of(&job).await
    }

    /// Runs some ordinary jobs to see that nothing has been left behind.
    pub(crate) async fn all_is_well(&self) {
        for n in 0..3 {
            let report = self.run("add", json!({ "a": n, "b": 1 })).await;
            assert!(report.is_success(), "{report:#?}");
            assert_eq!(report.data["sum"], n + 1);
        }
    }

    /// How often a handler was called for this job.
    pub(crate) fn executions(&self, job: &JobHandle) -> usize {
        self.begun(|line| line.ends_with(job.id().as_str()))
    }

    /// How often a handler was called.
    pub(crate) fn all_executions(&self) -> usize {
        self.begun(|_| true)
    }

    fn begun(&self, is_meant: impl Fn(&str) -> bool) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("executions.log"));
        let log = log.unwrap_or_default();
        let begun = log.lines().filter(|line| line.starts_with("begin "));
        begun.filter(|line| is_meant(line)).count()
    }

    /// How often the orchestrator has accepted the result of the job's first task.
    pub(crate) fn accepted(&self, job: &JobHandle) -> usize {
        let task = job.report().history[0].task_id.clone();
        self.proxy.look(|ledger| ledger.accepted(task.as_str()))
    }

    /// Waits until it has done so this many times.
    pub(crate) async fn was_accepted(&self, job: &JobHandle, times: usize) {
        let task = job.report().history[0].task_id.clone();
        let what = format!("{times} times the result of {task}");
        let wanted = |it: &crate::proxy::Ledger| it.accepted(task.as_str()) >= times;
        self.proxy.until(&what, wanted).await;
    }

    /// Waits until so many exchanges were spoiled in this way.
    pub(crate) async fn spoiled(&self, kind: Kind, fault: Fault, times: usize) {
        let what = format!("{times} times {fault:?} of {kind:?}");
        let wanted = |ledger: &crate::proxy::Ledger| ledger.spoiled(kind, fault) >= times;
        self.proxy.until(&what, wanted).await;
    }
}
