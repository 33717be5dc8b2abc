//! Doors for the fuzz targets, which are not part of the API.

use bytes::Bytes;

use crate::{OrchestratorId, Task};

/// Reads the answer to a poll.
#[must_use]
pub fn read_task(body: &Bytes) -> Option<Task> {
    crate::transport::rxon::read_task(OrchestratorId(0), body)
}

/// Reads the same bytes as every other answer.
pub fn read_answers(body: &Bytes) {
    crate::transport::rxon::read_answers(body);
}

/// Finds the objects that parameters name; the local names that they get. `None`: the
/// parameters are refused.
#[must_use]
pub fn local_names(params: &crate::RawJson, metadata: &crate::RawJson) -> Option<Vec<String>> {
    let plan = crate::storage::plan_of(params, Some(metadata)).ok()?;
    Some(plan.names().map(str::to_owned).collect())
}
