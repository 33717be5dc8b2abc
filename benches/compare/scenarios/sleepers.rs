//! Many tasks at once that only wait: memory while all are asleep, and how much later than
//! they woke up their results come. All must end.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::wait_for;
use crate::context::{Context, Found};
use crate::shared::orchestrator::{Orchestrator, Work};
use crate::shared::sheet::{Bound, Metric, Sheet};
use crate::shared::stats::{mebibytes, number, percentile};
use crate::side::{Ours, OursSigned, PAIRS, Setup, Side, WORKERS};

const MEMORY: Metric = Metric::new("memory", "MiB");
const PEAK: Metric = Metric::new("peak", "MiB");
const TAKEN_IN: Metric = Metric::new("taken in within", "s");
const ASLEEP: Metric = Metric::new("asleep then", "");
const LATE: Metric = Metric::new("late, p50", "ms");
const LATEST: Metric = Metric::new("late, p99", "ms");

pub(super) fn run(context: &Context, sheet: &mut Sheet) -> io::Result<()> {
    let many = context.pick(1_000, 1_000, 50);
    let case = format!("{many} tasks");
    let nap = context.pick(4.0, 4.0, 0.3);
    context.in_turns(sheet, &case, WORKERS, context.pick(2, 1, 1), |side| {
        measure(context, side, many, nap)
    });
    let very_many = context.pick(10_000, 10_000, 100);
    let more = format!("{very_many} tasks");
    let nap = context.pick(6.0, 5.0, 0.3);
    let rounds = context.pick(2, 1, 1);
    context.in_turns(sheet, &more, &[Ours, OursSigned], rounds, |side| {
        measure(context, side, very_many, nap)
    });
    for (ours, _) in PAIRS {
        sheet.goal(&case, MEMORY, ours.name(), Bound::AtMost(30.0));
        sheet.goal(&more, MEMORY, ours.name(), Bound::AtMost(120.0));
    }
    sheet.note("late: from the hand-out to the result, less the time of sleep");
    Ok(())
}

fn measure(context: &Context, side: Side, tasks: u64, nap: f64) -> io::Result<Found> {
    let params = format!(r#"{{"seconds": {nap}}}"#);
    let orchestrator = Orchestrator::start(Work::noted("sleep", tasks).with_params(params))?;
    // A poll stays open: a peer without a free slot would look for one all the time.
    let setup = Setup::new(usize::try_from(tasks).unwrap_or(usize::MAX) + 1);
    let started = Instant::now();
    let mut part = side.start(context, &orchestrator, &setup)?;
    let given = || orchestrator.counts().tasks.load(Relaxed);
    let limit = Duration::from_mins(1);
    wait_for("the first task", limit, &mut part, || given() > 0)?;
    let began = Instant::now();
    wait_for("all tasks taken in", limit, &mut part, || given() == tasks)?;
    let taken_in = began.elapsed().as_secs_f64();
    // The last ones are on their way to where they sleep.
    std::thread::sleep(Duration::from_millis(100));
    let (usage, awake) = (part.usage()?, orchestrator.results());
    wait_for("all results", limit, &mut part, || {
        orchestrator.results() >= tasks
    })?;
    let book = orchestrator.book();
    if book.failures > 0 || book.missing() > 0 {
        let (failures, missing) = (book.failures, book.missing());
        let text = format!("{failures} tasks failed, {missing} are missing");
        return Err(io::Error::other(text));
    }
    let times = book.times_since(started);
    let late = |share| (percentile(&times, share) - nap) * 1e3;
    Ok(vec![
        (MEMORY, mebibytes(usage.resident)),
        (PEAK, mebibytes(part.usage()?.peak)),
        (TAKEN_IN, taken_in),
        (ASLEEP, number(tasks - awake)),
        (LATE, late(0.5)),
        (LATEST, late(0.99)),
    ])
}
