//! Signatures, tokens and policies.

use std::collections::HashSet;

use awc::http::StatusCode;

use crate::RELEASE;
use crate::support::{
    OrchestratorSetup, Stage, Storage, Value, WORKER_TOKEN, eventually, json, now, sign,
};
use std::time::Duration;

on_both_storages! {
    a_task_that_was_changed_on_the_way_is_refused_and_answered,
    a_task_that_its_policy_does_not_allow_is_refused_and_answered,
}

mod scenario {
    use super::*;

    pub(super) async fn a_task_that_was_changed_on_the_way_is_refused_and_answered(
        storage: Storage,
    ) {
        let stage = meddled_with(storage).await;
        let _worker = stage.started_worker().await;
        let changes = [
            json!({ "change": { "params": { "a": 1, "b": 1000 } } }),
            json!({ "change": { "type": "echo" } }),
            json!({ "change": { "priority": 7 } }),
            json!({ "signature": null }),
            json!({ "signature": "" }),
            json!({ "signature": "0".repeat(64) }),
        ];
        for meddle in changes {
            let job = stage.orchestrator.run("single", add(&meddle)).await;
            refused(&stage, &job, &meddle).await;
        }
        // A signature that is right is accepted, whatever came before.
        let job = stage.orchestrator.run("single", add(&json!({}))).await;
        assert_eq!(job["state_history"]["sum"], 3, "{job:#}");
    }

    pub(super) async fn a_task_that_its_policy_does_not_allow_is_refused_and_answered(
        storage: Storage,
    ) {
        let stage = meddled_with(storage).await;
        let _worker = stage.started_worker().await;
        let policy = |skills: Value| json!({ "policy": { "allowed_skills": skills } });
        for skills in [json!(["echo", "sleep"]), json!([])] {
            let meddle = json!({ "resign": policy(skills) });
            let job = stage.orchestrator.run("single", add(&meddle)).await;
            refused(&stage, &job, &meddle).await;
        }
        let meddle = json!({ "resign": policy(json!(["echo", "add"])) });
        let job = stage.orchestrator.run("single", add(&meddle)).await;
        assert_eq!(job["state_history"]["sum"], 3, "{job:#}");
        // The ordinary way of a policy: the client names it, the orchestrator signs it.
        let mut order = policy(json!(["add"]));
        order["initial_data"] = add(&json!({}));
        let job = stage.orchestrator.submit_order("single", order).await;
        let job = stage.orchestrator.end_of(&job).await;
        assert_eq!(job["state_history"]["sum"], 3, "{job:#}");
    }
}

#[actix_rt::test]
async fn a_worker_with_another_key_runs_no_task() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let worker = stage
        .worker()
        .set("ORCHESTRATOR_SECRET_KEY", "another-key")
        .start();
    stage.orchestrator.registered(worker.id()).await;
    let job = stage.orchestrator.run("single", add(&json!({}))).await;
    refused(&stage, &job, &Value::Null).await;
    assert!(!worker.output().contains("another-key"));
}

#[actix_rt::test]
async fn a_missing_signature_can_be_allowed_but_a_wrong_one_cannot() {
    let stage = meddled_with(Storage::Memory).await;
    let worker = stage
        .worker()
        .set("REQUIRE_TASK_SIGNATURE", "false")
        .start();
    stage.orchestrator.registered(worker.id()).await;
    let meddle = json!({ "signature": null });
    let job = stage.orchestrator.run("single", add(&meddle)).await;
    assert_eq!(job["state_history"]["sum"], 3, "{job:#}");
    let meddle = json!({ "signature": "0".repeat(64) });
    let job = stage.orchestrator.run("single", add(&meddle)).await;
    refused(&stage, &job, &meddle).await;
}

