//! Models that stay in memory between tasks: loaded once, shared, and sent away when
//! others need the room. A capacity checker closes the worker for a while.
//!
//! ```sh
//! cargo run --example models
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axon_worker::config::Settings;
use axon_worker::models::Models;
use axon_worker::slot_policy::{CapacityChecker, MemoryLine};
use axon_worker::transport::Availability;
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{Outcome, TaskError, Worker};
use serde::Deserialize;

/// Stands for gigabytes that take a minute to read.
struct Dictionary(&'static str);

fn load(language: &str) -> Result<Dictionary, TaskError> {
    println!("  loading {language}");
    match language {
        "french" => Ok(Dictionary("bonjour")),
        "italian" => Ok(Dictionary("buongiorno")),
        "german" => Ok(Dictionary("guten Tag")),
        _ => Err(TaskError::permanent("there is no such dictionary")),
    }
}

#[derive(Deserialize)]
struct Greet {
    language: String,
}

async fn greet(params: Greet, models: Models<Dictionary>) -> Result<String, TaskError> {
    let dictionary = models.get(&params.language).await?;
    Ok(dictionary.0.to_owned())
}

#[actix_rt::main]
async fn main() -> axon_worker::Result<()> {
    // Each costs 1, so there is room for two of them.
    let models = Models::blocking(load)
        .budget(2)
        .on_evict_blocking(|name, _| println!("  {name} leaves"))
        .build();
    let open = Arc::new(AtomicBool::new(true));
    let is_open = open.clone();
    let checker = CapacityChecker::new(move || is_open.load(Ordering::Relaxed));
    let poke = checker.poke();

    let orchestrator = MemoryOrchestrator::new();
    let worker = Worker::builder("greeter")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .models(models)
        .slot_policy(checker)
        .slot_policy(MemoryLine::process_above(4 << 30))
        .task("greet", greet)
        .spawn()?;

    for language in ["french", "italian", "french", "german"] {
        let task = orchestrator.submit("greet", &serde_json::json!({ "language": language }));
        match orchestrator.result_of(&task).await.outcome {
            Outcome::Completed(reply) => println!("{language}: {}", reply.data().as_str()),
            other => println!("{language}: {other:?}"),
        }
    }
    open.store(false, Ordering::Relaxed);
    poke.now();
    let busy = orchestrator
        .report_where(|it| it.availability == Availability::Busy && it.hot_cache.len() == 2)
        .await;
    println!("busy, in memory: {}", busy.hot_cache.join(", "));
    println!("{}", worker.shutdown().await);
    Ok(())
}
