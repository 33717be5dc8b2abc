//! The command channel: cancels in, progress out.

use std::rc::Rc;
use std::time::{Duration, Instant};

use axon_worker::config::{OrchestratorSettings, Timing};
use axon_worker::transport::rxon::{RxonHttp, TlsFiles};
use axon_worker::transport::{Transport, TransportError};
use axon_worker::{OrchestratorId, WorkerId};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::support::{Stage, Storage, Value, WORKER_TOKEN, Worker, eventually, json};

on_both_storages! {
    a_cancel_over_the_socket_ends_the_task_and_the_job,
    progress_is_stored_with_the_job,
}

/// What the orchestrator logs when a socket is in its registry.
const REGISTERED: &str = "WebSocket connection registered for worker";
/// What it logs when one is struck from there.
const STRUCK: &str = "unregistered.";

/// A worker whose socket is registered.
async fn listening(stage: &Stage) -> Worker {
    let worker = stage
        .worker()
        .set("WORKER_ENABLE_WEBSOCKETS", "true")
        .start();
    stage.orchestrator.registered(worker.id()).await;
    logged(stage, REGISTERED, 0).await;
    worker
}

/// How often it was logged so far; each message is there twice.
fn count(stage: &Stage, what: &str) -> usize {
    stage.orchestrator.output().matches(what).count()
}

/// Waits until it was logged more often than that.
async fn logged(stage: &Stage, what: &str, more_than: usize) {
    let text = format!("{what:?} is logged more than {more_than} times");
    eventually(&text, Duration::from_secs(40), || async {
        let found = count(stage, what);
        if found > more_than {
            Ok(())
        } else {
            Err(json!(found))
        }
    })
    .await;
}

async fn cancelled(stage: &Stage, worker: &Worker) -> Value {
    let job = stage
        .orchestrator
        .submit_task("sleep", json!({ "seconds": 30.0 }))
        .await;
    stage.orchestrator.job_is_running(&job, worker.id()).await;
    let began = Instant::now();
    let (status, answer) = stage.orchestrator.cancel(&job).await;
    assert!(status.is_success(), "{answer}");
    assert_eq!(answer["status"], "cancellation_request_sent");
    let record = stage.orchestrator.end_of(&job).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(record["status"], "cancelled", "{record:#}");
    record
}

mod scenario {
    use super::*;

    pub(super) async fn a_cancel_over_the_socket_ends_the_task_and_the_job(storage: Storage) {
        let stage = Stage::new(storage).await;
        let worker = listening(&stage).await;
        let record = cancelled(&stage, &worker).await;
        let id = record["id"].as_str().unwrap();
        let results = stage.orchestrator.results(id, 1).await;
        assert_eq!(results[0]["status"], "cancelled");
        // The worker goes on.
        let next = stage.orchestrator.run_task("echo", json!({ "a": 1 })).await;
        assert_eq!(next["status"], "finished", "{next:#}");
    }

    pub(super) async fn progress_is_stored_with_the_job(storage: Storage) {
        let stage = Stage::new(storage).await;
        let _worker = listening(&stage).await;
        let params = json!({ "steps": 4, "delay": 1.2 });
        let job = stage.orchestrator.submit_task("progress", params).await;
        eventually("half of it is done", Duration::from_secs(20), || async {
            let record = stage.orchestrator.job(&job).await;
            let half = record["progress"] == 0.5 && record["progress_message"] == "step 2/4";
            if half { Ok(()) } else { Err(record) }
        })
        .await;
        let record = stage.orchestrator.end_of(&job).await;
        assert_eq!(record["status"], "finished", "{record:#}");
        assert_eq!(record["progress"], 1.0);
        assert_eq!(record["progress_message"], "step 4/4");
    }
}

#[actix_rt::test]
async fn a_task_that_is_cancelled_before_the_worker_asks_for_it_never_runs() {
    let stage = Stage::new(Storage::Memory).await;
    let worker = stage
        .worker()
        .set("WORKER_ENABLE_WEBSOCKETS", "true")
        .set("MAX_CONCURRENT_TASKS", "1")
        // The orchestrator does not learn that the worker is busy.
        .set("HEARTBEAT_DEBOUNCE_DELAY", "30")
        .set("HEARTBEAT_INTERVAL", "30")
        .start();
    stage.orchestrator.registered(worker.id()).await;
    logged(&stage, REGISTERED, 0).await;
    let first = stage
        .orchestrator
        .submit_task("sleep", json!({ "seconds": 4.0 }))
        .await;
    eventually(
        "the first job has the worker",
        Duration::from_secs(10),
        || async {
            let record = stage.orchestrator.job(&first).await;
            if record["task_worker_id"].is_string() {
                Ok(())
            } else {
                Err(record)
            }
        },
    )
    .await;
    let second = stage
        .orchestrator
        .submit_task("sleep", json!({ "seconds": 30.0 }))
        .await;
    eventually(
        "the second job has the worker",
        Duration::from_secs(3),
        || async {
            let record = stage.orchestrator.job(&second).await;
            if record["task_worker_id"].is_string() {
                Ok(())
            } else {
                Err(record)
            }
        },
    )
    .await;
    let (_, answer) = stage.orchestrator.cancel(&second).await;
    assert_eq!(answer["status"], "cancellation_request_sent");
    let began = Instant::now();
    let record = stage.orchestrator.end_of(&second).await;
    assert_eq!(record["status"], "cancelled", "{record:#}");
    assert!(began.elapsed() < Duration::from_secs(15), "it never ran");
    let record = stage.orchestrator.end_of(&first).await;
    assert_eq!(record["status"], "finished", "{record:#}");
}

