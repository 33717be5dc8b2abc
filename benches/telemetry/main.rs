//! What logs, metrics and traces cost a worker that does nothing else. Prints; asserts
//! nothing. See `docs/performance.md`.
//!
//! ```sh
//! cargo bench --bench telemetry
//! ```
//!
//! Each side is a process of its own, measured from outside, in turns. Without
//! `--bench`, as under `cargo test`, it only shows that it works.

#[allow(dead_code, unused_imports, reason = "each bench uses its part of it")]
#[path = "../shared/mod.rs"]
mod shared;

use std::io;
use std::time::{Duration, Instant};

use axon_worker::config::{OrchestratorSettings, RxonVersion, Sampler, Settings};
use axon_worker::{RawJson, TaskError, Worker, logging};
use shared::orchestrator::{ENDLESS, Orchestrator, Work, wait_until};
use shared::process::{Part, Usage, until_orphaned};
use shared::stats::number;

/// Open polls.
const WIDTH: usize = 16;
const SIDES: [(&str, &str); 5] = [
    ("nothing", "no metrics, no subscriber"),
    ("metrics", "metrics, no subscriber"),
    ("log", "metrics, and a log at `info`"),
    ("sampled", "the same, and one trace in a hundred exported"),
    ("traces", "the same, and every trace exported"),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, side, address] = arguments.as_slice()
        && flag == "--side"
    {
        return play(side, address);
    }
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let (rounds, warm_up, window) = if is_bench {
        (9, 700, 2000)
    } else {
        (1, 50, 100)
    };
    let [warm_up, window] = [warm_up, window].map(Duration::from_millis);
    let mut all: [Vec<Measure>; SIDES.len()] = Default::default();
    for _ in 0..rounds {
        for ((side, _), measures) in SIDES.iter().zip(&mut all) {
            measures.push(measure(side, warm_up, window)?);
        }
    }
    show(&all);
    Ok(())
}

fn show(all: &[Vec<Measure>]) {
    println!(
        "no-op tasks, {WIDTH} polls; ratios to `nothing`, medians of {} rounds\n",
        all[0].len()
    );
    println!("          tasks/s   ratio     µs/task   ratio   lowest to highest");
    for ((side, what), measures) in SIDES.iter().zip(all) {
        let ratios = |of: fn(&Measure) -> f64| {
            let pairs = measures.iter().zip(&all[0]);
            sorted(pairs.map(|(it, base)| of(it) / of(base)))
        };
        let rates = ratios(|it| it.per_second);
        let costs = ratios(|it| it.cpu);
        println!(
            "{side:<8} {:>8.0} {:>7.3} {:>11.2} {:>7.3}   {:.3} to {:.3}   {what}",
            middle(&sorted(measures.iter().map(|it| it.per_second))),
            middle(&rates),
            middle(&sorted(measures.iter().map(|it| it.cpu))),
            middle(&costs),
            costs.first().unwrap_or(&f64::NAN),
            costs.last().unwrap_or(&f64::NAN),
        );
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn middle(values: &[f64]) -> f64 {
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

async fn noop(_: RawJson) -> Result<(), TaskError> {
    Ok(())
}

/// The worker, until the bench ends it. The orchestrator says yes to everything, so it can
/// be the collector as well.
fn play(side: &str, address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let url = format!("http://{address}");
    let mut settings = Settings::default();
    settings.orchestrators = vec![OrchestratorSettings::new(url.clone(), "token-of-the-bench")];
    settings.orchestrators[0].rxon_version = RxonVersion::V1_0b2;
    settings.intake.max_concurrent_tasks = 4 * WIDTH;
    settings.intake.max_open_polls = WIDTH;
    if side == "sampled" || side == "traces" {
        settings.otlp.endpoint = Some(url);
    }
    if side == "sampled" {
        settings.otlp.sampler = Sampler::ParentOrRatio;
        settings.otlp.sampler_ratio = 0.01;
    }
    if side != "nothing" && side != "metrics" {
        logging::init_with(&settings)?;
    }
    let mut worker = Worker::builder("bench")
        .settings(settings)
        .task("noop", noop);
    if side == "nothing" {
        worker = worker.without_metrics();
    }
    let _worker = worker.spawn()?;
    until_orphaned();
    Ok(())
}

/// One side in one round.
#[derive(Clone, Copy)]
struct Measure {
    per_second: f64,
    /// Microseconds of processor time for a task.
    cpu: f64,
}

fn measure(side: &str, warm_up: Duration, window: Duration) -> io::Result<Measure> {
    let orchestrator = Orchestrator::start(Work::of("noop", ENDLESS))?;
    let mut part = Part::start(&["--side", side, &orchestrator.address.to_string()])?;
    let within = Duration::from_secs(10);
    wait_until(&format!("a result of {side}"), within, || {
        Ok(orchestrator.results() > 0)
    })?;
    std::thread::sleep(warm_up);
    let look = |part: &mut Part| -> io::Result<(Instant, u64, Usage)> {
        Ok((Instant::now(), orchestrator.results(), part.usage()?))
    };
    let (began, results, usage) = look(&mut part)?;
    std::thread::sleep(window);
    let (ended, later_results, later_usage) = look(&mut part)?;
    let tasks = number(later_results - results);
    Ok(Measure {
        per_second: tasks / (ended - began).as_secs_f64(),
        cpu: (later_usage.cpu - usage.cpu) * 1e6 / tasks,
    })
}
