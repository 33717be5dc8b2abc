//! Open loop: tasks become due by the clock, whether or not those before are done, and a
//! task's time counts from when it was due. So a side that stands still is charged for all
//! that it kept waiting. The time from when the stand-in handed the task out is told as
//! well: it is the side's own, without what it takes to wake the stand-in.

use std::io;
use std::time::{Duration, Instant};

use super::throughput::{self, RATE};
use super::{wait_for, wait_for_poll};
use crate::context::{Context, Found};
use crate::shared::orchestrator::{Orchestrator, Work};
use crate::shared::sheet::{Bound, Metric, Sheet};
use crate::shared::stats::{number, percentile};
use crate::side::{OursUnkept, PAIRS, Setup, Side, Sockets, WORKERS};

pub(crate) const P50: Metric = Metric::new("p50", "ms");
pub(crate) const P90: Metric = Metric::new("p90", "ms");
pub(crate) const P99: Metric = Metric::new("p99", "ms");
pub(crate) const P999: Metric = Metric::new("p99.9", "ms");
/// All of them, in order.
pub(crate) const PERCENTILES: [(Metric, f64); 4] =
    [(P50, 0.5), (P90, 0.9), (P99, 0.99), (P999, 0.999)];
const OUT_P50: Metric = Metric::new("hand-out p50", "ms");
const OUT_P99: Metric = Metric::new("hand-out p99", "ms");
const CPU: Metric = Metric::new("processor", "µs/task");

/// The case with the same rate for everybody.
pub(crate) const FIXED: &str = "200 tasks/s";
pub(crate) const HALF: &str = "half of each one's maximum";

/// For everybody, so that slots are never what is waited for.
const SLOTS: usize = 100;

pub(super) fn run(context: &Context, sheet: &mut Sheet) -> io::Result<()> {
    let rounds = context.pick(3, 1, 1);
    let mut all = vec![Sockets, OursUnkept];
    all.extend(WORKERS);
    context.in_turns(sheet, FIXED, &all, rounds, |side| {
        open_loop(context, side, 200.0)
    });
    let mut most = Vec::new();
    for side in context.present(WORKERS) {
        match throughput::measure(context, side, SLOTS) {
            Ok(found) => most.extend(found.iter().filter(|f| f.0 == RATE).map(|f| (side, f.1))),
            Err(error) => sheet.trouble(format!("the maximum of {}: {error}", side.name())),
        }
    }
    let sides: Vec<Side> = most.iter().map(|(side, _)| *side).collect();
    context.in_turns(sheet, HALF, &sides, rounds, |side| {
        let rate = most
            .iter()
            .find(|(s, _)| *s == side)
            .map_or(0.0, |(_, rate)| rate / 2.0);
        open_loop(context, side, rate)
    });
    for (ours, peer) in PAIRS {
        sheet.goal(FIXED, OUT_P99, ours.name(), Bound::AtMost(1.0));
        let pair = (ours.name(), peer.name());
        sheet.goal_ratio(FIXED, OUT_P99, pair, Bound::AtMost(0.5));
        sheet.goal_ratio(FIXED, CPU, pair, Bound::AtMost(0.25));
    }
    sheet.note(
        "counted from when a task was due, so what the stand-in is late is in it, except \
         `hand-out`: from when it went out; see sockets for what is left of it",
    );
    Ok(())
}

/// One side, with tasks at this rate.
fn open_loop(context: &Context, side: Side, rate: f64) -> io::Result<Found> {
    let seconds = Duration::from_secs_f64;
    let warm_up = seconds(context.pick(0.5, 0.5, 0.1));
    let window = seconds(context.pick(6.0, 2.0, 0.3));
    let orchestrator = Orchestrator::start(Work::noted("noop", 0))?;
    let mut part = side.start(context, &orchestrator, &Setup::new(SLOTS))?;
    wait_for_poll(&orchestrator, &mut part)?;
    let before = part.usage()?.cpu;
    let began = Instant::now();
    let step = 1.0 / rate;
    let mut offered = 0_u64;
    let mut due = began;
    while due < began + warm_up + window {
        let early = due.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            std::thread::sleep(early);
        }
        orchestrator.offer(due);
        offered += 1;
        due = began + seconds(number(offered) * step);
    }
    let all_came = || orchestrator.results() >= offered;
    wait_for("all results", Duration::from_secs(20), &mut part, all_came)?;
    let cpu = part.usage()?.cpu - before;
    let book = orchestrator.book();
    if book.failures > 0 {
        return Err(io::Error::other(format!("{} tasks failed", book.failures)));
    }
    let times = book.times_since(began + warm_up);
    if times.is_empty() {
        return Err(io::Error::other("no task came back"));
    }
    let of = |(metric, share)| (metric, percentile(&times, share) * 1e3);
    let mut found: Found = PERCENTILES.map(of).into();
    let times = book.times_from_hand_out(began + warm_up);
    let of = |(metric, share)| (metric, percentile(&times, share) * 1e3);
    found.extend([(OUT_P50, 0.5), (OUT_P99, 0.99)].map(of));
    found.push((CPU, cpu * 1e6 / number(offered)));
    found.push((RATE, number(times.len() as u64) / window.as_secs_f64()));
    Ok(found)
}
