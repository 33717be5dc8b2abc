//! Values, errors, time and progress.

use std::time::{Duration, Instant};

use axon_worker::{RawJson, Reply, TaskContext, TaskError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::trace::Trace;

type Answer = Result<Value, TaskError>;

/// The parameters come back as they are.
pub async fn echo(params: RawJson, _: Trace) -> Result<RawJson, TaskError> {
    Ok(params)
}

/// Nothing at all.
pub async fn noop(_: RawJson, _: Trace) -> Result<(), TaskError> {
    Ok(())
}

#[derive(Deserialize)]
pub struct Add {
    a: i64,
    b: i64,
}

/// Typed parameters.
pub async fn add(Add { a, b }: Add, _: Trace) -> Answer {
    let sum = a
        .checked_add(b)
        .ok_or_else(|| TaskError::invalid_input("the sum is too large"))?;
    Ok(json!({ "sum": sum }))
}

#[derive(Deserialize)]
pub struct Time {
    pub seconds: f64,
}

impl Time {
    pub fn duration(&self) -> Result<Duration, TaskError> {
        Duration::try_from_secs_f64(self.seconds)
            .map_err(|error| TaskError::invalid_input(format!("field `seconds`: {error}")))
    }
}

/// Waits, and ends at once when it is called off.
pub async fn sleep(time: Time, task: TaskContext, _: Trace) -> Answer {
    tokio::select! {
        () = tokio::time::sleep(time.duration()?) => Ok(json!({ "slept": time.seconds })),
        () = task.cancellation().cancelled() => Err(TaskError::transient("woken up")),
    }
}

/// Burns a thread, looking now and then whether it should stop.
pub fn spin(time: Time, task: TaskContext, _: Trace) -> Answer {
    let end = Instant::now() + time.duration()?;
    while Instant::now() < end && !task.is_cancelled() {
        std::hint::spin_loop();
    }
    Ok(json!({ "spun": time.seconds }))
}

/// Behaves badly: blocks the thread of an async handler.
pub async fn block(time: Time, _: Trace) -> Answer {
    std::thread::sleep(time.duration()?);
    Ok(json!({ "blocked": time.seconds }))
}

#[derive(Deserialize)]
pub struct Fail {
    code: String,
    message: String,
}

/// Fails with the code that is asked for.
pub async fn fail(params: Fail, _: Trace) -> Answer {
    Err(TaskError::new(params.code.as_str(), params.message))
}

#[derive(Deserialize)]
pub struct Message {
    message: String,
}

/// Panics.
pub async fn panic(params: Message, _: Trace) -> Answer {
    panic!("{}", params.message)
}

#[derive(Deserialize)]
pub struct Status {
    status: String,
    #[serde(default)]
    data: Value,
}

/// Replies with the status that is asked for.
pub async fn status(params: Status, _: Trace) -> Result<Reply, TaskError> {
    Reply::status_with(params.status, &params.data)
}

#[derive(Deserialize)]
pub struct Steps {
    steps: u32,
    delay: f64,
}

/// Reports progress after each step.
pub async fn progress(params: Steps, task: TaskContext, _: Trace) -> Answer {
    let delay = Time {
        seconds: params.delay,
    }
    .duration()?;
    for step in 1..=params.steps {
        tokio::time::sleep(delay).await;
        let done = f64::from(step) / f64::from(params.steps);
        task.progress(done, format!("step {step}/{}", params.steps))
            .await;
    }
    Ok(json!({ "steps_completed": params.steps }))
}

/// The task as the handler sees it.
pub async fn info(_: RawJson, task: TaskContext, _: Trace) -> Answer {
    Ok(json!({
        "task_id": task.task_id(),
        "job_id": task.job_id(),
        "priority": task.priority(),
        "tracing_context": task.tracing_context(),
    }))
}
