//! The whole worker and the development orchestrator, joined by the socket.

use std::time::Duration;

use axon_worker::config::{OrchestratorSettings, Settings};
use axon_worker::dev::{CancelOutcome, DevOrchestrator, JobHandle, JobSpec, JobState, View};
use axon_worker::{
    CommandCall, TaskContext, TaskError, Worker, WorkerBuilder, WorkerHandle, WorkerId,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::until::until;

const TOKEN: &str = "your-secret-worker-token";
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs until it is called off.
async fn wait(_: Value, task: TaskContext) -> Result<(), TaskError> {
    task.progress(0.25, "step 1/4").await;
    task.cancellation().cancelled().await;
    Err(TaskError::transient("woken up"))
}

fn worker(orchestrator: &DevOrchestrator) -> WorkerBuilder {
    let url = orchestrator.url();
    Worker::builder("test")
        .settings(Settings::default())
        .configure(move |settings| {
            settings.worker_id = WorkerId::try_new("w").unwrap();
            settings.enable_websockets = true;
            settings.orchestrators = vec![OrchestratorSettings::new(url, TOKEN)];
        })
        .task("wait", wait)
}

async fn started(orchestrator: &DevOrchestrator) -> WorkerHandle {
    let handle = worker(orchestrator).spawn().unwrap();
    seen(orchestrator, has_socket).await;
    handle
}

async fn seen(orchestrator: &DevOrchestrator, is_so: fn(&View<'_>) -> bool) {
    orchestrator.wait_within(PATIENCE, is_so).await.unwrap();
}

fn has_socket(view: &View<'_>) -> bool {
    view.worker("w").is_some_and(|worker| worker.has_socket)
}

fn has_none(view: &View<'_>) -> bool {
    !has_socket(view)
}

/// A job whose task runs and has reported progress.
async fn running(orchestrator: &DevOrchestrator) -> JobHandle {
    let job = orchestrator
        .submit(JobSpec::task("wait", json!({})))
        .await
        .unwrap();
    until("it has told", || job.report().progress.is_some()).await;
    job
}

async fn cancelled(job: &JobHandle) {
    assert_eq!(job.cancel().await, CancelOutcome::Sent);
    let report = job.finished_within(PATIENCE).await.unwrap();
    assert_eq!(report.state, JobState::Cancelled);
}

#[actix_rt::test]
async fn progress_shows_in_the_job_and_a_cancel_ends_it() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let handle = started(&orchestrator).await;
    let job = running(&orchestrator).await;
    let report = job.report();
    assert_eq!(report.progress, Some(json!(0.25)));
    assert_eq!(report.message.as_deref(), Some("step 1/4"));
    cancelled(&job).await;
    handle.shutdown().await;
}

#[actix_rt::test]
async fn the_socket_comes_back_after_the_orchestrator_was_away() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let handle = started(&orchestrator).await;
    orchestrator
        .restart(axon_worker::dev::Keep::Nothing)
        .await
        .unwrap();
    seen(&orchestrator, has_socket).await;
    let job = running(&orchestrator).await;
    cancelled(&job).await;
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_worker_that_ends_closes_its_socket_itself() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let handle = started(&orchestrator).await;
    handle.shutdown().await;
    seen(&orchestrator, has_none).await;
}

#[actix_rt::test]
async fn a_worker_that_was_replaced_does_not_fight_for_its_place() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let handle = started(&orchestrator).await;
    let other = started(&orchestrator).await;
    let sockets = || {
        orchestrator
            .requests_to(axon_worker::dev::Endpoint::Socket)
            .len()
    };
    until("both were there", || sockets() == 2).await;
    // Whoever was thrown out stays away for at least half a minute; a fight would
    // be on by now.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(sockets(), 2);
    handle.shutdown().await;
    other.shutdown().await;
}

#[actix_rt::test]
async fn a_custom_command_runs_away_from_the_control_thread_and_holds_up_no_cancel() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    // Behaves as badly as it can: blocks its thread.
    let block = move |params: Value, call: CommandCall| {
        let tell = tell.clone();
        async move {
            tell.send((call.name().to_owned(), params))?;
            std::thread::sleep(Duration::from_secs(2));
            tell.send(("done".to_owned(), Value::Null))?;
            Ok(())
        }
    };
    let handle = worker(&orchestrator)
        .command("block", block)
        .spawn()
        .unwrap();
    seen(&orchestrator, has_socket).await;
    let job = running(&orchestrator).await;
    let command = json!({"command": "block", "params": {"a": 1}});
    assert!(orchestrator.command("w", &command));
    assert_eq!(
        told.recv().await.unwrap(),
        ("block".to_owned(), json!({"a": 1}))
    );
    cancelled(&job).await;
    assert!(told.try_recv().is_err(), "the handler still blocks");
    assert_eq!(told.recv().await.unwrap().0, "done");
    handle.shutdown().await;
}
