//! How many instructions a task costs that does nothing, in user space, as `callgrind`
//! counts them. Unlike time, that number does not depend on what else the machine does.
//! See `docs/performance.md`.
//!
//! ```sh
//! apt install valgrind
//! cargo bench --bench noop                       # all sides
//! cargo bench --bench noop -- worker             # one
//! cargo bench --bench noop -- worker profile.out # one, and its profile for callgrind_annotate
//! ```
//!
//! Each side is run twice under `callgrind`, with different numbers of tasks; the
//! difference is what the tasks have cost. The orchestrator is a process of its own and
//! not counted. Without `--bench`, as under `cargo test`, it only shows that it works.

#[allow(dead_code, unused_imports, reason = "each bench uses its part of it")]
#[path = "../shared/mod.rs"]
mod shared;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use axon_worker::dev::DistController;
use axon_worker::{RawJson, TaskError, Worker};
use serde_json::json;

use shared::orchestrator::{Orchestrator, Work};
use shared::worker::{Shape, distworker_settings, start_worker};
use shared::{bare, bare_dist};

/// Loops, or open polls.
const WIDTH: usize = 16;
const FEW: u64 = 500;
const MANY: u64 = 2500;
const PROVISIONER: &str = "example";
const TOKEN: &str = "demo-token-123";

/// Of each: its name, and what it is.
const SIDES: [(&str, &str); 5] = [
    ("awc", "RXON: the bare loop of `awc`"),
    ("worker", "RXON: the worker"),
    ("signing", "RXON: the worker, results signed"),
    ("dist-bare", "DistWorker: the bare loop"),
    ("dist", "DistWorker: the worker"),
];

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--orchestrator", count] => orchestrate(count.parse()?),
        ["--controller", count] => actix_rt::System::new().block_on(control(count.parse()?)),
        ["--side", side, count] => play(side, count),
        _ if arguments.contains(&"--bench") => {
            let mut wanted = arguments.into_iter().filter(|it| !it.starts_with("--"));
            bench(wanted.next(), wanted.next())
        }
        _ => SIDES.iter().try_for_each(|(side, _)| {
            let program = std::env::current_exe()?;
            let ended = Command::new(program)
                .args(["--side", side, "20"])
                .status()?;
            ended
                .success()
                .then_some(())
                .ok_or_else(|| format!("{side}: {ended}").into())
        }),
    }
}

fn bench(only: Option<&str>, profile: Option<&str>) -> Result<(), Failure> {
    println!("instructions in user space for a task that does nothing");
    for (side, about) in SIDES {
        if only.is_some_and(|only| only != side) {
            continue;
        }
        let few = counted(side, FEW, None)?;
        let many = counted(side, MANY, profile)?;
        let each = many.saturating_sub(few) / (MANY - FEW);
        println!("{side:<12} {each:>8}   {about}");
    }
    Ok(())
}

/// The instructions of a whole run.
fn counted(side: &str, count: u64, profile: Option<&str>) -> Result<u64, Failure> {
    let to = format!("--callgrind-out-file={}", profile.unwrap_or("/dev/null"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", &to])
        .arg(std::env::current_exe()?)
        .args(["--side", side, &count.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}; apt install valgrind"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, number) = line.ok_or_else(|| format!("callgrind counted nothing: {text}"))?;
    Ok(number.trim().parse()?)
}

/// Plays the orchestrator: says where it is, and that all its tasks are done.
fn orchestrate(count: u64) -> Result<(), Failure> {
    let orchestrator = Orchestrator::start(Work::of("noop", count))?;
    say(&orchestrator.address.to_string())?;
    while orchestrator.results() < count {
        std::thread::sleep(Duration::from_millis(2));
    }
    say("done")?;
    until_orphaned();
    Ok(())
}

async fn control(count: u64) -> Result<(), Failure> {
    let controller = DistController::start().await?;
    let input = json!({ "number": 1, "text": "two", "list": [1, 2.5, true, null] });
    let submitted = (0..count).map(|_| controller.submit("echo.any", &input));
    let tasks: Vec<_> = submitted.collect();
    say(&controller.url())?;
    for task in &tasks {
        while controller.task(task).is_none_or(|it| it.outcome.is_none()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    say("done")?;
    until_orphaned();
    Ok(())
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Waits until the program that started this one is gone.
fn until_orphaned() {
    drop(std::io::stdin().read_line(&mut String::new()));
}

/// Plays one side against an orchestrator of its own, until all tasks are done.
fn play(side: &str, count: &str) -> Result<(), Failure> {
    let role = if side.starts_with("dist") {
        "--controller"
    } else {
        "--orchestrator"
    };
    let mut child = Command::new(std::env::current_exe()?)
        .args([role, count])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let address = lines.next().ok_or("no address")??;
    let _worker = match side {
        "awc" => {
            std::thread::spawn(move || drop(bare::run_awc(&address, WIDTH)));
            None
        }
        "dist-bare" => {
            std::thread::spawn(move || drop(bare_dist::run(&address, PROVISIONER, TOKEN)));
            None
        }
        "dist" => Some(dist_worker(&address)?),
        _ => Some(start_worker(
            &address,
            &Shape {
                signs: side == "signing",
                polls: Some(WIDTH),
                ..Shape::new(4 * WIDTH)
            },
        )?),
    };
    let last = lines.next().ok_or("the orchestrator has ended")??;
    assert_eq!(last, "done");
    child.kill()?;
    child.wait()?;
    // At once: shutting down is not what is measured.
    std::process::exit(0)
}

fn dist_worker(url: &str) -> axon_worker::Result<axon_worker::WorkerHandle> {
    let settings = distworker_settings(url, PROVISIONER, TOKEN);
    let builder = Worker::builder("bench").settings(settings);
    builder.queue("echo.any", echo).spawn()
}

async fn echo(input: RawJson) -> Result<RawJson, TaskError> {
    Ok(input)
}
