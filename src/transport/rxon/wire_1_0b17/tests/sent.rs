//! What we send is what the reference worker sends.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::config::{Artifact, Device, Gpu};
use crate::id::OrchestratorId;
use crate::json::RawJson;
use crate::task::{ErrorCode, Outcome, Reply, Task, TaskError, TaskResult};
use crate::transport::rxon::union;
use crate::transport::rxon::wire_1_0b2;
use crate::transport::{DeviceUsage, Event, ProgressUpdate, RunningTask, SkillCall, Usage};

fn worker_id() -> WorkerId {
    WorkerId::try_new("probe-worker-1").unwrap()
}

#[test]
fn registrations_are_those_of_the_reference_worker() {
    for exchange in exchanges("POST", "/register") {
        let sent = &exchange["request"]["json"];
        let mut card = card();
        card.tasks = sent["supported_skills"]
            .as_array()
            .unwrap()
            .iter()
            .map(entry)
            .collect();
        card.takes_commands = sent["capabilities"]["extra"]["websockets"] == true;
        let report = Report {
            available: names(&sent["available_skills"]).into(),
            ..report()
        };
        let catalogue = Catalogue::of(&card).unwrap();
        assert_eq!(sent["skills_hash"], catalogue.hash);
        let ours = write_registration(&card, &catalogue, &report, &stamp(sent));
        let mut sent = sent.clone();
        // What is not known is not told, and an empty list is told.
        assert_eq!(sent["resources"]["properties"]["ram_gb"], 0);
        sent["resources"]["properties"]
            .as_object_mut()
            .unwrap()
            .remove("ram_gb");
        if card.takes_commands {
            sent["capabilities"]["websockets"] = json!(true);
        }
        assert_eq!(json_of(&ours)["hot_skills"], json!([]));
        check(&ours, &sent, &["nonce", "hot_skills"]);
    }
}

