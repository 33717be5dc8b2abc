//! The messages against captured traffic of avtomatika-worker 1.0b20 with
//! avtomatika 1.0b30.

mod hostile;
mod received;
mod sent;
mod states;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::id::{TaskName, WorkerId};
use crate::transport::rxon::captured::{self, json_of, report};
use crate::transport::rxon::security::{MessageKind, SigningKey, verify_message};
use crate::transport::{Availability, Contract, Report, TaskEntry, WorkerCard};

macro_rules! capture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/vectors/captures/1.0b17-",
            $name,
            ".json"
        )))
        .unwrap()
    };
}
use capture;

fn captures() -> Vec<Value> {
    vec![
        capture!("lifecycle"),
        capture!("hot-skills"),
        capture!("contract"),
        capture!("capacity-global"),
        capture!("capacity-type-limit"),
        capture!("failure-codes"),
        capture!("statuses"),
        capture!("cancel-heartbeat"),
        capture!("events-http"),
        capture!("progress"),
        capture!("fractional-deadline"),
    ]
}

/// The exchanges of all captures with this method and part of the path.
fn exchanges(method: &str, path: &str) -> Vec<Value> {
    captured::exchanges(&captures(), method, path, |target, path| {
        target.contains(path)
    })
}

fn card() -> WorkerCard {
    WorkerCard {
        tasks: vec![TaskEntry::named("echo")],
        ..captured::card("3.11")
    }
}

/// The text that was signed with the token of the captures: our message has to be the
/// same, apart from what we say besides.
fn check(ours: &[u8], sent: &Value, ours_alone: &[&str]) {
    let mut ours: Value = serde_json::from_slice(ours).unwrap();
    let mut sent = sent.clone();
    for message in [&mut ours, &mut sent] {
        let message = message.as_object_mut().unwrap();
        message.remove("security");
        for name in ours_alone {
            message.remove(*name);
        }
    }
    assert_eq!(normal(ours), normal(sent));
}

/// Numbers as the canonical form has them, which does not tell 1.0 from 1.
fn normal(value: Value) -> Value {
    let text = crate::transport::rxon::security::canonical_of(&value, &[]).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

fn names(value: &Value) -> Vec<TaskName> {
    strings(value).into_iter().map(Into::into).collect()
}

fn stamp(sent: &Value) -> Stamp {
    Stamp {
        timestamp: sent["timestamp"].as_u64().unwrap(),
        nonce: "n".to_owned(),
    }
}

/// An entry as a registration tells it.
fn entry(skill: &Value) -> TaskEntry {
    let text = |name: &str| skill[name].as_str().map(str::to_owned);
    let schema = |name: &str| Some(skill[name].clone()).filter(|it| !it.is_null());
    let name = text("name").unwrap();
    TaskEntry {
        kind: text("type").filter(|kind| *kind != name),
        description: text("description"),
        contract: Arc::new(Contract {
            version: text("version"),
            input: schema("input_schema"),
            output: schema("output_schema"),
            events: serde_json::from_value(skill["events_schema"].clone()).unwrap_or_default(),
            output_statuses: strings(&skill["output_statuses"]),
            properties: serde_json::from_value(skill["properties"].clone()).unwrap_or_default(),
        }),
        ..TaskEntry::named(name)
    }
}

/// The captures are what they should be: signed with the token of their worker.
#[test]
fn the_signatures_of_the_captures_are_ours() {
    let key = SigningKey::new("dummy-worker-token").unwrap();
    let mut seen = 0;
    for (method, path, kind) in [
        ("POST", "/register", MessageKind::Registration),
        ("PATCH", "/workers/", MessageKind::Heartbeat),
        ("POST", "/result", MessageKind::Result),
        ("POST", "/events", MessageKind::Event),
    ] {
        for exchange in exchanges(method, path) {
            let sent = exchange["request"]["json"].to_string();
            verify_message(sent.as_bytes(), kind, &key).unwrap();
            seen += 1;
        }
    }
    assert!(seen > 80, "{seen}");
}
