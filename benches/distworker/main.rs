//! Our worker and that of the Python SDK, on the same `DistWorker` controller: echo tasks,
//! one at a time. How long from assignment to result, how much processor time for a
//! task, how much memory. Prints; asserts nothing. See `docs/performance.md`.
//!
//! ```sh
//! ./test                            # once: makes .venv-distworker
//! cargo bench --bench distworker
//! ```
//!
//! Each worker is a process of its own, measured from outside, in turns. `floor` is no
//! worker but a bare loop round a socket: what controller and machine allow. `inline` is
//! ours with the handler on the control thread. All tasks are submitted beforehand, so
//! that nobody waits for whoever submits; the one connection carries one at a time.
//! Without `--bench`, as under `cargo test`, it only shows that it works, and without the
//! package it leaves the SDK out.

#[path = "../shared/bare_dist.rs"]
mod bare_dist;
#[allow(dead_code, reason = "each bench uses its part of it")]
#[path = "../shared/process.rs"]
mod process;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use axon_worker::dev::{DistController, DistOutcome};
use axon_worker::{RawJson, TaskError, Worker, inline};
use serde_json::json;

use process::Part;

const PROVISIONER: &str = "example";
const TOKEN: &str = "demo-token-123";
const SIDES: [&str; 4] = ["floor", "inline", "ours", "SDK"];
/// The place of the SDK among them.
const SDK: usize = 3;

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
    if let [flag, side, url] = arguments.as_slice()
        && flag == "--side"
    {
        return play(side, url);
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

/// Plays a measured worker.
fn play(side: &str, url: &str) -> Result<(), Failure> {
    if side == "floor" {
        return Ok(bare_dist::run(url, PROVISIONER, TOKEN)?);
    }
    let mut settings = axon_worker::config::Settings::default();
    settings.orchestrators.clear();
    settings.distworker.controller_url = Some(url.to_owned());
    settings.distworker.provisioner = String::from(PROVISIONER);
    settings.distworker.worker_token = TOKEN.into();
    let builder = Worker::builder("bench").settings(settings);
    let builder = match side {
        "inline" => builder.queue("echo.any", inline(echo)),
        _ => builder.queue("echo.any", echo),
    };
    let _worker = builder.spawn()?;
    process::until_orphaned();
    Ok(())
}

async fn echo(input: RawJson) -> Result<RawJson, TaskError> {
    Ok(input)
}

fn start(side: &str, url: &str) -> std::io::Result<Part> {
    if side != SIDES[SDK] {
        return Part::start(&["--side", side, url]);
    }
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let script = project.join("tests/real/distworker_worker.py");
    Part::spawn(
        Command::new(python())
            .arg(script)
            .args([url, PROVISIONER, TOKEN]),
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
        let sides = if has_sdk { &SIDES[..] } else { &SIDES[..SDK] };
        println!("echo tasks, one at a time");
        println!("round   side     turnaround (µs)   CPU per task (µs)   peak (MiB)");
        let mut all: [Vec<Measure>; SIDES.len()] = Default::default();
        for round in 1..=self.rounds {
            for (side, measures) in sides.iter().zip(&mut all) {
                let it = self.measure(side).await?;
                println!(
                    "{round:>5}   {side:<6} {:>17.0} {:>19.0} {:>12.1}",
                    it.median, it.cpu, it.peak
                );
                measures.push(it);
            }
        }
        if has_sdk {
            println!("\nto the SDK, median of the rounds (less is better):");
            println!("         turnaround   CPU per task   memory");
            println!("wanted         0.25           0.15     0.40");
            for (side, measures) in SIDES[..SDK].iter().zip(&all) {
                let ratio = |of: fn(&Measure) -> f64| {
                    let ratios = measures.iter().zip(&all[SDK]).map(|(a, b)| of(a) / of(b));
                    median(ratios.collect())
                };
                println!(
                    "{side:<6} {:>12.2} {:>14.2} {:>8.2}",
                    ratio(|m| m.median),
                    ratio(|m| m.cpu),
                    ratio(|m| m.peak)
                );
            }
        }
        Ok(())
    }

    async fn measure(&self, side: &str) -> Result<Measure, Failure> {
        let controller = DistController::start().await?;
        let mut worker = start(side, &controller.url())?;
        let connected = controller.connected(1);
        tokio::time::timeout(Duration::from_secs(30), connected).await?;
        done(&controller, self.warm_up).await?;
        let before = worker.usage()?;
        let took = done(&controller, self.tasks).await?;
        let after = worker.usage()?;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        Ok(Measure {
            median: median(took),
            cpu: (after.cpu - before.cpu) * 1e6 / self.tasks as f64,
            peak: after.peak as f64 / 1024.0,
        })
    }
}

/// So many tasks, one after the other: the microseconds of each from assignment to result.
async fn done(controller: &DistController, count: usize) -> Result<Vec<f64>, Failure> {
    let input =
        |number: usize| json!({ "number": number, "text": "two", "list": [1, 2.5, true, null] });
    let submitted = (0..count).map(|number| controller.submit("echo.any", &input(number)));
    let tasks: Vec<_> = submitted.collect();
    let last = tasks.last().ok_or("no tasks")?;
    let view = |task| controller.task(task).ok_or("the task is gone");
    let began = std::time::Instant::now();
    // Now and then: whoever waits for news is woken by every task.
    while view(last)?.outcome.is_none() {
        if began.elapsed() > Duration::from_mins(1) {
            return Err("the tasks do not end".into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = tasks.iter().map(|task| {
        let view = view(task)?;
        if !matches!(view.outcome, Some(DistOutcome::Completed(_))) {
            return Err(format!("an echo failed: {:?}", view.outcome).into());
        }
        let took = view.took.ok_or("it took no time")?;
        Ok(took.as_secs_f64() * 1e6)
    });
    took.collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