#[test]
fn catalogues_have_the_hash_of_the_reference_worker() {
    let vectors = include_str!("../../../../../tests/vectors/skills_hash.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let mut seen = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let skills = case["skills"].as_array().unwrap();
        // Those that a catalogue of ours cannot be: without a type, or as of old.
        if skills.iter().any(|skill| skill["type"].is_null()) {
            continue;
        }
        let mut card = card();
        card.tasks = skills.iter().map(entry).collect();
        card.cost_per_skill = serde_json::from_value(case["cost_per_skill"].clone()).unwrap();
        card.extra = serde_json::from_value(case["extra_capabilities"].clone()).unwrap();
        let hash = Catalogue::of(&card).unwrap().hash;
        assert_eq!(case["skills_hash"], hash, "{}", case["name"]);
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

fn full_card() -> WorkerCard {
    let mut card = card();
    card.resources.ram_gb = 8.0;
    card.resources.gpu = Some(Gpu {
        model: "RTX 4090".to_owned(),
        vram_gb: 24,
        id: "0".to_owned(),
    });
    card.resources.devices = vec![Device {
        kind: "npu".to_owned(),
        id: Some("n1".to_owned()),
        ..Device::default()
    }];
    card.resources.properties = BTreeMap::from([("rack".to_owned(), json!("b"))]);
    card.installed_models = vec![Artifact {
        name: "m".to_owned(),
        version: "1".to_owned(),
        kind: Some("model".to_owned()),
        properties: Some(json!({"size": 2})),
    }];
    card.cost_per_skill = BTreeMap::from([("echo".to_owned(), 0.5)]);
    card.storage_hash = Some("abc".to_owned());
    card.extra = BTreeMap::from([("region".to_owned(), json!("eu"))]);
    card.takes_commands = true;
    card
}

#[test]
fn a_full_card_is_told_in_full() {
    let card = full_card();
    let catalogue = Catalogue::of(&card).unwrap();
    let stamp = Stamp {
        timestamp: 5,
        nonce: "x".to_owned(),
    };
    let ours = json_of(&write_registration(&card, &catalogue, &report(), &stamp));
    let expected = json!({
        "devices": [
            {"type": "gpu", "model": "RTX 4090", "id": "0", "properties": {"memory_gb": 24}},
            {"type": "npu", "id": "n1"},
        ],
        "properties": {"cpu_cores": 4, "ram_gb": 8.0, "rack": "b"},
    });
    assert_eq!(ours["resources"], expected);
    let expected = json!([
        {"name": "m", "version": "1", "type": "model", "properties": {"size": 2}},
    ]);
    assert_eq!(ours["installed_artifacts"], expected);
    let expected = json!({
        "hostname": "vm",
        "ip_address": "127.0.0.1",
        "cost_per_skill": {"echo": 0.5},
        "s3_config_hash": "abc",
        "extra": {"websockets": true, "region": "eu"},
        "websockets": true,
    });
    assert_eq!(ours["capabilities"], expected);
    assert_eq!(
        (&ours["timestamp"], &ours["nonce"]),
        (&json!(5), &json!("x"))
    );
}

/// Each part of the form that was accepted by the orchestrators of both dialects is there.
#[test]
fn the_union_has_all_fields_of_the_one_that_both_understood() {
    let capture = capture!("union-client");
    let sent = capture["items"][0]["request"]["body"].as_str().unwrap();
    let sent: Value = serde_json::from_str(sent).unwrap();
    let card = full_card();
    let catalogue = Catalogue::of(&card).unwrap();
    let newer = write_registration(&card, &catalogue, &report(), &stamp(&sent));
    let older = wire_1_0b2::write_registration(&card, &report());
    let ours = json_of(&union::of(&older, newer));
    for (name, value) in sent.as_object().unwrap() {
        // Signed later; free data that nobody needs.
        if name == "security" || name == "metadata" {
            continue;
        }
        let Some(value) = value.as_object() else {
            assert!(ours.get(name).is_some(), "{name}");
            continue;
        };
        for part in value.keys() {
            let is_there = name == "installed_software" || ours[name].get(part).is_some();
            assert!(is_there, "{name}.{part}");
        }
    }
    assert_eq!(ours["supported_tasks"], json!(["echo"]));
    assert_eq!(ours["capabilities"]["extra"]["websockets"], true);
}

#[test]
fn heartbeats_are_those_of_the_reference_worker() {
    let mut seen = 0;
    for exchange in exchanges("PATCH", "/probe-worker-1") {
        let sent = &exchange["request"]["json"];
        let availability = match sent["status"].as_str().unwrap() {
            "idle" => Availability::Idle,
            "full" => Availability::Full,
            "busy" => Availability::Busy,
            "offline" => Availability::Offline,
            other => panic!("{other}"),
        };
        let running = strings(&sent["current_tasks"]).into_iter().map(|id| {
            let task_id = id.as_str().into();
            RunningTask {
                task_id,
                job_id: format!("job of {id}").into(),
            }
        });
        let report = Report {
            availability,
            available: names(&sent["available_skills"]).into(),
            running: running.collect(),
            hot_cache: strings(&sent["hot_skills"]).into(),
            ..report()
        };
        let usage = (!sent["usage"].is_null()).then(Usage::default);
        let catalogue = Catalogue::of(&card()).unwrap();
        let parts = BeatParts {
            catalogue: Some(&catalogue),
            usage: usage.as_ref(),
            ..BeatParts::default()
        };
        let ours = write_heartbeat(&worker_id(), None, &report, parts, &stamp(sent));
        let mut sent = sent.clone();
        // We name jobs as well, and empty lists.
        let tasks = sent["current_tasks"].as_array_mut().unwrap();
        let jobs: Vec<_> = tasks
            .iter()
            .map(|id| json!(format!("job of {}", id.as_str().unwrap())))
            .collect();
        tasks.extend(jobs);
        for list in ["available_skills", "hot_skills"] {
            if sent.get(list).is_none() {
                sent[list] = json!([]);
            }
        }
        check(&ours, &sent, &["nonce", "skills_hash", "supported_skills"]);
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn a_heartbeat_tells_only_what_has_to_be_told() {
    let (card, stamp) = (full_card(), stamp(&json!({"timestamp": 1})));
    let catalogue = Catalogue::of(&card).unwrap();
    let write = |parts: BeatParts<'_>| {
        json_of(&write_heartbeat(
            &worker_id(),
            Some(&card),
            &report(),
            parts,
            &stamp,
        ))
    };
    let bare = write(BeatParts::default());
    for absent in ["supported_skills", "skills_hash", "capabilities", "usage"] {
        assert_eq!(bare.get(absent), None, "{absent}");
    }
    let known = write(BeatParts {
        catalogue: Some(&catalogue),
        ..BeatParts::default()
    });
    assert_eq!(known["skills_hash"], catalogue.hash);
    assert_eq!(known.get("supported_skills"), None);
    let usage = Usage {
        cpu_load_percent: 12.5,
        ram_used_gb: 3.0,
        devices: vec![DeviceUsage {
            unit_id: "0".to_owned(),
            load_percent: 80.0,
            metrics: BTreeMap::from([("memory_used_gb".to_owned(), 1.5)]),
        }],
    };
    let asked = write(BeatParts {
        catalogue: Some(&catalogue),
        whole_catalogue: true,
        capabilities: true,
        usage: Some(&usage),
    });
    assert_eq!(asked["supported_skills"][0]["name"], "echo");
    assert_eq!(asked.get("skills_hash"), None);
    assert_eq!(asked["capabilities"]["websockets"], true);
    let expected = json!({
        "cpu_load_percent": 12.5,
        "ram_used_gb": 3.0,
        "devices_usage": [
            {"unit_id": "0", "load_percent": 80.0, "metrics": {"memory_used_gb": 1.5}},
        ],
    });
    assert_eq!(asked["usage"], expected);
}

#[test]
fn every_state_has_its_word_and_jobs_are_named_once() {
    let stamp = stamp(&json!({"timestamp": 1}));
    let task = |task: &str, job: &str| RunningTask {
        task_id: task.into(),
        job_id: job.into(),
    };
    for (availability, word) in [
        (Availability::Idle, "idle"),
        (Availability::Busy, "busy"),
        (Availability::Full, "full"),
        (Availability::Draining, "draining"),
        (Availability::Offline, "offline"),
    ] {
        let report = Report {
            availability,
            running: Arc::new([task("t1", "j"), task("t2", "j"), task("t3", "k")]),
            ..report()
        };
        let ours = write_heartbeat(&worker_id(), None, &report, BeatParts::default(), &stamp);
        let ours = json_of(&ours);
        assert_eq!(ours["status"], word);
        assert_eq!(ours["current_tasks"], json!(["t1", "t2", "t3", "j", "k"]));
    }
}

fn result(sent: &Value, outcome: Outcome, ran_for: Duration) -> TaskResult {
    let task = Task::new(
        OrchestratorId(0),
        sent["task_id"].as_str().unwrap(),
        sent["job_id"].as_str().unwrap(),
        "any",
        RawJson::empty_object(),
    );
    TaskResult::of(&task, outcome, ran_for)
}

#[test]
fn results_are_those_of_the_reference_worker() {
    let mut seen = 0;
    for exchange in exchanges("POST", "/tasks/result") {
        let sent = &exchange["request"]["json"];
        let seconds = sent["costs"]["execution_time_seconds"].as_f64();
        let ran_for = Duration::from_secs_f64(seconds.unwrap_or_default());
        let raw = |value: &Value| RawJson::from_serialize(value).unwrap();
        let metadata = Some(&sent["metadata"]).filter(|it| !it.is_null()).map(raw);
        let mut costs = sent["costs"].clone();
        let outcome = match sent["status"].as_str().unwrap_or("success") {
            "failure" => {
                let error = &sent["error"];
                let code = ErrorCode::from(error["code"].as_str().unwrap());
                let told = TaskError::new(code, error["message"].as_str().unwrap());
                Outcome::Failed(match &error["details"] {
                    Value::Null => told,
                    details => told.with_details(details),
                })
            }
            "cancelled" => Outcome::Cancelled,
            status => {
                let reply = match &sent["data"] {
                    Value::Null => Reply::status_with(status, &()),
                    data => Reply::status_with(status, data),
                };
                let mut reply = reply.unwrap();
                if let Some(metadata) = &metadata {
                    reply = reply.with_metadata(metadata).unwrap();
                }
                if costs.as_object_mut().is_some_and(|costs| {
                    costs.remove("execution_time_seconds");
                    !costs.is_empty()
                }) {
                    reply = reply.with_costs(&costs).unwrap();
                }
                Outcome::Completed(reply)
            }
        };
        let mut ours = result(sent, outcome, ran_for);
        ours.task_metadata = match ours.outcome {
            Outcome::Completed(_) => metadata.map(|_| RawJson::empty_object()),
            _ => metadata,
        };
        let ours = write_result(&worker_id(), &ours, &stamp(sent)).unwrap();
        // The status is always told, and who it is from; so are costs of failures and
        // data, if only {}.
        let mut sent = sent.clone();
        let status = sent["status"].as_str().unwrap_or("success").to_owned();
        sent["origin_worker_id"] = sent["worker_id"].clone();
        sent["status"] = json!(status);
        // The reference worker sends what the orchestrator refuses.
        if sent["data"].is_string() || sent["data"].is_array() {
            sent["data"] = json!({ "result": sent["data"] });
        }
        let mut free = vec!["nonce"];
        match status.as_str() {
            "failure" | "cancelled" => free.extend(["costs", "data"]),
            _ if sent["data"].is_null() => free.push("data"),
            _ => {}
        }
        check(&ours, &sent, &free);
        seen += 1;
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn costs_have_the_running_time_unless_the_handler_says_it() {
    let sent = json!({"task_id": "t", "job_id": "j", "timestamp": 1});
    let costs = |told: Option<Value>, ran_for: Duration| {
        let mut reply = Reply::success(&()).unwrap();
        if let Some(told) = told {
            reply = reply.with_costs(&told).unwrap();
        }
        let result = result(&sent, Outcome::Completed(reply), ran_for);
        json_of(&write_result(&worker_id(), &result, &stamp(&sent)).unwrap())["costs"].clone()
    };
    let ran_for = Duration::from_nanos(1_234_567_890);
    let time = json!({"execution_time_seconds": 1.2346});
    assert_eq!(costs(None, ran_for), time);
    let more = costs(Some(json!({"tokens": 8, "a": {"b": [1.5]}})), ran_for);
    let expected = json!({"tokens": 8, "a": {"b": [1.5]}, "execution_time_seconds": 1.2346});
    assert_eq!(more, expected);
    let own = json!({"execution_time_seconds": 7});
    assert_eq!(costs(Some(own.clone()), ran_for), own);
    let cancelled = result(&sent, Outcome::Cancelled, ran_for);
    let ours = write_result(&worker_id(), &cancelled, &stamp(&sent)).unwrap();
    assert_eq!(json_of(&ours).get("costs"), None);
}

#[test]
fn a_result_carries_all_that_a_handler_gives() {
    let sent = json!({"task_id": "t", "job_id": "j", "timestamp": 1});
    let files = json!({"a": {"uri": "s3://b/k", "size": 1, "etag": "e"}});
    let reply = Reply::success(&json!({"a": 1.0}))
        .and_then(|reply| reply.with_metadata(&json!({"m": 1})))
        .unwrap();
    let data = reply.data().clone();
    let reply = reply.with_files(data, RawJson::from_serialize(&files).unwrap());
    let mut done = result(&sent, Outcome::Completed(reply), Duration::ZERO);
    let written = write_result(&worker_id(), &done, &stamp(&sent)).unwrap();
    assert_eq!(json_of(&written).get("metadata"), None, "the job has none");
    done.task_metadata = Some(RawJson::empty_object());
    let ours = json_of(&write_result(&worker_id(), &done, &stamp(&sent)).unwrap());
    assert_eq!(ours["metadata"], json!({"m": 1}));
    assert_eq!(ours["data_metadata"], files);
    // The orchestrator refuses details that are no object.
    for (details, told) in [
        (json!({"x": 1}), json!({"x": 1})),
        (json!([1]), json!({"value": [1]})),
        (json!("x"), json!({"value": "x"})),
    ] {
        let error = TaskError::permanent("no").with_details(&details);
        let mut failed = result(&sent, Outcome::Failed(error), Duration::ZERO);
        failed.task_metadata = Some(RawJson::empty_object());
        let ours = json_of(&write_result(&worker_id(), &failed, &stamp(&sent)).unwrap());
        assert_eq!(ours["error"]["details"], told);
        assert_eq!(ours["metadata"], json!({}));
        assert_eq!(ours.get("data"), None);
    }
}

#[test]
fn what_could_never_fit_is_not_even_signed() {
    let sent = json!({"task_id": "t", "job_id": "j", "timestamp": 1});
    let reply = Reply::success(&json!({"x": "x".repeat(5 * BODY_LIMIT)})).unwrap();
    let large = result(&sent, Outcome::Completed(reply), Duration::ZERO);
    let refused = write_result(&worker_id(), &large, &stamp(&sent));
    assert!(matches!(
        refused,
        Err(crate::transport::TransportError::TooLarge { .. })
    ));
}

#[test]
fn events_are_those_of_the_reference_worker() {
    let mut seen = 0;
    for exchange in exchanges("POST", "/_worker/events") {
        let sent = &exchange["request"]["json"];
        check(&event(sent), sent, &["metadata", "event_id"]);
        seen += 1;
    }
    let capture = capture!("progress");
    let all = capture["exchanges"].as_array().unwrap().iter();
    let frames = all
        .filter_map(|exchange| exchange["websocket_frames"].as_array())
        .flatten()
        .filter(|frame| frame["type"] == "text");
    for frame in frames {
        check(&event(&frame["json"]), &frame["json"], &["event_id"]);
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

/// Ours of the same content; progress comes as such.
fn event(sent: &Value) -> Vec<u8> {
    let text = |name: &str| sent[name].as_str().unwrap().to_owned();
    let (task_id, job_id) = (text("target_task_id").into(), text("target_job_id").into());
    if sent["event_type"] == "progress" {
        let update = ProgressUpdate {
            task_id,
            job_id,
            progress: sent["payload"]["progress"].as_f64().unwrap(),
            message: sent["payload"]["message"].as_str().unwrap().to_owned(),
            data: None,
            trace_context: BTreeMap::new(),
        };
        return write_progress(&worker_id(), &update, &stamp(sent));
    }
    let event = Event {
        id: text("event_id"),
        task_id,
        job_id,
        name: text("event_type"),
        payload: RawJson::from_serialize(&sent["payload"]).unwrap(),
        priority: sent["priority"].as_f64().unwrap(),
        trace_context: BTreeMap::new(),
    };
    write_event(&worker_id(), &event, sent["timestamp"].as_u64().unwrap()).unwrap()
}

#[test]
fn a_payload_has_to_be_an_object() {
    let event = |payload: Value| Event {
        id: "e".to_owned(),
        task_id: "t".into(),
        job_id: "j".into(),
        name: "tick".to_owned(),
        payload: RawJson::from_serialize(&payload).unwrap(),
        priority: 0.0,
        trace_context: BTreeMap::from([("traceparent".to_owned(), "00-1".to_owned())]),
    };
    let ours = write_event(&worker_id(), &event(json!({"i": 1})), 1).unwrap();
    assert_eq!(json_of(&ours)["trace_context"]["traceparent"], "00-1");
    for odd in [json!([1]), json!("x"), json!(null)] {
        assert!(write_event(&worker_id(), &event(odd), 1).is_err());
    }
}

#[test]
fn calls_of_skills_are_those_of_the_reference_worker() {
    let call = SkillCall {
        task_id: "t".into(),
        job_id: "j".into(),
        skill: "echo".into(),
        params: RawJson::from_serialize(&json!({"q": 1})).unwrap(),
        trace_context: BTreeMap::new(),
    };
    let expected = json!({"skill_name": "echo", "params": {"q": 1}});
    assert_eq!(json_of(&write_call(&call)), expected);
}
