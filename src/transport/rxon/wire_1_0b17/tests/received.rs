//! What the orchestrators send is understood.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::id::OrchestratorId;
use crate::transport::rxon::dialect::Dialect;
use crate::transport::rxon::wire_1_0b2::{read_receipt, read_registered, read_task};
use crate::transport::{CancelTarget, Receipt, TransportError};

#[test]
fn a_registration_is_answered_with_the_version() {
    for exchange in exchanges("POST", "/register") {
        let body = exchange["response"]["json"].to_string();
        read_registered(body.as_bytes()).unwrap();
        let version = read_version(body.as_bytes());
        assert_eq!(Dialect::of(version.as_deref()), Dialect::V1_0b17);
    }
    for older in [
        r#"{"status": "registered"}"#,
        r#"{"status":"registered","version":null}"#,
        r#"{"status":"registered","version":17}"#,
        r#"{"version":""}"#,
        "null",
        "",
    ] {
        assert_eq!(read_version(older.as_bytes()), None, "{older}");
    }
}

#[test]
fn captured_tasks_are_read() {
    let mut seen = 0;
    for exchange in exchanges("GET", "/tasks/next") {
        let Some(sent) = exchange["response"].get("json") else {
            continue;
        };
        let body = Bytes::from(sent.to_string());
        let task = read_task(OrchestratorId(3), &body).unwrap();
        assert_eq!(task.id.as_str(), sent["task_id"]);
        assert_eq!(json_of(task.params.as_bytes()), sent["params"]);
        let deadline = sent["deadline"]
            .as_f64()
            .map(|seconds| std::time::UNIX_EPOCH + Duration::try_from_secs_f64(seconds).unwrap());
        assert_eq!(task.deadline, deadline);
        assert_eq!(task.metadata.is_some(), sent.get("metadata").is_some());
        assert_eq!(refusal_of(&body, task.name.as_str()), None);
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn a_policy_is_obeyed_and_one_that_cannot_be_read_forbids() {
    let refusal = |policy: &str| {
        let task = format!(r#"{{"task_id":"t","job_id":"j","type":"echo","policy":{policy}}}"#);
        refusal_of(task.as_bytes(), "echo")
    };
    for allowed in [
        "null",
        "{}",
        r#"{"allowed_skills":null}"#,
        r#"{"allowed_skills":["other","echo"]}"#,
        r#"{"allowed_skills":["e\u0063ho"],"more":1}"#,
    ] {
        assert_eq!(refusal(allowed), None, "{allowed}");
    }
    for forbidden in [
        r#"{"allowed_skills":[]}"#,
        r#"{"allowed_skills":["Echo","echo2"]}"#,
    ] {
        let reason = refusal(forbidden).expect(forbidden);
        assert!(reason.contains("does not name \"echo\""), "{reason}");
    }
    for odd in [
        r#"{"allowed_skills":"echo"}"#,
        r#"{"allowed_skills":["echo",1]}"#,
        r#"{"allowed_skills":["echo"],"allowed_skills":[]}"#,
        r#"{"allowed_skills":[]},"policy":{}"#,
        "[]",
        "7",
    ] {
        let reason = refusal(odd).expect(odd);
        assert!(reason.contains("cannot be read"), "{odd}: {reason}");
    }
}

#[test]
fn heartbeats_are_answered_with_cancels_and_wishes() {
    let mut cancels = 0;
    for exchange in exchanges("PATCH", "/workers/") {
        // The last ones may have met a shutdown.
        let Some(body) = exchange["response"].get("json") else {
            continue;
        };
        let answer = read_beat_answer(body.to_string().as_bytes()).unwrap();
        assert!(!answer.reply.forgotten && !answer.is_record && !answer.wants_catalogue);
        cancels += answer.reply.cancel.len();
    }
    assert_eq!(cancels, 1);
    let wish = r#"{"status":"ok","require_full_sync":true,"cancel_task_ids":["t"],
        "next_heartbeat_jitter_ms":1500}"#;
    let answer = read_beat_answer(wish.as_bytes()).unwrap();
    assert!(answer.wants_catalogue);
    assert_eq!(answer.reply.cancel, [CancelTarget("t".to_owned())]);
    assert_eq!(answer.reply.extra_delay, Some(Duration::from_millis(1500)));
    let record = r#"{"worker_id":"w","status":"idle","reputation":1.0}"#;
    assert!(read_beat_answer(record.as_bytes()).unwrap().is_record);
    assert!(read_beat_answer(b"null").unwrap().reply.forgotten);
    for odd in ["false", "null", "1", "\"true\"", "[]"] {
        let text = format!(r#"{{"require_full_sync":{odd}}}"#);
        assert!(!read_beat_answer(text.as_bytes()).unwrap().wants_catalogue);
    }
}

#[test]
fn receipts_say_when_a_result_was_ignored() {
    let mut ignored = Vec::new();
    for exchange in exchanges("POST", "/tasks/result") {
        match read_receipt(exchange["response"]["json"].to_string().as_bytes()) {
            Receipt::Accepted => {}
            Receipt::Ignored(reason) => ignored.push(reason),
            other @ Receipt::Lost(_) => panic!("{other:?}"),
        }
    }
    ignored.dedup();
    assert_eq!(ignored, ["stale_task"]);
}

#[test]
fn an_event_may_be_refused_with_a_status_of_success() {
    read_event_answer(br#"{"status":"event_accepted"}"#).unwrap();
    read_event_answer(b"").unwrap();
    let mut refused = Vec::new();
    for capture in [capture!("raw-client"), capture!("raw-client-2")] {
        for item in capture["items"].as_array().unwrap() {
            let target = item["request"]["target"].as_str().unwrap_or_default();
            if target != "/_worker/events" || item["response"]["status"] != 200 {
                continue;
            }
            let body = item["response"]["body"].as_str().unwrap();
            match read_event_answer(body.as_bytes()) {
                Ok(()) => assert!(body.contains("event_accepted"), "{body}"),
                Err(TransportError::Refused { reason }) => refused.push(reason),
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    assert!(!refused.is_empty());
    let violation = br#"{"status":"error","code":"CONTRACT_VIOLATION_ERROR","message":"m\n"}"#;
    match read_event_answer(violation) {
        Err(TransportError::Refused { reason }) => {
            assert_eq!(reason, "CONTRACT_VIOLATION_ERROR: m ");
        }
        other => panic!("{other:?}"),
    }
    assert!(read_event_answer(br#"{"status":"error"}"#).is_err());
}
