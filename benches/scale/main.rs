//! How much one worker process holds, and how a thousand workers treat one
//! orchestrator. Real workers on a paused clock, and orchestrators in memory: hours pass
//! in seconds. Prints; the tests in `tests/scale.rs` assert. See `docs/performance.md`.
//!
//! ```sh
//! cargo bench --bench scale              # seed 1
//! cargo bench --bench scale -- 7         # another seed
//! ```
//!
//! Each part is a process of its own, so that its memory is its own. Without `--bench`, as
//! under `cargo test`, it only shows that it works.

#![allow(unreachable_pub, reason = "one program in several files")]

mod herd;
mod holds;
#[allow(dead_code, reason = "each bench uses its part of it")]
#[path = "../shared/process.rs"]
mod process;

use std::process::Command;
use std::time::{Duration, Instant};

use axon_worker::transport::memory::Call;
use herd::{Herd, Seen};
use holds::Hour;
use process::Usage;

const PARTS: [&str; 4] = ["tasks", "orchestrators", "herd", "herd-away-at-start"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, part, size, seed] = arguments.as_slice()
        && flag == "--part"
    {
        return run(part, size.parse()?, seed.parse()?);
    }
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let seed = arguments.iter().find(|it| it.parse::<u64>().is_ok());
    for part in PARTS {
        let size = match (part, is_bench) {
            ("tasks", true) => 10_000,
            ("orchestrators", true) => 100,
            (_, true) => 1_000,
            (_, false) => 10,
        };
        let mut child = Command::new(std::env::current_exe()?);
        child.args(["--part", part, &size.to_string()]);
        child.arg(seed.map_or("1", String::as_str));
        if !child.status()?.success() {
            return Err(format!("part {part} failed").into());
        }
    }
    Ok(())
}

fn run(part: &str, size: usize, seed: u64) -> Result<(), Box<dyn std::error::Error>> {
    let began = Instant::now();
    let system = actix_rt::System::new();
    fastrand::seed(seed);
    let herd = Herd {
        seed,
        ..Herd::of(size)
    };
    let before = Usage::of_this_process()?;
    let mut full = Usage::default();
    let look = || full = Usage::of_this_process().unwrap_or_default();
    match part {
        "tasks" => {
            let hour = system.block_on(holds::tasks(size, look));
            show_hour(&format!("{size} tasks asleep"), &hour, &before, &full);
        }
        "orchestrators" => {
            let hour = system.block_on(holds::orchestrators(size, look));
            show_hour(&format!("{size} orchestrators"), &hour, &before, &full);
        }
        "herd" => show(&system.block_on(herd.run())),
        _ => {
            let calm = Duration::ZERO;
            show(&system.block_on(Herd { calm, ..herd }.run()));
        }
    }
    let (usage, real) = (Usage::of_this_process()?, began.elapsed());
    println!(
        "  simulated in {real:.1?}, {:.1} s of processor time\n",
        usage.cpu
    );
    Ok(())
}

fn show_hour(what: &str, hour: &Hour, before: &Usage, full: &Usage) {
    println!("{what}, one hour:");
    println!(
        "  {} heartbeats, {} polls, {} other requests; at most {} tasks at once",
        hour.heartbeats, hour.polls, hour.others, hour.running
    );
    let grown = full.resident.saturating_sub(before.resident);
    println!(
        "  {} KiB resident, {grown} KiB more than before the worker, orchestrators included",
        full.resident
    );
}

fn show(seen: &Seen) {
    const SECOND: Duration = Duration::from_secs(1);
    let (herd, late) = (seen.herd, 30 * SECOND);
    println!(
        "{} workers; the orchestrator is away from {:?} on for {:?} and forgets them; {} registered at the end",
        herd.workers, herd.calm, herd.outage, seen.known
    );
    let (registrations, beats, polls) = ([Call::Register], [Call::Heartbeat], [Call::Poll]);
    let all = [Call::Register, Call::Heartbeat, Call::Probe, Call::Poll];
    let end = seen.back() + herd.after;
    let mut rows: Vec<(&str, &[Call], Duration, Duration)> = Vec::new();
    if !herd.calm.is_zero() {
        rows.push((
            "at start: registrations",
            &registrations,
            Duration::ZERO,
            SECOND,
        ));
        rows.push((
            "before: heartbeats, 30 s",
            &beats,
            herd.calm.saturating_sub(late),
            late,
        ));
        rows.push((
            "before: polls, 30 s",
            &polls,
            herd.calm.saturating_sub(late),
            late,
        ));
    }
    rows.extend([
        ("away: all, first second", &all[..], herd.calm, SECOND),
        (
            "away: all, after that",
            &all[..],
            herd.calm + SECOND,
            herd.outage.saturating_sub(SECOND),
        ),
        (
            "back: registrations",
            &registrations[..],
            seen.back(),
            herd.after,
        ),
        ("back: all, 30 s", &all[..], seen.back(), late),
        (
            "later: heartbeats, 30 s",
            &beats[..],
            end.saturating_sub(late),
            late,
        ),
        (
            "later: polls, 30 s",
            &polls[..],
            end.saturating_sub(late),
            late,
        ),
    ]);
    for (what, calls, from, length) in rows {
        let spread = seen.spread(calls, from, length);
        println!(
            "  {what:26} {:6} in all, {:6.1} per 100 ms, {:4} at most, the last after {:.1?}",
            spread.total(),
            spread.mean(),
            spread.peak(),
            spread.until()
        );
    }
    if !herd.calm.is_zero() {
        println!(
            "  longest silence of a worker before: {:.3?}",
            seen.longest_silence()
        );
    }
    println!("  registrations per 100 ms from the return on:");
    let back = seen.spread(&registrations, seen.back(), herd.after);
    let until = back.counts.len().min(60);
    for line in back.counts[..until].chunks(20) {
        let line: Vec<String> = line.iter().map(|count| format!("{count:3}")).collect();
        println!("   {}", line.join(" "));
    }
}
