//! A worker of a `DistWorker` controller: handlers by patterns of queue names, progress,
//! metadata and files.
//!
//! ```sh
//! cargo run --example distworker
//! ```
//!
//! runs against a controller in the same process. Against one of yours:
//!
//! ```sh
//! DISTWORKER_CONTROLLER_URL=http://localhost:8081 DISTWORKER_PROVISIONER=example \
//! DISTWORKER_WORKER_TOKEN=demo-token-123 cargo run --example distworker
//! ```

use std::time::Duration;

use axon_worker::dev::{DistController, DistOutcome, DistTask};
use axon_worker::{Attachment, QueueTask, RawJson, TaskContext, TaskError, Worker, WorkerBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Sum {
    operation: String,
    a: i64,
    b: i64,
}

/// All queues of `math.*`.
async fn math(sum: Sum) -> Result<Value, TaskError> {
    let result = match sum.operation.as_str() {
        "add" => sum.a + sum.b,
        "multiply" => sum.a * sum.b,
        unknown => {
            return Err(TaskError::transient(format!(
                "unknown operation: {unknown}"
            )));
        }
    };
    Ok(json!({ "result": result }))
}

/// Tells how far it is, in parts of 1; the controller sees percent. What follows within
/// a tenth of a second is left out, but for the last.
async fn count(_: RawJson, task: TaskContext) -> Result<Value, TaskError> {
    for (part, text) in [
        (0.25, "Processing started"),
        (0.5, "Half way done"),
        (0.9, "Almost finished"),
    ] {
        task.progress(part, text).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    Ok(json!({ "status": "completed" }))
}

/// Looks at what a task has beside its input.
async fn report(_: RawJson, task: QueueTask) -> Result<Value, TaskError> {
    let priority: Option<String> = task.metadata("priority")?;
    let first = task.files().first().map(|file| file.name.as_str());
    Ok(json!({ "priority": priority, "first": first }))
}

fn worker() -> WorkerBuilder {
    Worker::builder("math-worker")
        .queue("math.*", math)
        .queue("slow.count", count)
        .queue("files.#", report)
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::var_os("DISTWORKER_CONTROLLER_URL").is_some() {
        tracing_subscriber::fmt().init();
        return Ok(worker().run().await?);
    }
    let controller = DistController::start().await?;
    let running = worker().settings(controller.settings()).spawn()?;

    let math = |operation, a, b| {
        let input = json!({ "operation": operation, "a": a, "b": b });
        DistTask::new(&format!("math.{operation}"), &input)
    };
    let file = Attachment {
        id: "f1".to_owned(),
        name: "table.csv".to_owned(),
        ..Attachment::default()
    };
    let tasks = [
        math("add", 25, 17),
        math("multiply", 17, 23),
        math("divide", 1, 0),
        DistTask::new("slow.count", &json!({})),
        DistTask::new("files.report", &json!({}))
            .metadata(&json!({ "priority": "high" }))
            .file(file),
        DistTask::without_input("nobody/here"),
    ];
    for task in tasks {
        let id = controller.submit_task(task);
        let outcome = controller.outcome_of(&id).await;
        let view = controller
            .task(&id)
            .ok_or("the controller forgot its task")?;
        show(&view.queue, &view.progress, &outcome);
    }
    println!("unsent: {}", running.shutdown().await.unsent);
    Ok(())
}

fn show(queue: &str, progress: &[axon_worker::dev::DistProgress], outcome: &DistOutcome) {
    let steps: Vec<_> = progress
        .iter()
        .map(|step| format!("{} % {}", step.progress, step.message))
        .collect();
    if !steps.is_empty() {
        println!("{queue}: {}", steps.join(", "));
    }
    match outcome {
        DistOutcome::Completed(result) => println!("{queue}: {result}"),
        DistOutcome::Failed { code, message, .. } => println!("{queue}: {code}: {message}"),
        _ => {}
    }
}
