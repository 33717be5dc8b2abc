//! Certificates on both sides, made for each test.

use std::time::Duration;

use crate::RELEASE;
use crate::support::{
    Authority, OrchestratorSetup, Stage, Storage, Value, Worker, eventually, json,
};

/// A stage whose orchestrator takes workers with a certificate only.
async fn guarded(authority: &Authority, mode: &str) -> Stage {
    let setup = OrchestratorSetup::new(RELEASE).set("WORKER_AUTH_MODE", mode);
    Stage::with(Storage::Memory, authority.guards(setup)).await
}

async fn runs_a_job(stage: &Stage) {
    let sum = json!({ "a": 1, "b": 2 });
    let job = stage.orchestrator.run_task("add", sum).await;
    assert_eq!(job["state_history"]["sum"], 3, "{job:#}");
}

#[actix_rt::test]
async fn a_worker_with_a_certificate_needs_no_accepted_token_and_signs_with_the_static_one() {
    let authority = Authority::new("the authority");
    let stage = guarded(&authority, "mtls-only").await;
    let worker = authority.admits(stage.worker(), "conformance-1").start();
    stage.orchestrator.registered(worker.id()).await;
    runs_a_job(&stage).await;
    for kind in ["register", "heartbeat", "result"] {
        for message in stage.orchestrator.messages(kind).await {
            assert_eq!(message["certificate"], "conformance-1", "{message:#}");
            assert!(message["error"].is_null(), "{message:#}");
        }
    }
}

#[actix_rt::test]
async fn commands_and_progress_pass_a_socket_with_certificates() {
    let authority = Authority::new("the authority");
    let stage = guarded(&authority, "mtls-only").await;
    let worker = authority
        .admits(stage.worker(), "conformance-1")
        .set("WORKER_ENABLE_WEBSOCKETS", "true")
        .start();
    stage.orchestrator.registered(worker.id()).await;
    logged(&stage, "WebSocket connection registered for worker").await;
    let job = stage
        .orchestrator
        .submit_task("sleep", json!({ "seconds": 60.0 }))
        .await;
    stage.orchestrator.job_is_running(&job, worker.id()).await;
    stage.orchestrator.cancel(&job).await;
    let results = stage.orchestrator.results(&job, 1).await;
    assert_eq!(results[0]["status"], "cancelled", "{results:#?}");
    logged(&stage, "Sent command cancel_task").await;
    let steps = json!({ "steps": 2, "delay": 0.2 });
    let job = stage.orchestrator.run_task("progress", steps).await;
    assert_eq!(job["progress"], 1, "{job:#}");
}

#[actix_rt::test]
async fn an_access_token_opens_the_door_and_the_static_token_signs() {
    let authority = Authority::new("the authority");
    let stage = guarded(&authority, "mixed").await;
    let worker = authority.admits(stage.worker(), "conformance-1").start();
    stage.orchestrator.registered(worker.id()).await;
    eventually("it asks for a token", Duration::from_secs(20), || async {
        let asked = stage.orchestrator.messages("sts_token").await;
        let got = asked
            .iter()
            .any(|it| it["answer"]["access_token"].is_string());
        if got { Ok(()) } else { Err(json!(asked)) }
    })
    .await;
    // Long enough for a worker that lets the new token sign to be refused.
    for _ in 0..3 {
        runs_a_job(&stage).await;
    }
    stage
        .orchestrator
        .run_task("sleep", json!({ "seconds": 3.0 }))
        .await;
    for kind in ["heartbeat", "result"] {
        for message in stage.orchestrator.messages(kind).await {
            assert!(message["error"].is_null(), "{message:#}");
        }
    }
}

#[actix_rt::test]
async fn a_certificate_of_another_name_is_refused_and_the_worker_says_so() {
    let authority = Authority::new("the authority");
    let stage = guarded(&authority, "mixed").await;
    let mut worker = authority.admits(stage.worker(), "somebody-else").start();
    says(&worker, "somebody-else").await;
    assert!(stage.orchestrator.workers().await.is_empty());
    assert!(worker.is_running(), "{}", worker.output());
}

#[actix_rt::test]
async fn a_server_of_an_unknown_authority_is_not_trusted() {
    let authority = Authority::new("the authority");
    let stage = guarded(&authority, "mixed").await;
    let other = Authority::new("another authority");
    let mut worker = other.admits(stage.worker(), "conformance-1").start();
    says(&worker, "TLS_CA_PATH").await;
    assert!(stage.orchestrator.workers().await.is_empty());
    assert!(stage.orchestrator.messages("register").await.is_empty());
    assert!(worker.is_running(), "{}", worker.output());
}

/// Waits until the orchestrator has logged it, which it does behind its own back.
async fn logged(stage: &Stage, what: &str) {
    let text = format!("{what:?} is logged");
    eventually(&text, Duration::from_secs(20), || async {
        let is_there = stage.orchestrator.output().contains(what);
        if is_there { Ok(()) } else { Err(Value::Null) }
    })
    .await;
}

async fn says(worker: &Worker, word: &str) {
    let what = format!("the worker says {word:?}");
    eventually(&what, Duration::from_secs(20), || async {
        let output = worker.output();
        if output.contains(word) {
            Ok(())
        } else {
            Err(json!(output))
        }
    })
    .await;
}
