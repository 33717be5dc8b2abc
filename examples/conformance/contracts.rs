//! Contracts, events, costs, and calls of other skills.

use axon_worker::{RawJson, Reply, TaskContext, TaskError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::trace::Trace;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Double {
    /// The number to double.
    n: u8,
    /// How many events to send.
    #[serde(default)]
    steps: u8,
}

#[derive(Serialize, JsonSchema)]
pub struct Doubled {
    /// Twice the number.
    doubled: u16,
}

#[derive(Serialize, JsonSchema)]
pub struct Step {
    row: u8,
}

/// Typed parameters, result and events.
pub async fn typed(params: Double, task: TaskContext, _: Trace) -> Result<Doubled, TaskError> {
    for row in 1..=params.steps {
        task.send_event("step", &Step { row }).await?;
    }
    Ok(Doubled {
        doubled: u16::from(params.n) * 2,
    })
}

#[derive(Deserialize)]
pub struct Telling {
    name: String,
    payload: Value,
    #[serde(default)]
    priority: f64,
}

/// Sends an event, and tells whether it went or why not.
pub async fn event(params: Telling, task: TaskContext, _: Trace) -> Result<Value, TaskError> {
    let Telling {
        name,
        payload,
        priority,
    } = params;
    let went = task.send_event_with_priority(&name, &payload, priority);
    Ok(match went.await {
        Ok(went) => json!({ "went": went }),
        Err(error) => json!({ "code": error.code().as_str(), "message": error.message() }),
    })
}

/// Breaks its contract.
pub async fn bad_output(_: RawJson, _: Trace) -> Result<Value, TaskError> {
    Ok(json!({ "doubled": "not a number" }))
}

#[derive(Deserialize)]
pub struct Spent {
    #[serde(default)]
    costs: Option<Value>,
    #[serde(default)]
    metadata: Option<Value>,
}

/// Replies with the costs and the metadata that are asked for.
pub async fn costly(params: Spent, _: Trace) -> Result<Reply, TaskError> {
    let mut reply = Reply::success(&json!({ "done": true }))?;
    if let Some(costs) = params.costs {
        reply = reply.with_costs(&costs)?;
    }
    if let Some(metadata) = params.metadata {
        reply = reply.with_metadata(&metadata)?;
    }
    Ok(reply)
}

#[derive(Deserialize)]
pub struct Asked {
    skill: String,
    #[serde(default)]
    params: Value,
}

/// Has a skill done by some other worker.
pub async fn call(params: Asked, task: TaskContext, _: Trace) -> Result<RawJson, TaskError> {
    task.call_skill(&params.skill, &params.params).await
}
