//! A task sleeps, is called off by a command over the WebSocket, and its result comes; one
//! after the other.

use std::io;
use std::time::{Duration, Instant};

use super::{TO_BEGIN, wait_for};
use crate::context::{Context, Found};
use crate::shared::orchestrator::{Orchestrator, Work};
use crate::shared::sheet::{Metric, Sheet};
use crate::shared::stats::percentile;
use crate::side::{Setup, Side, WORKERS};

const P50: Metric = Metric::new("p50", "ms");
const P99: Metric = Metric::new("p99", "ms");
const MOST: Metric = Metric::new("most", "ms");

pub(super) fn run(context: &Context, sheet: &mut Sheet) -> io::Result<()> {
    let rounds = context.pick(3, 1, 1);
    context.in_turns(sheet, "cancel", WORKERS, rounds, |side| {
        measure(context, side)
    });
    Ok(())
}

fn measure(context: &Context, side: Side) -> io::Result<Found> {
    let work = Work::noted("sleep", 0).with_params(r#"{"seconds": 60.0}"#);
    let orchestrator = Orchestrator::start(work)?;
    let setup = Setup {
        commands: true,
        ..Setup::new(4)
    };
    let mut part = side.start(context, &orchestrator, &setup)?;
    wait_for("a WebSocket", TO_BEGIN, &mut part, || {
        orchestrator.listeners() > 0
    })?;
    let limit = Duration::from_secs(10);
    let mut times = Vec::new();
    for number in 0..context.pick(100, 50, 3) {
        orchestrator.offer(Instant::now());
        let entry = || {
            orchestrator
                .book()
                .tasks
                .last()
                .copied()
                .unwrap_or_default()
        };
        wait_for("the task to go out", limit, &mut part, || {
            entry().handed.is_some()
        })?;
        // It goes to sleep meanwhile.
        std::thread::sleep(Duration::from_millis(15));
        let began = Instant::now();
        orchestrator.cancel(number);
        wait_for("the result", limit, &mut part, || entry().done.is_some())?;
        let done = entry().done.unwrap_or(began);
        times.push(done.saturating_duration_since(began).as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(vec![
        (P50, percentile(&times, 0.5)),
        (P99, percentile(&times, 0.99)),
        (MOST, percentile(&times, 1.0)),
    ])
}
