//! How many tasks a second go through the worker, compared with bare loops round
//! HTTP libraries and round sockets that do the same exchange of a poll and a result.
//! Prints; asserts nothing. See `docs/performance.md`.
//!
//! ```sh
//! cargo bench --bench throughput
//! ```
//!
//! `journal`, `interval` and `always` are the worker with a journal, by when that is forced
//! to the disk. Each side is a process of its own, measured from outside, in turns. Without
//! `--bench`, as under `cargo test`, it only shows that it works.

#[allow(dead_code, unused_imports, reason = "each bench uses its part of it")]
#[path = "../shared/mod.rs"]
mod shared;

use std::io;
use std::time::{Duration, Instant};

use axon_worker::config::JournalSync;
use shared::bare;
use shared::orchestrator::{ENDLESS, Orchestrator, Work, wait_until};
use shared::process::{Part, Usage, until_orphaned};
use shared::sheet::json;
use shared::stats::{mebibytes, median, number};
use shared::worker::{Shape, start_worker};

/// Loops, or open polls.
const WIDTH: usize = 16;
const SIDES: [&str; 7] = [
    "sockets", "awc", "worker", "journal", "interval", "always", "signing",
];

/// Of the second to the first: positions in `SIDES`.
const RATIOS: [(usize, usize); 5] = [(1, 2), (2, 3), (2, 4), (2, 5), (2, 6)];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, side, address] = arguments.as_slice()
        && flag == "--side"
    {
        return play(side, address);
    }
    let plan = if arguments.iter().any(|argument| argument == "--bench") {
        Plan {
            rounds: 7,
            warm_up: Duration::from_millis(700),
            window: Duration::from_secs(2),
        }
    } else {
        Plan {
            rounds: 1,
            warm_up: Duration::from_millis(100),
            window: Duration::from_millis(200),
        }
    };
    plan.run()?;
    Ok(())
}

fn play(side: &str, address: &str) -> Result<(), Box<dyn std::error::Error>> {
    if SIDES[2..].contains(&side) {
        // On the disk of the build, for temporary files may be in memory.
        let folder = tempfile::tempdir_in(json::folder()?)?;
        let has_journal = SIDES[3..6].contains(&side);
        let shape = Shape {
            journal: has_journal.then(|| folder.path().to_owned()),
            sync: match side {
                "interval" => JournalSync::Interval,
                "always" => JournalSync::Always,
                _ => JournalSync::Off,
            },
            signs: side == "signing",
            polls: Some(WIDTH),
            ..Shape::new(4 * WIDTH)
        };
        let _worker = start_worker(address, &shape)?;
        until_orphaned();
        return Ok(());
    }
    std::thread::spawn(|| {
        until_orphaned();
        std::process::exit(0);
    });
    match side {
        "awc" => bare::run_awc(address, WIDTH)?,
        "sockets" => bare::run_sockets(address, WIDTH)?,
        other => return Err(format!("there is no side {other:?}").into()),
    }
    Ok(())
}

struct Plan {
    rounds: usize,
    warm_up: Duration,
    window: Duration,
}

/// One side in one round.
#[derive(Clone, Copy)]
struct Measure {
    per_second: f64,
    /// Microseconds of processor time for a task.
    cpu: f64,
    /// The share of one core that the orchestrator took.
    orchestrator: f64,
    /// The most memory, MiB.
    peak: f64,
}

impl Plan {
    fn run(&self) -> io::Result<()> {
        println!("tasks per second and processor time per task, {WIDTH} at a time");
        print!("round");
        for side in SIDES {
            print!("{side:>9}");
        }
        for (base, side) in RATIOS {
            print!("  {}/{}", SIDES[side], SIDES[base]);
        }
        println!();
        let mut all: [Vec<Measure>; SIDES.len()] = Default::default();
        for round in 1..=self.rounds {
            for (side, measures) in SIDES.iter().zip(&mut all) {
                measures.push(self.measure(side)?);
            }
            let rate = |side: usize| all[side][round - 1].per_second;
            print!("{round:>5}");
            for side in 0..SIDES.len() {
                print!("{:>9.0}", rate(side));
            }
            for (base, side) in RATIOS {
                let width = SIDES[side].len() + SIDES[base].len() + 3;
                print!("{:>width$.2}", rate(side) / rate(base));
            }
            println!();
        }
        let ratios = |base: usize, side: usize, of: fn(&Measure) -> f64| {
            let pairs = all[base].iter().zip(&all[side]);
            median(pairs.map(|(base, side)| of(side) / of(base)))
        };
        println!("\nmedians      per second   µs/task   peak MiB   load of the orchestrator");
        for (side, measures) in SIDES.iter().zip(&all) {
            let of = |value: fn(&Measure) -> f64| median(measures.iter().map(value));
            println!(
                "{side:<12} {:>10.0} {:>9.1} {:>10.1} {:>25.0}%",
                of(|m| m.per_second),
                of(|m| m.cpu),
                of(|m| m.peak),
                of(|m| m.orchestrator) * 100.0,
            );
        }
        for (base, side) in RATIOS {
            println!(
                "{:<14} {:>8.2} {:>9.2}   (goal for tasks per second: at least 0.85)",
                format!("{}/{}", SIDES[side], SIDES[base]),
                ratios(base, side, |m| m.per_second),
                ratios(base, side, |m| m.cpu),
            );
        }
        Ok(())
    }

    fn measure(&self, side: &str) -> io::Result<Measure> {
        let orchestrator = Orchestrator::start(Work::of("noop", ENDLESS))?;
        let mut part = Part::start(&["--side", side, &orchestrator.address.to_string()])?;
        wait_until(
            &format!("a result of {side}"),
            Duration::from_secs(10),
            || Ok(orchestrator.results() > 0),
        )?;
        std::thread::sleep(self.warm_up);
        let look = |part: &mut Part| -> io::Result<_> {
            let ours = Usage::of_this_process()?.cpu;
            Ok((Instant::now(), orchestrator.results(), part.usage()?, ours))
        };
        let (began, results, usage, ours) = look(&mut part)?;
        std::thread::sleep(self.window);
        let (ended, later_results, later_usage, later_ours) = look(&mut part)?;
        let seconds = (ended - began).as_secs_f64();
        let tasks = number(later_results - results);
        let peak = mebibytes(later_usage.peak);
        Ok(Measure {
            per_second: tasks / seconds,
            cpu: (later_usage.cpu - usage.cpu) * 1e6 / tasks,
            orchestrator: (later_ours - ours) / seconds,
            peak,
        })
    }
}
