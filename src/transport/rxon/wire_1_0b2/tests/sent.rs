//! What we send is what the reference worker sends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::config::{Artifact, Gpu};
use crate::id::{TaskName, WorkerId};
use crate::json::RawJson;
use crate::task::{ErrorCode, Interruption, Outcome, Reply, TaskError, TaskResult};
use crate::transport::rxon::captured::{card, report};
use crate::transport::{Availability, Report, RunningTask, TaskEntry};

fn strings(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

fn names(value: &Value) -> Vec<TaskName> {
    strings(value).into_iter().map(Into::into).collect()
}

#[test]
fn registrations_are_those_of_the_reference_worker() {
    for exchange in exchanges("POST", "/register") {
        let sent = &exchange["request"]["json"];
        let resources = &sent["resources"];
        let mut card = card("3.9");
        card.tasks = names(&sent["supported_tasks"])
            .into_iter()
            .map(TaskEntry::named)
            .collect();
        card.max_concurrent_tasks =
            serde_json::from_value(resources["max_concurrent_tasks"].clone()).unwrap();
        assert_eq!(&json_of(&write_registration(&card, &report())), sent);
    }
}

#[test]
fn a_full_card_is_told_in_full() {
    let mut card = card("3.9");
    card.resources.gpu = Some(Gpu {
        model: "RTX 4090".to_owned(),
        vram_gb: 24,
        id: "0".to_owned(),
    });
    card.installed_models = vec![Artifact {
        name: "m".to_owned(),
        version: "1".to_owned(),
        ..Artifact::default()
    }];
    card.cost_per_skill = BTreeMap::from([("echo".to_owned(), 2.0)]);
    card.storage_hash = Some("abc".to_owned());
    card.takes_commands = true;
    let text = write_registration(&card, &report());
    let sent = json_of(&text);
    let gpu = json!({"model": "RTX 4090", "vram_gb": 24});
    assert_eq!(sent["resources"]["gpu_info"], gpu);
    assert_eq!(
        sent["installed_models"],
        json!([{"name": "m", "version": "1"}])
    );
    assert_eq!(
        sent["capabilities"],
        json!({
            "hostname": "vm",
            "ip_address": "127.0.0.1",
            "cost_per_skill": {"echo": 2.0},
            "s3_config_hash": "abc",
            "extra": null,
            "websockets": true,
        })
    );
}

#[test]
fn heartbeats_are_those_of_the_reference_worker() {
    let captured = exchanges("PATCH", "/probe-worker-1");
    let vectors: Value = serde_json::from_str(include_str!(
        "../../../../../tests/vectors/capacity_states.json"
    ))
    .unwrap();
    let states = vectors["cases"].as_array().unwrap();
    let sent = captured
        .iter()
        .map(|it| &it["request"]["json"])
        .chain(states.iter().map(|it| &it["1.0b2"]["heartbeat"]));
    let mut seen = 0;
    for sent in sent {
        let running = strings(&sent["current_tasks"])
            .into_iter()
            .map(|id| RunningTask {
                task_id: id.into(),
                job_id: "any".into(),
            });
        let or_empty = |value: &Value| match value {
            Value::Null => Vec::new(),
            value => strings(value),
        };
        let mut card = card("3.9");
        card.skill_dependencies =
            serde_json::from_value(sent["skill_dependencies"].clone()).unwrap_or_default();
        let report = Report {
            availability: if sent["status"] == "idle" {
                Availability::Idle
            } else {
                Availability::Full
            },
            available: names(&sent["supported_tasks"]).into(),
            running: running.collect(),
            hot_cache: strings(&sent["hot_cache"]).into(),
            hot_skills: or_empty(&sent["hot_skills"]).into(),
            usage: None,
        };
        let worker_id = WorkerId::try_new(sent["worker_id"].as_str().unwrap()).unwrap();
        let text = write_heartbeat(&worker_id, Some(&card), &report);
        assert_eq!(&json_of(&text), sent);
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn only_an_idle_worker_offers_tasks() {
    let worker_id = WorkerId::try_new("w").unwrap();
    for availability in [
        Availability::Busy,
        Availability::Full,
        Availability::Draining,
        Availability::Offline,
    ] {
        let report = Report {
            availability,
            available: Arc::new(["echo".into()]),
            ..report()
        };
        let sent = json_of(&write_heartbeat(&worker_id, None, &report));
        assert_eq!(sent["status"], "busy", "{availability:?}");
        assert_eq!(sent["supported_tasks"], json!([]));
        assert_eq!(sent["skill_dependencies"], Value::Null);
    }
}

#[test]
fn the_load_is_written_as_a_float() {
    let worker_id = WorkerId::try_new("w").unwrap();
    let text = write_heartbeat(&worker_id, None, &report());
    assert!(
        std::str::from_utf8(&text)
            .unwrap()
            .contains(r#""load":0.0"#)
    );
}

fn result(sent: &Value, outcome: Outcome) -> TaskResult {
    let task = Task::new(
        ORIGIN,
        sent["task_id"].as_str().unwrap(),
        sent["job_id"].as_str().unwrap(),
        "any",
        RawJson::empty_object(),
    );
    TaskResult::of(&task, outcome, Duration::ZERO)
}

#[test]
fn results_are_those_of_the_reference_worker() {
    for exchange in exchanges("POST", "/tasks/result") {
        let sent = &exchange["request"]["json"];
        let outcome = match sent["status"].as_str().unwrap() {
            "failure" => {
                let error = &sent["error"];
                assert_eq!(error["details"], Value::Null);
                Outcome::Failed(TaskError::new(
                    ErrorCode::from(error["code"].as_str().unwrap()),
                    error["message"].as_str().unwrap(),
                ))
            }
            "cancelled" => Outcome::Cancelled,
            // The reference worker sends null for a handler without data, we send {}.
            status if sent["data"].is_null() => {
                let mut sent = sent.clone();
                sent["data"] = json!({});
                let ours = Outcome::Completed(Reply::status_with(status, &()).unwrap());
                check_result(&sent, ours);
                continue;
            }
            status => Outcome::Completed(Reply::status_with(status, &sent["data"]).unwrap()),
        };
        check_result(sent, outcome);
    }
}

fn check_result(sent: &Value, outcome: Outcome) {
    let worker_id = WorkerId::try_new("probe-worker-1").unwrap();
    let text = write_result(&worker_id, &result(sent, outcome));
    let ours = json_of(&text);
    let mut sent = sent.clone();
    // What goes with a failure or a cancellation besides the error is not looked at
    // by the orchestrator: the reference worker sends {} or null, we send null.
    if sent["status"] == "failure" || sent["status"] == "cancelled" {
        sent["data"] = Value::Null;
    }
    assert_eq!(ours, sent);
}

#[test]
fn an_interrupted_task_is_a_transient_failure() {
    let sent = json!({"task_id": "t", "job_id": "j"});
    let worker_id = WorkerId::try_new("w").unwrap();
    let why = Interruption::ShutDown;
    let failed = Outcome::Failed(TaskError::transient(why.message()));
    let told = |outcome| write_result(&worker_id, &result(&sent, outcome));
    assert_eq!(told(Outcome::Interrupted(why)), told(failed));
}

#[test]
fn data_travels_as_the_handler_wrote_it() {
    let sent = json!({"task_id": "t", "job_id": "j"});
    let data: Value = serde_json::from_str(r#"{"n":1.0,"big":18446744073709551615}"#).unwrap();
    let outcome = Outcome::Completed(Reply::success(&data).unwrap());
    let worker_id = WorkerId::try_new("w").unwrap();
    let text = write_result(&worker_id, &result(&sent, outcome));
    let text = std::str::from_utf8(&text).unwrap();
    let expected = r#"{"job_id":"j","task_id":"t","worker_id":"w","status":"success","data":{"#;
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.ends_with(r#"},"error":null,"data_metadata":null}"#),
        "{text}"
    );
    assert!(text.contains(r#""big":18446744073709551615"#), "{text}");
}

#[test]
fn what_was_uploaded_is_told_beside_the_data() {
    let sent = json!({"task_id": "t", "job_id": "j"});
    let worker_id = WorkerId::try_new("w").unwrap();
    let with_files = |metadata: &Value| {
        let reply = Reply::success(&json!({"report": "s3://b/k"})).unwrap();
        let raw = |value: &Value| crate::RawJson::from_serialize(value).unwrap();
        let reply = reply.with_files(reply.data().clone(), raw(metadata));
        write_result(&worker_id, &result(&sent, Outcome::Completed(reply)))
    };
    let metadata = json!({"report": {"uri": "s3://b/k", "size": 5, "etag": null}});
    let text = with_files(&metadata);
    assert_eq!(json_of(&text)["data_metadata"], metadata);
}

#[test]
fn a_long_failure_is_cut_and_keeps_its_code() {
    let sent = json!({"task_id": "t", "job_id": "j"});
    let worker_id = WorkerId::try_new("w").unwrap();
    let error = TaskError::transient("x".repeat(1_100_000)).with_details(&"y".repeat(1 << 20));
    let text = write_result(&worker_id, &result(&sent, Outcome::Failed(error)));
    assert!(text.len() < 64 * 1024, "{}", text.len());
    assert_eq!(json_of(&text)["error"]["code"], "TRANSIENT_ERROR");
}
