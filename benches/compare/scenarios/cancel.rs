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
const DEAF: Metric = Metric::new("no result", "");

/// Until then a task is expected to sleep.
const ASLEEP_AFTER: Duration = Duration::from_millis(25);
/// How long a result is awaited. The SDKs send none for a task that had not begun.
const PATIENCE: Duration = Duration::from_secs(2);
const MOST_DEAF: f64 = 3.0;

pub(super) fn run(context: &Context, sheet: &mut Sheet) -> io::Result<()> {
    let rounds = context.pick(3, 1, 1);
    context.in_turns(sheet, "cancel", WORKERS, rounds, |side| {
        measure(context, side)
    });
    sheet.note("no result: within 2 s; the SDKs lose a task that is called off before it began");
    Ok(())
}

fn measure(context: &Context, side: Side) -> io::Result<Found> {
    let work = Work::noted("sleep", 0).with_params(r#"{"seconds": 60.0}"#);
    let orchestrator = Orchestrator::start(work)?;
    let setup = Setup {
        commands: true,
        // Slots of tasks that never end do not come back.
        ..Setup::new(16)
    };
    let mut part = side.start(context, &orchestrator, &setup)?;
    wait_for("a WebSocket", TO_BEGIN, &mut part, || {
        orchestrator.listeners() > 0
    })?;
    let limit = Duration::from_secs(10);
    let (mut times, mut deaf) = (Vec::new(), 0.0);
    for number in 0..context.pick(100, 30, 3) {
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
        std::thread::sleep(ASLEEP_AFTER);
        let began = Instant::now();
        orchestrator.cancel(number);
        while entry().done.is_none() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        match entry().done {
            Some(done) => times.push(done.saturating_duration_since(began).as_secs_f64() * 1e3),
            None => deaf += 1.0,
        }
        if deaf > MOST_DEAF {
            return Err(io::Error::other("no results after cancels"));
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(vec![
        (P50, percentile(&times, 0.5)),
        (P99, percentile(&times, 0.99)),
        (MOST, percentile(&times, 1.0)),
        (DEAF, deaf),
    ])
}
