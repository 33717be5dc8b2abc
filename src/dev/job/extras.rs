//! What a job's tasks carry beside their parameters.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

/// The same for every task of a job.
#[derive(Debug, Clone)]
pub(crate) struct Extras {
    pub(crate) priority: f64,
    /// From the submission of the job on.
    pub(crate) deadline: Option<Duration>,
    pub(crate) metadata: Value,
    pub(crate) policy: Value,
    pub(crate) tracing: BTreeMap<String, String>,
    pub(crate) skill_version: Option<String>,
    pub(crate) skill_type: Option<String>,
}

impl Default for Extras {
    fn default() -> Self {
        Self {
            priority: 0.0,
            deadline: None,
            metadata: json!({}),
            policy: json!({}),
            tracing: BTreeMap::new(),
            skill_version: None,
            skill_type: None,
        }
    }
}
