//! What is different in RXON 1.0b17.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{ResultMessage, TaskMessage};
use crate::dev::Dialect;
use crate::dev::access::Issued;
use crate::dev::job::Answer;
use crate::dev::quirks::Tampering;
use crate::transport::rxon::security::{SigningKey, canonical, sign_task};
use crate::{JobId, TaskId};

pub(crate) const EVENTS: &str = "/_worker/events";
pub(crate) const TOKEN_REFRESH: &str = "/_worker/auth/token/refresh";

pub(crate) const WORKER_ID_HEADER: &str = "x-worker-id";

pub(crate) const OK: &[u8] = br#"{"status":"ok"}"#;
pub(crate) const REFRESHED: &[u8] = br#"{"status":"ttl_refreshed"}"#;
pub(crate) const EVENT_ACCEPTED: &[u8] = br#"{"status":"event_accepted"}"#;

const VIOLATION: &str = "CONTRACT_VIOLATION_ERROR";

/// The members of a registration that are stored; all others are dropped.
#[derive(Debug, Serialize, Deserialize)]
struct Registration {
    worker_type: Option<String>,
    supported_skills: Option<Vec<Skill>>,
    available_skills: Option<Vec<String>>,
    hot_skills: Option<Vec<String>>,
    resources: Option<Resources>,
    installed_software: Option<BTreeMap<String, String>>,
    installed_artifacts: Option<Vec<Artifact>>,
    capabilities: Option<Capabilities>,
    skills_hash: Option<String>,
    security: Option<Map<String, Value>>,
    metadata: Option<Map<String, Value>>,
    timestamp: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Skill {
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    description: Option<String>,
    version: Option<String>,
    input_schema: Option<Map<String, Value>>,
    output_schema: Option<Map<String, Value>>,
    events_schema: Option<BTreeMap<String, Map<String, Value>>>,
    output_statuses: Option<Vec<String>>,
    schema_dialect: Option<String>,
    properties: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Resources {
    devices: Option<Vec<Device>>,
    properties: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Device {
    #[serde(rename = "type")]
    kind: String,
    model: Option<String>,
    id: Option<String>,
    properties: Option<Map<String, Value>>,
    metrics: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Artifact {
    name: String,
    version: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    properties: Option<Map<String, Value>>,
}

/// Not a member is `websockets`, which decides about commands: a registration loses it, a
/// heartbeat keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct Capabilities {
    hostname: Option<String>,
    ip_address: Option<String>,
    cost_per_skill: Option<BTreeMap<String, f64>>,
    s3_config_hash: Option<String>,
    extra: Option<Map<String, Value>>,
}

/// The record that is stored of a registration.
pub(crate) fn record(id: &str, message: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let wrong = |error| format!("Invalid WorkerRegistration payload: {error}");
    let known: Registration = read(message).map_err(wrong)?;
    if crate::check_identifier(id).is_err() {
        return Err(format!(
            "Invalid worker_id: '{id}'. Must be alphanumeric, underscores, or hyphens only (max \
             128 characters)."
        ));
    }
    let Ok(Value::Object(mut record)) = serde_json::to_value(known) else {
        return Err(wrong("it cannot be stored".to_owned()));
    };
    record.insert("worker_id".to_owned(), id.into());
    let skills = record.entry("supported_skills").or_insert(Value::Null);
    if skills.is_null() {
        *skills = json!([]);
    }
    drop_nulls(&mut record);
    Ok(record)
}

/// As every message of this dialect: members that are null are not there.
pub(crate) fn drop_nulls(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
    members.values_mut().for_each(drop_nulls_in);
}

fn drop_nulls_in(value: &mut Value) {
    match value {
        Value::Object(members) => drop_nulls(members),
        Value::Array(items) => items.iter_mut().for_each(drop_nulls_in),
        _ => {}
    }
}

fn read<T: for<'de> Deserialize<'de>>(message: &Map<String, Value>) -> Result<T, String> {
    serde_path_to_error::deserialize(message).map_err(|error| {
        let path = error.path().to_string();
        format!("{} - at `$.{path}`", error.into_inner())
    })
}

/// The answer to a registration; `theirs` is the version that the worker announced.
pub(crate) fn registered(theirs: Option<&str>) -> Bytes {
    let ours = Dialect::V1_0b17.version();
    let mut answer = json!({"status": "registered", "version": ours});
    if let Some(theirs) = theirs.filter(|theirs| *theirs != ours) {
        let text = format!("Protocol version mismatch! Orchestrator: {ours}, Worker: {theirs}.");
        answer["warning"] = text.into();
    }
    answer.to_string().into()
}

/// What a heartbeat is answered with beside `status`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct BeatReply {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cancel_task_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_heartbeat_jitter_ms: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) require_full_sync: bool,
    status: Fine,
}

#[derive(Debug, Default, Serialize)]
enum Fine {
    #[default]
    #[serde(rename = "ok")]
    Ok,
}

impl BeatReply {
    pub(crate) fn to_bytes(&self) -> Bytes {
        let text = serde_json::to_vec(self).expect("texts and numbers can always be written");
        text.into()
    }
}

/// The answer to a result that is taken.
pub(crate) fn accepted(transition: &str) -> Bytes {
    let answer = json!({"status": "accepted", "transition": transition});
    answer.to_string().into()
}

/// The answer to a result that changes nothing and must not be repeated.
pub(crate) fn ignored(reason: &str, message: &str) -> Bytes {
    let answer = json!({"status": "ignored", "reason": reason, "message": message});
    answer.to_string().into()
}

pub(crate) fn issued(issued: &Issued) -> Bytes {
    let answer = json!({"access_token": issued.access, "expires_in": issued.expires_in.as_secs(),
        "refresh_token": issued.refresh, "worker_id": issued.worker});
    answer.to_string().into()
}

/// The limiter's own answer, wrapped as an error.
pub(crate) fn too_many() -> Bytes {
    super::error(r#"{"error":"Too Many Requests"}"#)
}

/// A result; types are checked, unlike in 1.0b2.
pub(crate) fn result(message: &Map<String, Value>) -> Result<ResultMessage, String> {
    #[derive(Deserialize)]
    struct Form {
        job_id: JobId,
        task_id: TaskId,
        worker_id: Option<String>,
        status: Option<String>,
        data: Option<Map<String, Value>>,
        error: Option<ErrorForm>,
        #[serde(rename = "data_metadata")]
        _data_metadata: Option<Map<String, Value>>,
        #[serde(rename = "metadata")]
        _metadata: Option<Map<String, Value>>,
        security: Option<Map<String, Value>>,
    }
    #[derive(Serialize, Deserialize)]
    struct ErrorForm {
        code: String,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        details: Option<Map<String, Value>>,
    }
    let wrong = |error| format!("Invalid TaskResult payload: {error}");
    let form: Form = read(message).map_err(wrong)?;
    let error = form.error.map(|error| json!(error));
    Ok(ResultMessage {
        job: form.job_id,
        task: form.task_id,
        worker_id: form.worker_id,
        security: form.security.map(Value::Object),
        answer: Answer {
            status: form.status.unwrap_or_else(|| "success".to_owned()),
            data: form.data.map(Value::Object),
            error,
        },
    })
}

/// What takes the place of a success whose data break the contract.
pub(crate) fn violation(message: &str) -> Answer {
    let message =
        format!("Contract violation: result data does not match output_schema. {message}");
    Answer {
        status: "failure".to_owned(),
        data: None,
        error: Some(json!({"code": VIOLATION, "message": message})),
    }
}

/// An event of a worker.
#[derive(Debug, Deserialize)]
pub(crate) struct EventMessage {
    #[serde(rename = "event_id")]
    _id: String,
    pub(crate) worker_id: String,
    pub(crate) origin_worker_id: String,
    #[serde(rename = "event_type")]
    pub(crate) kind: String,
    pub(crate) payload: Map<String, Value>,
    target_job_id: Option<JobId>,
    target_task_id: Option<JobId>,
    pub(crate) bubbling_chain: Option<Vec<String>>,
    #[serde(rename = "trace_context")]
    _trace_context: Option<BTreeMap<String, String>>,
    #[serde(rename = "priority")]
    _priority: Option<f64>,
    #[serde(rename = "metadata")]
    _metadata: Option<Map<String, Value>>,
}

impl EventMessage {
    pub(crate) fn read(message: &Map<String, Value>) -> Result<Self, String> {
        read(message).map_err(|error| format!("Invalid event payload: {error}"))
    }

    /// The job it is about; a task id in its place finds none.
    pub(crate) fn job(&self) -> Option<&JobId> {
        self.target_job_id.as_ref().or(self.target_task_id.as_ref())
    }

    pub(crate) fn is_progress(&self) -> bool {
        self.kind == "progress"
    }
}

/// The answer to an event that is not taken, with 200.
pub(crate) fn event_error(message: &str, breaks_contract: bool) -> Bytes {
    let mut answer = json!({"status": "error", "message": message});
    if breaks_contract {
        answer["code"] = VIOLATION.into();
    }
    answer.to_string().into()
}

/// The refresh token in a request for new tokens.
pub(crate) fn refresh_token(body: &[u8]) -> Result<String, String> {
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let token = body.get("refresh_token").and_then(Value::as_str);
    let token = token.filter(|token| !token.is_empty());
    token.map_or_else(
        || Err("Missing refresh_token in payload".to_owned()),
        |it| Ok(it.to_owned()),
    )
}

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

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn a_registration_loses_what_is_not_known_and_the_flag_for_commands() {
        let message = map(json!({"worker_id": "w", "x": 1, "worker_type": null,
            "capabilities": {"websockets": true, "hostname": "h", "extra": {"websockets": true}},
            "supported_skills": [{"name": "a", "y": 2, "type": null}]}));
        let expected = json!({"worker_id": "w", "supported_skills": [{"name": "a"}],
            "capabilities": {"hostname": "h", "extra": {"websockets": true}}});
        assert_eq!(Value::Object(record("w", &message).unwrap()), expected);
        let empty = record("w", &map(json!({"worker_id": "w"}))).unwrap();
        assert_eq!(empty["supported_skills"], json!([]));
    }

    #[test]
    fn a_wrong_type_is_refused_with_its_place() {
        let error = record("w", &map(json!({"supported_skills": [{"name": 7}]}))).unwrap_err();
        assert!(error.contains("$.supported_skills[0].name"), "{error}");
        assert!(record("bad id!", &Map::new()).is_err());
        for wrong in [
            json!({"job_id": "j"}),
            json!({"job_id": "j", "task_id": "t", "data": [1]}),
            json!({"job_id": "j", "task_id": "t", "error": "text"}),
        ] {
            assert!(result(&map(wrong)).is_err());
        }
        let fine = result(&map(json!({"job_id": "j", "task_id": "t"}))).unwrap();
        assert_eq!(fine.answer.status, "success");
    }

    #[test]
    fn answers_have_the_members_they_should_have() {
        assert_eq!(BeatReply::default().to_bytes(), OK);
        let reply = BeatReply {
            cancel_task_ids: vec!["t".to_owned()],
            next_heartbeat_jitter_ms: Some(50),
            require_full_sync: true,
            ..BeatReply::default()
        };
        assert_eq!(
            reply.to_bytes(),
            r#"{"cancel_task_ids":["t"],"next_heartbeat_jitter_ms":50,"require_full_sync":true,"status":"ok"}"#
        );
        assert_eq!(
            registered(Some("1.0b17")),
            r#"{"status":"registered","version":"1.0b17"}"#
        );
        let warned: Value = serde_json::from_slice(&registered(Some("1.0b2"))).unwrap();
        assert!(warned["warning"].is_string());
    }

    #[test]
    fn parameters_lose_nulls_and_fractions() {
        let raw = RawValue::from_string(r#"{"security": {"b": 2.0, "a": null}}"#.into()).unwrap();
        assert_eq!(params(&raw).unwrap().get(), r#"{"security":{"b":2}}"#);
        let huge = RawValue::from_string("[1e22]".into()).unwrap();
        assert!(params(&huge).unwrap_err().contains("params[0]"));
    }
}
