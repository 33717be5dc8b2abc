//! Our worker and that of the Python SDK, on the same `DistWorker` controller: echo tasks,
//! one at a time. How long from assignment to result, how much processor time for a
//! task, how much memory. Prints; asserts nothing. See `docs/performance.md`.
//!
//! ```sh
//! ./bench distworker
//! ```
//!
//! Each worker is a process of its own, measured from outside, in turns. Without
//! `--bench`, as under `cargo test`, it only shows that it works, and without the
//! package it leaves the SDK out.

#[allow(dead_code, unused_imports, reason = "each bench uses its part of it")]
#[path = "../shared/mod.rs"]
mod shared;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use axon_worker::dev::{DistController, DistOutcome};
use axon_worker::{RawJson, TaskError, Worker};
use serde_json::json;

use shared::process::{Part, python, until_orphaned};
use shared::sheet::{Bound, Metric, Sheet};
use shared::stats::{mebibytes, median, number};

const TOKEN: &str = "demo-token-123";

type Failure = Box<dyn std::error::Error>;

struct Plan {
    rounds: usize,
    warm_up: usize,
    tasks: usize,
}

const MEDIAN: Metric = Metric::new("turnaround", "µs, median");
const CPU: Metric = Metric::new("processor", "µs/task");
const PEAK: Metric = Metric::new("peak memory", "MiB");
const CASE: &str = "echo, one at a time";
const OURS: &str = "ours";
const SDK: &str = "SDK 0.0.6";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, url] = arguments.as_slice()
        && flag == "--worker"
    {
        return work(url);
    }
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let (rounds, warm_up, tasks) = match (has("--bench"), has("quick")) {
        (true, false) => (5, 200, 3000),
        (true, true) => (2, 100, 1000),
        (false, _) => (1, 5, 20),
    };
    let plan = Plan {
        rounds,
        warm_up,
        tasks,
    };
    let sheet = actix_rt::System::new().block_on(plan.run(has("--bench")))?;
    sheet.print();
    if has("--bench") {
        sheet.print_goals();
        sheet.write()?;
    }
    Ok(())
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
    until_orphaned();
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
    let python = sdk_python().ok_or_else(|| std::io::Error::other("no Python SDK"))?;
    Part::spawn(
        Command::new(python)
            .arg(script)
            .args([url, "example", TOKEN]),
    )
}

fn sdk_python() -> Option<PathBuf> {
    python(&[".venv-distworker"])
}

impl Plan {
    async fn run(&self, is_bench: bool) -> Result<Sheet, Failure> {
        let has_sdk = sdk_python().is_some();
        if !has_sdk && is_bench {
            return Err("the Python SDK is missing: run ./bench, which installs it".into());
        }
        let mut sheet = Sheet::new("distworker", "DistWorker: echo tasks, one at a time");
        for round in 1..=self.rounds {
            println!("  {CASE}: round {round} of {}", self.rounds);
            self.measure(&mut sheet, OURS, start_ours).await?;
            if has_sdk {
                self.measure(&mut sheet, SDK, start_sdk).await?;
            }
        }
        sheet.goal_ratio(CASE, MEDIAN, (OURS, SDK), Bound::AtMost(0.25));
        sheet.goal_ratio(CASE, CPU, (OURS, SDK), Bound::AtMost(0.15));
        sheet.goal_ratio(CASE, PEAK, (OURS, SDK), Bound::AtMost(0.4));
        sheet.note("the turnaround is from assignment to result, as the controller sees it");
        Ok(sheet)
    }

    async fn measure(
        &self,
        sheet: &mut Sheet,
        side: &str,
        start: impl Fn(&str) -> std::io::Result<Part>,
    ) -> Result<(), Failure> {
        let controller = DistController::start().await?;
        let mut worker = start(&controller.url())?;
        let connected = controller.connected(1);
        tokio::time::timeout(Duration::from_secs(30), connected).await?;
        for nth in 0..self.warm_up {
            one(&controller, nth).await?;
        }
        let before = worker.usage()?;
        let mut took = Vec::with_capacity(self.tasks);
        for nth in 0..self.tasks {
            took.push(one(&controller, nth).await?.as_secs_f64() * 1e6);
        }
        let after = worker.usage()?;
        let tasks = number(self.tasks as u64);
        sheet.add(CASE, side, MEDIAN, median(took));
        sheet.add(CASE, side, CPU, (after.cpu - before.cpu) * 1e6 / tasks);
        sheet.add(CASE, side, PEAK, mebibytes(after.peak));
        Ok(())
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
