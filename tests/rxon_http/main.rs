//! RXON over HTTP against a server that does what servers should not do.

mod bodies;
mod connections;
mod dialects;
mod events;
mod exchange;
mod large;
mod newer;
mod server;
mod setup;
mod signatures;
mod statuses;
mod tokens;
mod trust;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axon_worker::config::{OrchestratorSettings, Resources, RxonVersion, Timing};
use axon_worker::transport::rxon::{RxonHttp, RxonSetup, SetupError, TlsFiles};
use axon_worker::transport::{
    Availability, Offer, Report, RunningTask, TaskEntry, Transport, TransportError, WorkerCard,
};
use axon_worker::{
    JobId, OrchestratorId, Outcome, RawJson, Reply, Task, TaskId, TaskResult, WorkerId,
};

const TOKEN: &str = "t0ken-of-the-tests";
const TASK: &str = r#"{"job_id": "j", "task_id": "t", "type": "echo", "params": {"x": 1}}"#;

/// A transport to this address with a request timeout of one second.
fn transport(url: &str) -> RxonHttp {
    speaking(url, RxonVersion::Auto)
}

/// The same, with something to say about the dialect.
fn speaking(url: &str, version: RxonVersion) -> RxonHttp {
    setup(url, TOKEN, version).unwrap().open(OrchestratorId(0))
}

fn setup(url: &str, token: &str, version: RxonVersion) -> Result<RxonSetup, SetupError> {
    let mut timing = Timing::default();
    timing.request_timeout = Duration::from_secs(1);
    timing.poll_timeout = Duration::from_secs(2);
    let mut settings = OrchestratorSettings::new(url, token);
    settings.rxon_version = version;
    let worker_id = WorkerId::try_new("worker-1").unwrap();
    RxonSetup::new(&settings, &worker_id, &timing, &TlsFiles::default())
}

fn card() -> Arc<WorkerCard> {
    Arc::new(WorkerCard {
        worker_id: WorkerId::try_new("worker-1").unwrap(),
        worker_type: "test".to_owned(),
        tasks: vec![TaskEntry::named("echo")],
        resources: Resources::default(),
        installed_software: BTreeMap::new(),
        installed_models: Vec::new(),
        cost_per_skill: BTreeMap::new(),
        skill_dependencies: BTreeMap::from([("echo".to_owned(), vec!["model".to_owned()])]),
        max_concurrent_tasks: 1,
        storage_hash: None,
        hostname: "host".to_owned(),
        ip_address: "127.0.0.1".to_owned(),
        extra: BTreeMap::new(),
        takes_commands: true,
    })
}

fn report() -> Report {
    Report {
        availability: Availability::Idle,
        available: Arc::new(["echo".into()]),
        running: Arc::new([RunningTask {
            task_id: "t".into(),
            job_id: "j".into(),
        }]),
        hot_cache: Arc::new([]),
        hot_skills: Arc::new([]),
        usage: None,
    }
}

fn result() -> Arc<TaskResult> {
    let task = Task::new(OrchestratorId(0), "t", "j", "echo", RawJson::empty_object());
    let reply = Reply::success(&BTreeMap::from([("x", 1)])).unwrap();
    let outcome = Outcome::Completed(reply);
    Arc::new(TaskResult::of(&task, outcome, Duration::ZERO))
}

async fn poll(transport: &RxonHttp) -> Result<Option<Task>, TransportError> {
    let offer = Offer {
        available: Arc::new(["echo".into()]),
        hot: Arc::new([]),
    };
    transport.poll(offer).await
}

/// The error of a poll whose answer was no task, and the ids it names.
fn unreadable(polled: Result<Option<Task>, TransportError>) -> (String, Option<(String, String)>) {
    match polled {
        Err(TransportError::Malformed { reason, task }) => (reason, task.map(texts)),
        Err(TransportError::CutOff { reason, task }) => (reason, Some(texts(task))),
        Err(TransportError::NoAnswer { reason }) => (reason, None),
        other => panic!("{other:?}"),
    }
}

fn texts((task, job): (TaskId, JobId)) -> (String, String) {
    (task.to_string(), job.to_string())
}

/// The ids of [`TASK`].
fn named() -> (String, String) {
    ("t".to_owned(), "j".to_owned())
}
