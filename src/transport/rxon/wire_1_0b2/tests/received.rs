//! What the orchestrators send is understood.

use std::time::Duration;

use super::*;
use crate::id::{JobId, TaskId};
use crate::transport::{CancelTarget, Receipt};

#[test]
fn captured_tasks_are_read() {
    let mut seen = 0;
    for exchange in exchanges("GET", "/tasks/next") {
        let Some(sent) = exchange["response"].get("json") else {
            continue;
        };
        let body = Bytes::from(serde_json::to_vec(sent).unwrap());
        let task = read_task(ORIGIN, &body).unwrap();
        assert_eq!(task.origin, ORIGIN);
        assert_eq!(task.id.as_str(), sent["task_id"]);
        assert_eq!(task.job_id.as_str(), sent["job_id"]);
        assert_eq!(task.name.as_str(), sent["type"]);
        assert_eq!(json_of(task.params.as_bytes()), sent["params"]);
        assert!(task.tracing_context.is_empty());
        seen += 1;
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn parameters_share_the_memory_of_the_answer() {
    let body = Bytes::from_static(br#"{"task_id":"t","job_id":"j","type":"e","params":{"a":1}}"#);
    let params = read_task(ORIGIN, &body).unwrap().params;
    assert_eq!(params.as_str(), r#"{"a":1}"#);
    assert!(body.as_ptr_range().contains(&params.as_bytes().as_ptr()));
}

#[test]
fn a_task_needs_only_its_names() {
    let bare = task(r#"{"task_id":"t","job_id":"j","type":"e"}"#).unwrap();
    assert_eq!(bare.params.as_str(), "{}");
    let nulls = r#"{"task_id":"t","job_id":"j","type":"e","params":null,"tracing_context":null,
        "params_metadata":null,"priority":null,"deadline":null,"metadata":null}"#;
    let nulls = task(nulls).unwrap();
    assert_eq!(nulls.params.as_str(), "{}");
    assert_eq!(nulls.params_metadata, None);
    let odd = r#"{"task_id":"\u0000\ud83d\ude00","job_id":"j","type":"e","params":[1],"x":{"y":[]},
        "tracing_context":{"traceparent":"00-1","n":1},"priority":"high","deadline":-1}"#;
    let odd = task(odd).unwrap();
    assert_eq!(odd.id.as_str(), "\0😀");
    assert_eq!(odd.params.as_str(), "[1]");
    assert_eq!(odd.tracing_context["traceparent"], "00-1");
    assert_eq!(odd.tracing_context.len(), 1);
    assert_eq!((odd.priority, odd.deadline), (0.0, None));
}

#[test]
fn a_newer_dialects_extras_are_understood() {
    let text = r#"{"task_id":"t","job_id":"j","type":"e","priority":2,"deadline":1.5,
        "metadata":{"k":1}}"#;
    let task = task(text).unwrap();
    let deadline = std::time::UNIX_EPOCH + Duration::from_millis(1500);
    assert_eq!((task.priority, task.deadline), (2.0, Some(deadline)));
    assert_eq!(task.metadata.unwrap().as_str(), r#"{"k":1}"#);
}

#[test]
fn a_broken_task_is_named_as_far_as_it_can_be_read() {
    let ids = Some((TaskId::from("t"), JobId::from("j")));
    for (text, expected) in [
        (r#"{"task_id":"t","job_id":"j"}"#, &ids),
        (r#"{"task_id":"t","job_id":"j","type":7}"#, &ids),
        (
            r#"{"job_id":"j","task_id":"t","type":"e","params":{"a"#,
            &ids,
        ),
        (r#"{"job_id":"j","task_id":"t","job"#, &ids),
        (r#"{"task_id":"t","job_id":5,"type":"e"}"#, &None),
        (r#"{"task_id":"t","type":"e"}"#, &None),
        (r#"["t","j","e"]"#, &None),
        ("", &None),
        ("null", &None),
        ("<html>", &None),
        ("{}", &None),
    ] {
        match task(text) {
            Err(TransportError::Malformed { task, .. }) => assert_eq!(&task, expected, "{text:?}"),
            other => panic!("{text:?}: {other:?}"),
        }
    }
}

#[test]
fn heartbeat_answers_tell_whether_we_are_known() {
    let mut known = 0;
    for exchange in exchanges("PATCH", "/probe-worker-1") {
        let Some(body) = exchange["response"].get("json") else {
            continue;
        };
        let reply = read_beat_reply(body.to_string().as_bytes()).unwrap();
        assert_eq!(reply.forgotten, body.is_null());
        assert!(reply.cancel.is_empty());
        known += usize::from(!reply.forgotten);
    }
    assert!(known > 5, "{known}");
    assert!(read_beat_reply(b" null ").unwrap().forgotten);
    for odd in ["", "[]", "1", "\"ok\"", "<html>", "{"] {
        assert!(read_beat_reply(odd.as_bytes()).is_err(), "{odd:?}");
    }
}

#[test]
fn a_newer_orchestrator_calls_tasks_off_in_its_answer() {
    let text =
        br#"{"status":"ok","cancel_task_ids":["a",1,null,"b"],"next_heartbeat_jitter_ms":"250.5"}"#;
    let reply = read_beat_reply(text).unwrap();
    let targets = ["a", "b"].map(|id| CancelTarget(id.to_owned()));
    assert_eq!(reply.cancel, targets);
    assert_eq!(reply.extra_delay, Some(Duration::from_micros(250_500)));
    for odd in ["null", "-1", "0", "\"soon\"", "[]"] {
        let text = format!(r#"{{"cancel_task_ids":7,"next_heartbeat_jitter_ms":{odd}}}"#);
        let reply = read_beat_reply(text.as_bytes()).unwrap();
        assert_eq!((reply.cancel.len(), reply.extra_delay), (0, None), "{odd}");
    }
    let text = br#"{"next_heartbeat_jitter_ms":1e300}"#;
    let delay = read_beat_reply(text).unwrap().extra_delay;
    assert_eq!(delay, Some(Duration::from_hours(24)));
}

#[test]
fn receipts_say_when_a_result_was_ignored() {
    assert_eq!(read_receipt(br#"{"status": "ok"}"#), Receipt::Accepted);
    assert_eq!(read_receipt(b""), Receipt::Accepted);
    let ignored = br#"{"status":"ignored","reason":"stale_task","message":"m"}"#;
    let reason = "stale_task".to_owned();
    assert_eq!(read_receipt(ignored), Receipt::Ignored(reason));
}

#[test]
fn only_the_known_texts_of_a_500_end_the_attempts() {
    let mut permanent = Vec::new();
    let mut passing = Vec::new();
    for capture in raw_captures() {
        for item in capture["items"].as_array().unwrap() {
            if item["response"]["status"] != 500 {
                continue;
            }
            let body = item["response"]["body"].as_str().unwrap();
            let text = json_of(body.as_bytes())["error"]
                .as_str()
                .unwrap()
                .to_owned();
            if is_permanent_refusal(&text) {
                permanent.push(text);
            } else {
                passing.push(text);
            }
        }
    }
    permanent.dedup();
    assert_eq!(
        permanent,
        [
            "Missing required field: worker_id",
            "Invalid worker_id: 'bad id!'. Must be alphanumeric, underscores, or hyphens only.",
            "job_id and task_id are required",
            "Job not found",
        ]
    );
    // The first one answers bytes that are no JSON, which we never send.
    let (unread, rest) = passing.split_first().unwrap();
    assert!(unread.contains("line 1 column 2"), "{unread}");
    assert_eq!(rest, ["No suitable workers for task type 'echo'"]);
}