#[actix_rt::test]
async fn after_a_restart_of_the_orchestrator_a_cancel_arrives_again() {
    let mut stage = Stage::new(Storage::Memory).await;
    let worker = listening(&stage).await;
    let before = count(&stage, REGISTERED);
    stage.orchestrator.kill();
    stage.orchestrator.start().await;
    stage.orchestrator.registered(worker.id()).await;
    logged(&stage, REGISTERED, before).await;
    cancelled(&stage, &worker).await;
}

#[actix_rt::test]
async fn a_worker_that_ends_leaves_the_registry_by_itself() {
    let stage = Stage::new(Storage::Memory).await;
    let mut worker = listening(&stage).await;
    worker.terminate();
    let status = worker.exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{}", worker.output());
    logged(&stage, STRUCK, 0).await;
}

#[actix_rt::test]
async fn a_wrong_token_is_read_as_the_refusal_it_is() {
    let stage = Stage::new(Storage::Memory).await;
    let settings = OrchestratorSettings::new(stage.orchestrator.url(), "a-token-that-nobody-knows");
    let (origin, timing) = (OrchestratorId(0), Timing::default());
    let worker = WorkerId::try_new("stranger").unwrap();
    let transport =
        RxonHttp::new(origin, &settings, &worker, &timing, &TlsFiles::default()).unwrap();
    // The orchestrator agrees to the upgrade before it looks at the token.
    let mut link = transport.open_commands().unwrap().await.unwrap();
    let error = link.next().await.unwrap_err();
    assert!(
        matches!(error, TransportError::Unauthorized { .. }),
        "{error}"
    );
    link.close().await;
}

#[actix_rt::test]
async fn a_socket_that_went_dead_costs_the_next_one_its_place_only_for_a_moment() {
    let stage = Stage::new(Storage::Memory).await;
    let (url, freeze) = freezing_way_to(stage.orchestrator.address()).await;
    let settings = OrchestratorSettings::new(url, WORKER_TOKEN);
    let (origin, timing) = (OrchestratorId(0), Timing::default());
    let worker = WorkerId::try_new("conformance-1").unwrap();
    let transport =
        RxonHttp::new(origin, &settings, &worker, &timing, &TlsFiles::default()).unwrap();

    let mut dead = transport.open_commands().unwrap().await.unwrap();
    logged(&stage, REGISTERED, 0).await;
    freeze.notify_waiters();
    tokio::time::pause();
    let error = dead.next().await.unwrap_err();
    assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");
    tokio::time::resume();
    dead.close().await;

    // The orchestrator takes leave of the dead socket and strikes the new one.
    let mut second = transport.open_commands().unwrap().await.unwrap();
    let error = second.next().await.unwrap_err();
    assert!(
        matches!(error, TransportError::Unavailable { .. }),
        "{error}"
    );
    let output = stage.orchestrator.output();
    assert!(output.rfind(STRUCK) > output.rfind(REGISTERED), "{output}");
    second.close().await;

    let mut third = transport.open_commands().unwrap().await.unwrap();
    let stays = tokio::time::timeout(Duration::from_secs(5), third.next()).await;
    assert!(stays.is_err(), "{stays:?}");
    let output = stage.orchestrator.output();
    assert!(output.rfind(REGISTERED) > output.rfind(STRUCK), "{output}");
    third.close().await;
}

/// A way to the orchestrator whose open connections go dead when told so: nothing
/// passes any more, and neither end hears of it.
async fn freezing_way_to(address: (&'static str, u16)) -> (String, Rc<Notify>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let freeze = Rc::new(Notify::new());
    let told = Rc::clone(&freeze);
    actix_rt::spawn(async move {
        while let Ok((mut worker, _)) = listener.accept().await {
            let told = Rc::clone(&told);
            actix_rt::spawn(async move {
                let mut orchestrator = TcpStream::connect(address).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut worker, &mut orchestrator) => {}
                    () = told.notified() => std::future::pending().await,
                }
            });
        }
    });
    (url, freeze)
}
