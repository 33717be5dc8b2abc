//! Our worker and that of the Python SDK, on the same `DistWorker` controller: echo tasks,
//! one at a time. How long from assignment to result, how much processor time for a
//! task, how much memory. Prints; asserts nothing. See `docs/performance.md`.
//!
//! ```sh
//! ./test                            # once: makes .venv-distworker
//! cargo bench --bench distworker
//! ```
//!
//! Each worker is a process of its own, measured from outside, in turns. Without
//! `--bench`, as under `cargo test`, it only shows that it works, and without the
//! package it leaves the SDK out.

#[allow(dead_code, reason = "each bench uses its part of it")]
#[path = "../shared/process.rs"]
mod process;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use axon_worker::dev::{DistController, DistOutcome};
use axon_worker::{RawJson, TaskError, Worker};
use serde_json::json;

use process::Part;

const TOKEN: &str = "demo-token-123";

type Failure = Box<dyn std::error::Error>;

struct Plan {
    rounds: usize,
    warm_up: usize,
    tasks: usize,
}

/// One worker in one round.
#[derive(Clone, Copy)]
struct Measure {
    /// Median from assignment to result, microseconds.
    median: f64,
    /// Microseconds of processor time for a task.
    cpu: f64,
    /// The most memory, MiB.
    peak: f64,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, url] = arguments.as_slice()
        && flag == "--worker"
    {
        return work(url);
    }
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let plan = if is_bench {
        Plan {
            rounds: 5,
            warm_up: 200,
            tasks: 3000,
        }
    } else {
        Plan {
            rounds: 1,
            warm_up: 5,
            tasks: 20,
        }
    };
    actix_rt::System::new().block_on(plan.run(is_bench))
}

/// Plays the measured worker.
fn work(url: &str) -> Result<(), Failure> {
    let mut settings = axon_worker::config::Settings::default();
    settings.orchestrators.clear();
    settings.distworker.controller_url = Some(url.to_owned());
    settings.distworker.provisioner = String::from("example");
    settings.distworker.worker_token = TOKEN.into();
    let _worker = Worker::builder("bench")
        .settings(settings)
        .queue("echo.any", echo)
        .spawn()?;
    process::until_orphaned();
    Ok(())
}

async fn echo(input: RawJson) -> Result<RawJson, TaskError> {
    Ok(input)
}

fn start_ours(url: &str) -> std::io::Result<Part> {
    Part::start(&["--worker", url])
}

fn start_sdk(url: &str) -> std::io::Result<Part> {
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let script = project.join("tests/real/distworker_worker.py");
    Part::spawn(
        Command::new(python())
            .arg(script)
            .args([url, "example", TOKEN]),
    )
}

fn python() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".venv-distworker/bin/python")
}

impl Plan {
    async fn run(&self, is_bench: bool) -> Result<(), Failure> {
        let has_sdk = python().exists();
        if !has_sdk && is_bench {
            return Err("the Python SDK is missing: run ./test, which installs it".into());
        }
        println!("echo tasks, one at a time: ours / SDK 0.0.6");
        println!("round      median of turnaround (µs)      CPU per task (µs)      peak (MiB)");
        let (mut ours, mut sdk) = (Vec::new(), Vec::new());
        for round in 1..=self.rounds {
            ours.push(self.measure(start_ours).await?);
            let mine = ours[round - 1];
            if !has_sdk {
                println!(
                    "{round:>5} {:>20.0} {:>20.0} {:>20.1}",
                    mine.median, mine.cpu, mine.peak
                );
                continue;
            }
            sdk.push(self.measure(start_sdk).await?);
            let theirs = sdk[round - 1];
            println!(
                "{round:>5} {:>14.0} / {:>6.0} {:>18.0} / {:>6.0} {:>12.1} / {:>5.1}",
                mine.median, theirs.median, mine.cpu, theirs.cpu, mine.peak, theirs.peak
            );
        }
        if !sdk.is_empty() {
            let ratio = |of: fn(&Measure) -> f64| {
                let ratios = ours.iter().zip(&sdk).map(|(a, b)| of(a) / of(b));
                median(ratios.collect())
            };
            println!("ratio, median of the rounds (less is better):");
            println!(
                "  turnaround   {:.2}  (wanted: at most 0.25)",
                ratio(|m| m.median)
            );
            println!(
                "  CPU per task {:.2}  (wanted: at most 0.15)",
                ratio(|m| m.cpu)
            );
            println!(
                "  memory       {:.2}  (wanted: at most 0.4)",
                ratio(|m| m.peak)
            );
        }
        Ok(())
    }

    async fn measure(
        &self,
        start: impl Fn(&str) -> std::io::Result<Part>,
    ) -> Result<Measure, Failure> {
        let controller = DistController::start().await?;
        let mut worker = start(&controller.url())?;
        let connected = controller.connected(1);
        tokio::time::timeout(Duration::from_secs(30), connected).await?;
        for number in 0..self.warm_up {
            one(&controller, number).await?;
        }
        let before = worker.usage()?;
        let mut took = Vec::with_capacity(self.tasks);
        for number in 0..self.tasks {
            took.push(one(&controller, number).await?.as_secs_f64() * 1e6);
        }
        let after = worker.usage()?;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        Ok(Measure {
            median: median(took),
            cpu: (after.cpu - before.cpu) * 1e6 / self.tasks as f64,
            peak: after.peak as f64 / 1024.0,
        })
    }
}

/// One task, from assignment to result.
async fn one(controller: &DistController, number: usize) -> Result<Duration, Failure> {
    let input = json!({ "number": number, "text": "two", "list": [1, 2.5, true, null] });
    let task = controller.submit("echo.any", &input);
    let ended = controller.outcome_of(&task);
    let outcome = tokio::time::timeout(Duration::from_secs(30), ended).await?;
    if !matches!(outcome, DistOutcome::Completed(_)) {
        return Err(format!("an echo failed: {outcome:?}").into());
    }
    let view = controller.task(&task).ok_or("the task is gone")?;
    view.took.ok_or_else(|| "it took no time".into())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
