//! What the worker can do, told in full when it registers and by its hash afterwards.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::id::TaskName;
use crate::transport::rxon::security::{CanonicalError, skills_hash};
use crate::transport::{TaskEntry, WorkerCard};

/// All skills as one piece of JSON, and their hash.
#[derive(Debug, Clone)]
pub(in super::super) struct Catalogue {
    pub(super) skills: Box<RawValue>,
    pub(in super::super) hash: String,
}

#[derive(Serialize)]
struct Skill<'a> {
    name: &'a TaskName,
    /// Without a type of its own a skill is one of its own name.
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_schema: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_schema: Option<&'a Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    events_schema: &'a BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    output_statuses: &'a [String],
    #[serde(skip_serializing_if = "Map::is_empty")]
    properties: &'a Map<String, Value>,
}

impl<'a> From<&'a TaskEntry> for Skill<'a> {
    fn from(entry: &'a TaskEntry) -> Self {
        let contract = &*entry.contract;
        Self {
            name: &entry.name,
            kind: entry.kind.as_deref().unwrap_or(entry.name.as_str()),
            description: entry.description.as_deref(),
            version: contract.version.as_deref(),
            input_schema: contract.input.as_ref(),
            output_schema: contract.output.as_ref(),
            events_schema: &contract.events,
            output_statuses: &contract.output_statuses,
            properties: &contract.properties,
        }
    }
}

impl Catalogue {
    /// The catalogue of a worker.
    ///
    /// # Errors
    /// When a schema or property holds what cannot be signed.
    pub(in super::super) fn of(card: &WorkerCard) -> Result<Self, CanonicalError> {
        let skills: Vec<Skill<'_>> = card.tasks.iter().map(Skill::from).collect();
        let hash = skills_hash(&skills, &card.cost_per_skill, &card.extra)?;
        let skills =
            serde_json::value::to_raw_value(&skills).map_err(CanonicalError::unwritable)?;
        Ok(Self { skills, hash })
    }
}
