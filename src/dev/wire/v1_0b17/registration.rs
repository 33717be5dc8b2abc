//! What is kept of a registration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{drop_nulls, read};

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
    }
}
