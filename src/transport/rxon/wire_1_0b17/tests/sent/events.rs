//! Events, progress and calls of other skills.

use super::*;
use crate::json::RawJson;
use crate::transport::{Event, ProgressUpdate, SkillCall};

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
