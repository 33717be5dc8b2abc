//! Closed loop: a task for every poll at once. Tasks per second, processor time per task,
//! memory. `sockets` shows what the stand-in itself can do, and `awc` what the HTTP client
//! of actix can.

use std::io;
use std::time::{Duration, Instant};

use super::{TO_BEGIN, wait_for};
use crate::context::{Context, Found};
use crate::shared::orchestrator::{ENDLESS, Orchestrator, Work};
use crate::shared::process::Usage;
use crate::shared::sheet::{Bound, Metric, Sheet};
use crate::shared::stats::{mebibytes, number};
use crate::side::{
    Awc, Ours, OursSigned, OursUnkept, Sdk4, Sdk20, Sdk20Unsigned, Setup, Side, Sockets,
};

pub(crate) const RATE: Metric = Metric::new("tasks", "1/s");
const CPU: Metric = Metric::new("processor", "µs/task");
const PEAK: Metric = Metric::new("peak memory", "MiB");
const ORCHESTRATOR: Metric = Metric::new("stand-in", "% of a core");

/// The sides by dialect.
const CASES: [(&str, &[Side]); 2] = [
    ("RXON 1.0b2", &[Sockets, Awc, Ours, OursUnkept, Sdk4]),
    ("RXON 1.0b17, signed", &[OursSigned, Sdk20, Sdk20Unsigned]),
];

pub(super) fn run(context: &Context, sheet: &mut Sheet) -> io::Result<()> {
    let rounds = context.pick(5, 2, 1);
    for slots in [1, 10, 100] {
        for (dialect, sides) in CASES {
            let case = format!("{slots} slots, {dialect}");
            context.in_turns(sheet, &case, sides, rounds, |side| {
                measure(context, side, slots)
            });
            for (ours, peer) in crate::side::PAIRS {
                if sides.contains(&ours) && slots > 1 {
                    let pair = (ours.name(), peer.name());
                    sheet.goal_ratio(&case, RATE, pair, Bound::AtLeast(15.0));
                }
            }
            if sides.contains(&OursUnkept) {
                let pair = (Ours.name(), OursUnkept.name());
                sheet.goal_ratio(&case, RATE, pair, Bound::AtLeast(0.85));
                // A bare loop hands nothing over between threads, which shows with one slot.
                if slots > 1 {
                    let pair = (OursUnkept.name(), Awc.name());
                    sheet.goal_ratio(&case, RATE, pair, Bound::AtLeast(0.8));
                }
            }
        }
    }
    sheet.note("all sides share the cores with the stand-in, which is one thread");
    sheet.note("sockets and awc are as many loops, on one thread, as the workers have slots");
    sheet.note("ours: default settings, so at most 8 open polls, and a journal");
    Ok(())
}

/// One side for a while.
pub(super) fn measure(context: &Context, side: Side, slots: usize) -> io::Result<Found> {
    let millis = Duration::from_millis;
    let warm_up = context.pick(millis(500), millis(400), millis(50));
    let window = context.pick(millis(1500), millis(800), millis(100));
    let orchestrator = Orchestrator::start(Work::of("noop", ENDLESS))?;
    let mut part = side.start(context, &orchestrator, &Setup::new(slots))?;
    wait_for("the first result", TO_BEGIN, &mut part, || {
        orchestrator.results() > 0
    })?;
    std::thread::sleep(warm_up);
    let mut look = || -> io::Result<_> {
        let ours = Usage::of_this_process()?.cpu;
        Ok((Instant::now(), orchestrator.results(), part.usage()?, ours))
    };
    let (began, results, usage, ours) = look()?;
    std::thread::sleep(window);
    let (ended, later_results, later_usage, later_ours) = look()?;
    if later_results == results {
        return Err(io::Error::other("no result came while it was measured"));
    }
    let seconds = (ended - began).as_secs_f64();
    let tasks = number(later_results - results);
    Ok(vec![
        (RATE, tasks / seconds),
        (CPU, (later_usage.cpu - usage.cpu) * 1e6 / tasks),
        (PEAK, mebibytes(later_usage.peak)),
        (ORCHESTRATOR, (later_ours - ours) / seconds * 100.0),
    ])
}
