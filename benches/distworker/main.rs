//! Our worker and that of the Python SDK, on the same `DistWorker` controller: echo tasks,
//! one at a time. How long from assignment to result, how much processor time for a
//! task, how much memory. Prints; asserts nothing. See `docs/performance.md`.
//!
//! ```sh
//! ./bench distworker
//! ```
//!
//! Each worker is a process of its own, measured from outside, in turns. `floor` is no
//! worker but a bare loop round a socket: what controller and machine allow. `ours` has a
//! journal, as a worker with a `WORKER_ID` has; `journal off` has none. All tasks are submitted beforehand, so
//! that nobody waits for whoever submits; the one connection carries one at a time.
//! Without `--bench`, as under `cargo test`, it only shows that it works, and without the
//! package it leaves the SDK out.

#[allow(dead_code, unused_imports, reason = "each bench uses its part of it")]
#[path = "../shared/mod.rs"]
mod shared;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use axon_worker::config::JournalMode;
use axon_worker::dev::{DistController, DistOutcome};
use axon_worker::{RawJson, TaskError, Worker};
use serde_json::json;

use shared::bare_dist;
use shared::process::{Part, python, until_orphaned};
use shared::sheet::{Bound, Metric, Sheet, json as sheet_json};
use shared::stats::{mebibytes, median, number};
use shared::worker::distworker_settings;

const PROVISIONER: &str = "example";
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
const FLOOR: &str = "floor";
const OURS: &str = "ours";
const OURS_UNKEPT: &str = "ours, journal off";
const SDK: &str = "SDK 0.0.6";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, side, url] = arguments.as_slice()
        && flag == "--side"
    {
        return play(side, url);
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

/// Plays a measured worker.
fn play(side: &str, url: &str) -> Result<(), Failure> {
    if side == FLOOR {
        return Ok(bare_dist::run(url, PROVISIONER, TOKEN)?);
    }
    let folder = tempfile::tempdir_in(sheet_json::folder()?)?;
    let mut settings = distworker_settings(url, PROVISIONER, TOKEN);
    if side == OURS {
        settings.journal.mode = JournalMode::On;
        settings.journal.dir = Some(folder.path().to_owned());
    }
    let builder = Worker::builder("bench").settings(settings);
    let _worker = builder.queue("echo.any", echo).spawn()?;
    until_orphaned();
    Ok(())
}

async fn echo(input: RawJson) -> Result<RawJson, TaskError> {
    Ok(input)
}

fn start(side: &str, url: &str) -> std::io::Result<Part> {
    if side != SDK {
        return Part::start(&["--side", side, url]);
    }
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let script = project.join("tests/real/distworker_worker.py");
    let python = sdk_python().ok_or_else(|| std::io::Error::other("no Python SDK"))?;
    Part::spawn(
        Command::new(python)
            .arg(script)
            .args([url, PROVISIONER, TOKEN]),
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
            for side in [FLOOR, OURS, OURS_UNKEPT, SDK] {
                if has_sdk || side != SDK {
                    self.measure(&mut sheet, side).await?;
                }
            }
        }
        sheet.goal_ratio(CASE, MEDIAN, (OURS, SDK), Bound::AtMost(0.25));
        sheet.goal_ratio(CASE, CPU, (OURS, SDK), Bound::AtMost(0.15));
        sheet.goal_ratio(CASE, PEAK, (OURS, SDK), Bound::AtMost(0.4));
        sheet.note("the turnaround is from assignment to result, as the controller sees it");
        Ok(sheet)
    }

    async fn measure(&self, sheet: &mut Sheet, side: &str) -> Result<(), Failure> {
        let controller = DistController::start().await?;
        let mut worker = start(side, &controller.url())?;
        let connected = controller.connected(1);
        tokio::time::timeout(Duration::from_secs(30), connected).await?;
        done(&controller, self.warm_up).await?;
        let before = worker.usage()?;
        let took = done(&controller, self.tasks).await?;
        let after = worker.usage()?;
        let tasks = number(self.tasks as u64);
        sheet.add(CASE, side, MEDIAN, median(took));
        sheet.add(CASE, side, CPU, (after.cpu - before.cpu) * 1e6 / tasks);
        sheet.add(CASE, side, PEAK, mebibytes(after.peak));
        Ok(())
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
    let began = Instant::now();
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
