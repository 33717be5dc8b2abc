//! What the players of captured traffic share.

use axon_worker::dev::JobSpec;
use serde_json::{Value, json};

/// The only step of a job like those of the captures.
pub(crate) fn step(tasks: &[&Value]) -> Value {
    let transitions = json!({"success": "finished", "needs_review": "review",
        "needs_manual_review": "review"});
    let task = |task: &&Value| json!({"task": task["type"], "params": task["params"]});
    match tasks {
        [single] => {
            let mut step = task(single);
            step["transitions"] = transitions;
            step
        }
        several => {
            let tasks: Vec<Value> = several.iter().map(task).collect();
            json!({"parallel": tasks, "transitions": transitions})
        }
    }
}

/// A job of one step, called `start`.
pub(crate) fn job_of(step: Value) -> JobSpec {
    JobSpec::from_json(json!({"start": "start", "steps": {"start": step}})).unwrap()
}

/// The exchanges that were answered, in the order of the answers; a poll gets its task
/// before anything follows from it.
pub(crate) fn by_answer(capture: &Value) -> Vec<&Value> {
    let exchanges = capture["exchanges"].as_array().unwrap();
    let mut exchanges: Vec<&Value> = exchanges
        .iter()
        .filter(|exchange| !exchange["response"].is_null())
        .collect();
    let time = |exchange: &Value| exchange["t_response"].as_f64().unwrap();
    let is_poll = |exchange: &Value| exchange["request"]["method"] == "GET";
    exchanges.sort_by(|a, b| {
        time(a)
            .total_cmp(&time(b))
            .then(is_poll(a).cmp(&is_poll(b)))
    });
    exchanges
}
