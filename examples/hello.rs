//! A worker with one handler. It takes its orchestrator, token and name from the
//! environment:
//!
//! ```sh
//! ORCHESTRATOR_URL=http://localhost:8080 WORKER_TOKEN=secret cargo run --example hello
//! ```
//!
//! `LOG_LEVEL` and `LOG_FORMAT` say what it logs.

use axon_worker::{TaskContext, TaskError, Worker, logging};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Greet {
    name: String,
}

async fn greet(params: Greet, task: TaskContext) -> Result<Value, TaskError> {
    task.progress(0.5, "thinking of a greeting").await;
    Ok(json!({ "greeting": format!("Hello, {}!", params.name) }))
}

#[actix_rt::main]
async fn main() -> axon_worker::Result<()> {
    logging::init()?;
    Worker::builder("greeter")
        .task("greet", greet)
        .run_with_health_check()
        .await
}
