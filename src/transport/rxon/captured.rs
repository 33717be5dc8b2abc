//! What the tests of both dialects share: captured traffic, and the worker that was captured.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::config::Resources;
use crate::id::WorkerId;
use crate::transport::{Availability, Report, WorkerCard};

/// The exchanges of these captures with this method, whose target has the path where it
/// `fits`.
pub(super) fn exchanges(
    captures: &[Value],
    method: &str,
    path: &str,
    fits: fn(&str, &str) -> bool,
) -> Vec<Value> {
    let all = captures
        .iter()
        .flat_map(|capture| capture["exchanges"].as_array().unwrap());
    let found: Vec<_> = all
        .filter(|it| {
            let target = it["request"]["target"].as_str().unwrap();
            it["request"]["method"] == method && fits(target, path)
        })
        .cloned()
        .collect();
    assert!(!found.is_empty(), "{method} {path}");
    found
}

/// The worker, with no tasks.
pub(super) fn card(python: &str) -> WorkerCard {
    WorkerCard {
        worker_id: WorkerId::try_new("probe-worker-1").unwrap(),
        worker_type: "probe-worker".to_owned(),
        tasks: Vec::new(),
        resources: Resources::default(),
        installed_software: BTreeMap::from([("python".to_owned(), python.to_owned())]),
        installed_models: Vec::new(),
        cost_per_skill: BTreeMap::new(),
        skill_dependencies: BTreeMap::new(),
        max_concurrent_tasks: 10,
        storage_hash: None,
        hostname: "vm".to_owned(),
        ip_address: "127.0.0.1".to_owned(),
        extra: BTreeMap::new(),
        takes_commands: false,
    }
}

/// It has nothing to do.
pub(super) fn report() -> Report {
    Report {
        availability: Availability::Idle,
        available: Arc::new([]),
        running: Arc::new([]),
        hot_cache: Arc::new([]),
        hot_skills: Arc::new([]),
        usage: None,
    }
}

pub(super) fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}