#[actix_rt::test]
async fn what_the_worker_signed_can_neither_be_changed_nor_sent_again() {
    const RESULT: &str = "/_worker/tasks/result";
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let worker = stage.started_worker().await;
    let sum = json!({ "a": 1, "b": 2 });
    let job = stage.orchestrator.run_task("add", sum).await;
    let id = job["id"].as_str().expect("an id");
    let sent = stage.orchestrator.results(id, 1).await.remove(0);
    let said = stage.orchestrator.messages("result").await;
    let mut sent = if said[0]["payload"]["status"].is_null() {
        without(sent, "status")
    } else {
        sent
    };

    let post = async |body: &Value| {
        let posting = stage.orchestrator.worker_post(worker.id(), RESULT, body);
        let (status, answer) = posting.await;
        (status, answer["error"].to_string())
    };
    let (status, error) = post(&sent).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{error}");
    assert!(error.contains("Duplicate message"), "{error}");

    // As new, but not what was signed.
    let signed = sent["security"]["signature"].clone();
    sent["timestamp"] = json!(now());
    sent["event_id"] = json!("not seen before");
    let (status, error) = post(&sent).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{error}");
    assert!(error.contains("Invalid cryptographic signature"), "{error}");

    // What we think the signature should be is what the worker sent.
    let mut original = said[0]["payload"].clone();
    sign(&mut original, worker.id(), WORKER_TOKEN);
    assert_eq!(original["security"]["signature"], signed);
}

#[actix_rt::test]
async fn no_two_messages_of_a_busy_second_are_taken_for_one() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let worker = stage
        .worker()
        .set("WORKER_HEARTBEAT_DEBOUNCE_DELAY", "0.01")
        .set("WORKER_HEARTBEAT_COOLDOWN", "0")
        .start();
    stage.orchestrator.registered(worker.id()).await;
    let mut jobs = Vec::new();
    for _ in 0..10 {
        let order = json!({ "task": "noop", "params": {}, "wait": 60 });
        jobs.push(stage.orchestrator.submit("single", order).await);
    }
    for job in jobs {
        stage.orchestrator.end_of(&job).await;
    }
    let mut signatures = HashSet::new();
    for kind in ["register", "heartbeat", "result"] {
        for message in stage.orchestrator.messages(kind).await {
            assert!(message["error"].is_null(), "{message:#}");
            let security = &message["payload"]["security"];
            if security.is_null() {
                // The question whether we are known.
                assert!(message["payload"].is_null(), "{message:#}");
            } else {
                assert!(signatures.insert(security.to_string()), "{message:#}");
            }
        }
    }
    assert!(signatures.len() > 12, "{signatures:?}");
}

#[actix_rt::test]
async fn a_token_of_its_own_stands_and_signs_for_the_worker() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("workers.toml");
    std::fs::write(&file, "[conformance-1]\ntoken = \"only-for-this-one\"\n").expect("a file");
    let setup =
        OrchestratorSetup::new(RELEASE).set("WORKERS_CONFIG_PATH", &file.display().to_string());
    let stage = Stage::with(Storage::Memory, setup).await;

    let mut stranger = stage.worker().start();
    let refused = || async {
        let messages = stage.orchestrator.messages("register").await;
        let error = messages.iter().find_map(|it| it["error"].as_str());
        error.map(str::to_owned).ok_or(json!(messages))
    };
    let error = eventually(
        "the global token is refused",
        Duration::from_secs(20),
        refused,
    )
    .await;
    assert!(error.contains("individual"), "{error}");
    stranger.kill();

    let worker = stage
        .worker()
        .set("WORKER_INDIVIDUAL_TOKEN", "only-for-this-one")
        .start();
    stage.orchestrator.registered(worker.id()).await;
    let job = stage.orchestrator.run("single", add(&json!({}))).await;
    assert_eq!(job["state_history"]["sum"], 3, "{job:#}");
    assert!(!worker.output().contains("only-for-this-one"));
}

async fn meddled_with(storage: Storage) -> Stage {
    Stage::with(storage, OrchestratorSetup::new(RELEASE).with_meddling()).await
}

/// A job of one sum, and what is to happen to its task.
fn add(meddle: &Value) -> Value {
    json!({ "task": "add", "params": { "a": 1, "b": 2 }, "meddle": meddle })
}

/// The job got exactly one result, which says that the task is not to be trusted.
async fn refused(stage: &Stage, job: &Value, why: &Value) {
    assert_eq!(job["status"], "quarantined", "{why}: {job:#}");
    let id = job["id"].as_str().expect("an id");
    let results = stage.orchestrator.results(id, 1).await;
    assert_eq!(results[0]["status"], "failure", "{why}: {results:#?}");
    assert_eq!(
        results[0]["error"]["code"], "SECURITY_ERROR",
        "{why}: {results:#?}"
    );
}

fn without(mut message: Value, name: &str) -> Value {
    message.as_object_mut().expect("an object").remove(name);
    message
}
