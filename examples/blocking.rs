//! Work that computes for long: a blocking function on a thread of its own, which
//! reports progress and stops when it is called off.
//!
//! ```sh
//! cargo run --example blocking
//! ```

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use axon_worker::dev::{DevOrchestrator, JobSpec};
use axon_worker::{TaskContext, TaskError, Worker, blocking};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Mine {
    text: String,
    /// How many zero bits the hash must begin with.
    zeros: u32,
}

/// Looks for a number that gives the text a rare hash.
fn mine(params: Mine, task: TaskContext) -> Result<Value, TaskError> {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    for number in 0_u64.. {
        // Nobody can stop a thread from outside, so it has to look.
        if number % 4096 == 0 {
            if task.is_cancelled() {
                return Err(TaskError::transient("called off"));
            }
            // How likely it was to be found by now.
            let expected = 2_f64.powi(params.zeros.cast_signed());
            let tried = f64::from(u32::try_from(number).unwrap_or(u32::MAX));
            task.progress_now(1.0 - (-tried / expected).exp(), format!("{number} tried"));
        }
        if hasher.hash_one((&params.text, number)).leading_zeros() >= params.zeros {
            return Ok(json!({ "number": number }));
        }
    }
    Err(TaskError::permanent("no number will do"))
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let orchestrator = DevOrchestrator::start().await?;
    let worker = Worker::builder("miner")
        .settings(orchestrator.worker_settings())
        .task("mine", blocking(mine))
        .spawn()?;

    let easy = JobSpec::task("mine", json!({"text": "hello", "zeros": 12}));
    let report = orchestrator.submit(easy).await?.finished().await;
    println!("12 zeros: {:?}, {}", report.state, report.data);

    let hopeless = JobSpec::task("mine", json!({"text": "hello", "zeros": 60}));
    let job = orchestrator.submit(hopeless).await?;
    // What the worker does not have yet cannot be called off.
    while worker.status().tasks.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    worker.cancel(job.id().as_str());
    let report = job.finished().await;
    println!("60 zeros: {:?}", report.state);

    println!("{:?}", worker.shutdown().await);
    Ok(())
}
