//! What a handler takes and gives, in terms that can be told and checked.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The contract of a handler. All parts are optional; schemas are JSON Schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contract {
    /// Its version, for people and for dispatch rules.
    pub version: Option<String>,
    /// What the parameters look like.
    pub input: Option<Value>,
    /// What the data of a success looks like.
    pub output: Option<Value>,
    /// What the payloads of its events look like, by the name of the event. With at
    /// least one entry only these events and `progress` may be sent.
    pub events: BTreeMap<String, Value>,
    /// Statuses of its own that it may reply with.
    pub output_statuses: Vec<String>,
    /// Whatever else dispatch rules may look at.
    pub properties: Map<String, Value>,
}
