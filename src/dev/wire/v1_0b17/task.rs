//! Tasks, signed.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::dev::quirks::Tampering;
use crate::dev::wire::TaskMessage;
use crate::transport::rxon::security::{SigningKey, canonical, sign_task};
use crate::{JobId, TaskId};

/// A signed task, as a poll answers it.
pub(crate) fn task(task: &TaskMessage, key: &SigningKey, tampering: Option<Tampering>) -> Bytes {
    #[derive(Serialize)]
    struct Form<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        deadline: Option<f64>,
        job_id: &'a JobId,
        metadata: &'a Value,
        params: &'a RawValue,
        policy: &'a Value,
        priority: f64,
        step: usize,
        task_id: &'a TaskId,
        timestamp: u64,
        tracing_context: &'a BTreeMap<String, String>,
        #[serde(rename = "type")]
        name: &'a str,
    }
    let extras = &task.extras;
    let form = Form {
        deadline: task.deadline.map(unix_seconds),
        job_id: &task.job_id,
        metadata: &extras.metadata,
        params: &task.params,
        policy: &extras.policy,
        priority: extras.priority,
        step: task.step,
        task_id: &task.task_id,
        timestamp: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs()),
        tracing_context: &extras.tracing,
        name: task.name.as_str(),
    };
    let text = serde_json::to_vec(&form).expect("ids and checked JSON can always be written");
    // Both were tried when the task was made.
    let signature = sign_task(&text, key).unwrap_or_default();
    let mut body = canonical(&text, &[]).unwrap_or(text);
    if tampering == Some(Tampering::Params) {
        body = with_other_params(&body);
    }
    let mut more = json!({});
    match tampering {
        Some(Tampering::Unsigned) => {}
        Some(Tampering::Signature) => more["sig"] = "0".repeat(64).into(),
        _ => more["sig"] = signature.into(),
    }
    // These are added after signing, as by avtomatika 1.0b30.
    for (name, value) in [
        (
            "skill_version",
            extras.skill_version.clone().map(Value::from),
        ),
        ("skill_type", extras.skill_type.clone().map(Value::from)),
        ("security", task.security.clone()),
    ] {
        if let Some(value) = value {
            more[name] = value;
        }
    }
    append(&mut body, &more);
    body.into()
}

/// Adds the members of an object to one that has some.
fn append(body: &mut Vec<u8>, more: &Value) {
    let more = more.to_string();
    if more.len() > 2 {
        body.pop();
        body.push(b',');
        body.extend_from_slice(&more.as_bytes()[1..]);
    }
}

fn with_other_params(body: &[u8]) -> Vec<u8> {
    let mut task: Value = serde_json::from_slice(body).unwrap_or_default();
    task["params"]["tampered"] = true.into();
    task.to_string().into_bytes()
}

/// Parameters as they go out: without nulls, and `2.0` as `2`.
///
/// # Errors
/// When they cannot be signed, as 1e22.
pub(crate) fn params(params: &RawValue) -> Result<Box<RawValue>, String> {
    // Wrapped, so that no member of theirs is taken for one of a message.
    let mut wrapped = br#"{"params":"#.to_vec();
    wrapped.extend_from_slice(params.get().as_bytes());
    wrapped.push(b'}');
    let form = canonical(&wrapped, &[]).map_err(|error| error.to_string())?;
    let inner = form.get(br#"{"params":"#.len()..form.len() - 1);
    let text = inner.and_then(|inner| std::str::from_utf8(inner).ok());
    RawValue::from_string(text.unwrap_or("{}").to_owned()).map_err(|error| error.to_string())
}

/// With a fraction, as avtomatika 1.0b30 sends deadlines.
fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_lose_nulls_and_fractions() {
        let raw = RawValue::from_string(r#"{"security": {"b": 2.0, "a": null}}"#.into()).unwrap();
        assert_eq!(params(&raw).unwrap().get(), r#"{"security":{"b":2}}"#);
        let huge = RawValue::from_string("[1e22]".into()).unwrap();
        assert!(params(&huge).unwrap_err().contains("params[0]"));
    }
}
