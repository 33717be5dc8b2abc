//! Which tasks are taken.

use axon_worker::config::{RxonSettings, RxonVersion, Token};
use axon_worker::transport::rxon::RxonHttp;
use axon_worker::transport::rxon::security::{MessageKind, SigningKey, sign_task};
use axon_worker::transport::{Transport, TransportError};
use axon_worker::{OrchestratorId, Task};
use serde_json::{Value, json};

use super::server::{Server, ok};
use super::{TOKEN, poll, result, setup, signatures};

const SECRET: &str = "secret-of-the-orchestrator";

fn task() -> Value {
    json!({
        "job_id": "j", "task_id": "t", "type": "echo", "params": {"x": 1.0, "y": [null]},
        "priority": 0, "metadata": {}, "policy": {}, "timestamp": 1_795_000_000, "step": 1,
        "tracing_context": {},
    })
}

fn signed(mut task: Value) -> Value {
    let key = SigningKey::new(SECRET).unwrap();
    let sig = sign_task(task.to_string().as_bytes(), &key).unwrap();
    task["sig"] = json!(sig);
    task
}

fn with(change: impl FnOnce(&mut RxonSettings), url: &str, version: RxonVersion) -> RxonHttp {
    let mut settings = RxonSettings::default();
    change(&mut settings);
    let setup = setup(url, TOKEN, version).unwrap().rxon(&settings);
    setup.open(OrchestratorId(0))
}

fn secret(settings: &mut RxonSettings) {
    settings.task_secret = Some(Token::from(SECRET));
}

fn lenient(settings: &mut RxonSettings) {
    secret(settings);
    settings.require_task_signature = false;
}

async fn taken(change: fn(&mut RxonSettings), sent: &Value) -> Result<Task, String> {
    taken_by(change, sent, RxonVersion::Auto).await
}

async fn taken_by(
    change: fn(&mut RxonSettings),
    sent: &Value,
    version: RxonVersion,
) -> Result<Task, String> {
    let server = Server::saying([ok(sent.to_string())]).await;
    let orchestrator = with(change, &server.url, version);
    match poll(&orchestrator).await {
        Ok(task) => Ok(task.expect("a task was sent")),
        Err(TransportError::Untrusted { reason, task }) => {
            assert_eq!((task.0.as_str(), task.1.as_str()), ("t", "j"));
            Err(reason)
        }
        other => panic!("{other:?}"),
    }
}

#[actix_rt::test]
async fn a_task_with_the_signature_of_its_orchestrator_is_taken() {
    let task = taken(secret, &signed(task())).await.unwrap();
    assert_eq!(task.params.as_str(), r#"{"x":1.0,"y":[null]}"#);
    // What is put in after signing and is not known to the protocol.
    let mut later = signed(self::task());
    later["skill_version"] = json!("1.0");
    later["security"] = json!({"signature": "of something else"});
    taken(secret, &later).await.unwrap();
}

#[actix_rt::test]
async fn a_task_that_was_changed_on_the_way_is_refused() {
    for (name, value) in [
        ("type", json!("echo2")),
        ("params", json!({"x": 2})),
        ("task_id", json!("t")),
        ("sig", json!("00")),
        ("sig", json!(7)),
    ] {
        let mut changed = signed(task());
        if name == "task_id" {
            // The same ids, but one more member that counts.
            changed["metadata"] = json!({"a": 1});
        }
        changed[name] = value;
        let reason = taken(secret, &changed).await.unwrap_err();
        assert!(reason.contains("signature"), "{reason}");
    }
}

#[actix_rt::test]
async fn a_task_without_a_signature_needs_leave() {
    let reason = taken(secret, &task()).await.unwrap_err();
    assert!(reason.contains("not signed"), "{reason}");
    taken(lenient, &task()).await.unwrap();
    let mut wrong = signed(task());
    wrong["params"] = json!({});
    taken(lenient, &wrong).await.unwrap_err();
    taken(|_| {}, &wrong).await.unwrap();
}

/// The secret counts for all orchestrators but those that are known not to sign.
#[actix_rt::test]
async fn only_an_orchestrator_that_is_set_to_the_older_dialect_need_not_sign() {
    for version in [RxonVersion::Auto, RxonVersion::V1_0b17] {
        taken_by(secret, &task(), version).await.unwrap_err();
    }
    let older = RxonVersion::V1_0b2;
    taken_by(secret, &task(), older).await.unwrap();
}

#[actix_rt::test]
async fn a_policy_that_does_not_name_the_skill_forbids_it() {
    let with_policy = |policy: Value| {
        let mut task = task();
        task["policy"] = policy;
        task
    };
    let allowed = with_policy(json!({"allowed_skills": ["echo", "add"]}));
    taken(|_| {}, &allowed).await.unwrap();
    taken(secret, &signed(allowed)).await.unwrap();
    let forbidden = with_policy(json!({"allowed_skills": ["add"]}));
    let reason = taken(|_| {}, &forbidden).await.unwrap_err();
    assert!(reason.contains("allowed_skills"), "{reason}");
    let odd = with_policy(json!({"allowed_skills": "echo"}));
    taken(|_| {}, &odd).await.unwrap_err();
}

/// Who a task is done for is told with its result, as it came.
#[actix_rt::test]
async fn the_chain_of_identities_goes_back_with_the_result() {
    let chain = json!(["root", "worker-9"]);
    let mut for_others = task();
    for_others["security"] = json!({"signature": "x", "identity_chain": chain});
    let accepted = r#"{"status":"accepted","transition":"success_transition"}"#;
    let server = Server::saying([ok(for_others.to_string()), ok(accepted), ok(accepted)]).await;
    let orchestrator = with(|_| {}, &server.url, RxonVersion::V1_0b17);
    poll(&orchestrator).await.unwrap().unwrap();
    // Once it is told, it is forgotten.
    for _ in 0..2 {
        orchestrator.deliver(result()).await.unwrap();
    }
    let seen = server.seen();
    let security = [1, 2]
        .map(|n: usize| signatures::signed(MessageKind::Result, &seen[n])["security"].clone());
    assert_eq!(security[0]["identity_chain"], chain);
    assert_eq!(security[1].get("identity_chain"), None);
}
