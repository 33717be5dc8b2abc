//! A task as a program gets it: one line of JSON, and variables.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use serde::Serialize;

use crate::json::RawJson;
use crate::task::{Attachment, TaskContext};

/// The longest value of a trace header that is passed on.
const LONGEST_HEADER: usize = 4096;

#[derive(Serialize)]
struct Line<'a> {
    task_id: &'a str,
    job_id: &'a str,
    name: &'a str,
    params: &'a RawJson,
    folder: &'a Path,
    priority: f64,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_attempts: Option<u32>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tracing_context: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawJson>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    files: &'a [Attachment],
}

/// The line that a process of a pool gets.
pub(crate) fn line(
    params: &RawJson,
    task: &TaskContext,
    folder: &Path,
) -> serde_json::Result<Bytes> {
    let deadline = task.deadline();
    let deadline = deadline.and_then(|at| Some(at.duration_since(UNIX_EPOCH).ok()?.as_secs_f64()));
    let mut line = serde_json::to_vec(&Line {
        task_id: task.task_id().as_str(),
        job_id: task.job_id().as_str(),
        name: task.name().as_str(),
        params,
        folder,
        priority: task.priority(),
        attempt: task.attempt(),
        max_attempts: task.max_attempts(),
        deadline,
        timeout: task.timeout().map(|limit| limit.as_secs_f64()),
        tracing_context: task.tracing_context(),
        metadata: task.metadata(),
        files: task.attachments(),
    })?;
    one_line(&mut line);
    line.push(b'\n');
    Ok(line.into())
}

/// JSON that came from elsewhere may be spread over lines. Line ends in texts are
/// escaped, so those that are left are white space.
fn one_line(json: &mut [u8]) {
    for byte in json.iter_mut().filter(|b| matches!(b, b'\n' | b'\r')) {
        *byte = b' ';
    }
}

/// What a program of one task finds in its environment.
pub(crate) fn variables(task: &TaskContext, folder: &Path) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("AXON_TASK_ID", task.task_id().to_string()),
        ("AXON_JOB_ID", task.job_id().to_string()),
        ("AXON_TASK_NAME", task.name().to_string()),
        ("AXON_TASK_FOLDER", folder.display().to_string()),
        ("AXON_TASK_ATTEMPT", task.attempt().to_string()),
    ];
    if let Some(most) = task.max_attempts() {
        variables.push(("AXON_TASK_MAX_ATTEMPTS", most.to_string()));
    }
    for (name, header) in [
        ("TRACEPARENT", "traceparent"),
        ("TRACESTATE", "tracestate"),
        ("BAGGAGE", "baggage"),
    ] {
        if let Some(value) = task.tracing_context().get(header)
            && value.len() <= LONGEST_HEADER
        {
            variables.push((name, value.clone()));
        }
    }
    // No environment can hold these.
    for (_, value) in &mut variables {
        value.retain(|c| c != '\0');
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_several_lines_become_one() {
        let mut json = "{\r\n \"a\": \"x\\ny\"\n}".to_owned().into_bytes();
        one_line(&mut json);
        assert_eq!(json, b"{   \"a\": \"x\\ny\" }");
    }
}
