//! How much memory a worker needs, and how often it wakes up: idle with an open
//! poll, and with many tasks that sleep. Prints; asserts nothing but that all
//! tasks end. See `docs/performance.md`.
//!
//! ```sh
//! cargo bench --bench footprint
//! ```
//!
//! The worker is a process of its own, looked at from outside. Without `--bench`,
//! as under `cargo test`, it only shows that it works.

#[allow(dead_code, unused_imports, reason = "each bench uses its part of it")]
#[path = "../shared/mod.rs"]
mod shared;

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use shared::orchestrator::{Orchestrator, Work, wait_until};
use shared::process::{Part, Usage, until_orphaned};
use shared::stats::mebibytes;
use shared::worker::{Shape, start_worker};

/// For as long as anything may take.
const LONG: Duration = Duration::from_mins(2);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, address, slots] = arguments.as_slice()
        && flag == "--worker"
    {
        let shape = Shape {
            polls: Some(16),
            ..Shape::new(slots.parse()?)
        };
        let _worker = start_worker(address, &shape)?;
        until_orphaned();
        return Ok(());
    }
    let seconds = Duration::from_secs;
    if arguments.iter().any(|argument| argument == "--bench") {
        idle(seconds(2), seconds(60))?;
        sleeping(1_000, seconds(5), "goal: at most 40 MiB")?;
        sleeping(10_000, seconds(15), "no goal")?;
    } else {
        idle(Duration::from_millis(200), Duration::from_millis(200))?;
        sleeping(100, Duration::from_millis(500), "a trial")?;
    }
    Ok(())
}

fn start(orchestrator: &Orchestrator, slots: usize) -> io::Result<Part> {
    let address = orchestrator.address.to_string();
    Part::start(&["--worker", &address, &slots.to_string()])
}

/// A worker with default slots and nothing to do, looked at for a while.
fn idle(settle: Duration, watch: Duration) -> io::Result<()> {
    let orchestrator = Orchestrator::start(Work::of("sleep", 0))?;
    let mut part = start(&orchestrator, 10)?;
    let asked = || {
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let counts = orchestrator.counts();
        (count(&counts.polls), count(&counts.beats))
    };
    wait_until("a poll", LONG, || Ok(asked().0 > 0))?;
    std::thread::sleep(settle);
    let (before, (polls, beats)) = (part.usage()?, asked());
    std::thread::sleep(watch);
    let (after, (later_polls, later_beats)) = (part.usage()?, asked());
    println!(
        "idle: {:.1} MiB resident after {settle:?} (goal: at most 15 MiB), {:.1} at most",
        mebibytes(after.resident),
        mebibytes(after.peak),
    );
    let cpu = (after.cpu - before.cpu) * 1e3;
    println!("idle for {watch:?}: {cpu:.1} ms of processor time, woken up by thread:");
    for ((name, later), (_, sooner)) in after.wakes.iter().zip(&before.wakes) {
        println!("  {name:<16} {}", later - sooner);
    }
    println!(
        "  in that time: {} heartbeats, {} new polls",
        later_beats - beats,
        later_polls - polls
    );
    Ok(())
}

/// As many tasks as slots, all asleep at once.
fn sleeping(tasks: usize, nap: Duration, goal: &str) -> io::Result<()> {
    let supply = tasks as u64;
    let params = format!(r#"{{"seconds": {}}}"#, nap.as_secs_f64());
    let orchestrator = Orchestrator::start(Work::of("sleep", supply).with_params(params))?;
    let mut part = start(&orchestrator, tasks)?;
    let given = || orchestrator.counts().tasks.load(Ordering::Relaxed);
    let began = Instant::now();
    wait_until("all tasks taken in", LONG, || Ok(given() == supply))?;
    let taken_in = began.elapsed();
    // The last ones are on their way to their threads.
    std::thread::sleep(nap.saturating_sub(taken_in) / 2);
    let (ended, usage): (u64, Usage) = (orchestrator.results(), part.usage()?);
    println!(
        "{tasks} tasks asleep: {:.1} MiB resident ({goal}); taken in within {taken_in:.1?}, {ended} of them ended before the look",
        mebibytes(usage.resident),
    );
    wait_until("all tasks ended", LONG, || {
        Ok(orchestrator.results() == supply)
    })?;
    println!(
        "  all ended after {:.1?}; {:.1} MiB at most",
        began.elapsed(),
        mebibytes(part.usage()?.peak)
    );
    Ok(())
}
