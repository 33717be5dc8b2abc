//! A handler with state: an actor that loads a model once and keeps it from task to
//! task. A panic throws the state away, and the next task gets a fresh one.
//!
//! ```sh
//! cargo run --example stateful
//! ```

use std::collections::HashMap;

use axon_worker::dev::{DevOrchestrator, JobSpec};
use axon_worker::{TaskContext, TaskError, TaskHandler, Worker, actor};
use serde::{Deserialize, Serialize};
use serde_json::json;

const WEIGHTS: &str = "good=1,great=2,bad=-1,awful=-2";

/// Stands for something that takes gigabytes and a minute to load.
struct Mood {
    words: HashMap<&'static str, i32>,
    asked: u32,
}

impl Mood {
    fn load() -> Result<Self, TaskError> {
        println!("  loading the model");
        let mut words = HashMap::new();
        for (word, mood) in WEIGHTS.split(',').filter_map(|part| part.split_once('=')) {
            words.insert(word, mood.parse()?);
        }
        Ok(Self { words, asked: 0 })
    }
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Answer {
    mood: i32,
    asked: u32,
}

impl TaskHandler for Mood {
    type Params = Text;
    type Output = Answer;

    async fn handle(&mut self, params: Text, task: TaskContext) -> Result<Answer, TaskError> {
        // Orchestrators prefer workers that have the model in memory.
        task.hot_cache().add("mood-v1").await;
        assert!(!params.text.is_empty(), "nobody thought of empty texts");
        self.asked += 1;
        let words = params.text.split_whitespace();
        Ok(Answer {
            mood: words.filter_map(|word| self.words.get(word)).sum(),
            asked: self.asked,
        })
    }
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A task that fails in a way that may pass would be tried again.
    let orchestrator = DevOrchestrator::builder().max_retries(0).start().await?;
    let worker = Worker::builder("moods")
        .settings(orchestrator.worker_settings())
        .task("mood", actor(Mood::load))
        .skill_dependency("mood", ["mood-v1"])
        .spawn()?;

    for text in ["a great day", "bad weather", "", "good again"] {
        println!("{text:?}");
        let job = JobSpec::task("mood", json!({ "text": text }));
        let report = orchestrator.submit(job).await?.finished().await;
        match report.error {
            None => println!("  {}", report.data),
            Some(error) => println!("  {:?}: {error}", report.state),
        }
    }
    println!("{:?}", worker.shutdown().await);
    Ok(())
}
