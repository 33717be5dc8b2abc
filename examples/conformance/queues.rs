//! What the same worker does for a `DistWorker` controller.

use std::time::Duration;

use axon_worker::{QueueTask, RawJson, TaskContext, TaskError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::basic::Time;
use crate::trace::Trace;

type Answer = Result<Value, TaskError>;

#[derive(Deserialize)]
pub struct Pair {
    a: f64,
    b: f64,
}

/// `math.add`: typed input.
pub async fn add(pair: Pair, _: Trace) -> Answer {
    Ok(json!({ "sum": pair.a + pair.b }))
}

/// `slow.sleep`: tells four times how far it is, and ends at once when it is called off.
pub async fn sleep(time: Time, task: TaskContext, _: Trace) -> Answer {
    const PARTS: u32 = 4;
    let part: Duration = time.duration()? / PARTS;
    for done in 1..=PARTS {
        tokio::select! {
            () = tokio::time::sleep(part) => {}
            () = task.cancellation().cancelled() => return Err(TaskError::transient("woken up")),
        }
        let share = f64::from(done) / f64::from(PARTS);
        task.progress(share, format!("part {done} of {PARTS}"))
            .await;
    }
    Ok(json!({ "slept": time.seconds }))
}

#[derive(Deserialize)]
pub struct Fail {
    #[serde(default = "Fail::code")]
    code: String,
    #[serde(default = "Fail::message")]
    message: String,
}

impl Fail {
    fn code() -> String {
        "TRANSIENT_ERROR".to_owned()
    }

    fn message() -> String {
        "told to fail".to_owned()
    }
}

/// `fail.now`: fails like this.
pub async fn fail(how: Fail, _: Trace) -> Answer {
    Err(TaskError::new(how.code.as_str(), how.message))
}

/// `files.#`: the names of the files that the task came with.
pub async fn files(_: RawJson, task: QueueTask, _: Trace) -> Answer {
    let names: Vec<_> = task.files().iter().map(|file| file.name.as_str()).collect();
    Ok(json!({ "queue": task.queue(), "files": names }))
}
