//! Eight tasks at once that compute, each in a plain function off the event loop (`spin`),
//! and eight that block the thread of async handlers, as no task should (`block`). Do
//! heartbeats go on? Noted by the stand-in: the longest time without one, from the last
//! before the tasks to the first after them.

use std::io;
use std::time::{Duration, Instant};

use super::{TO_BEGIN, wait_for};
use crate::context::{Context, Found};
use crate::shared::orchestrator::{Orchestrator, Work};
use crate::shared::sheet::{Bound, Metric, Sheet};
use crate::side::{PAIRS, Setup, Side, WORKERS};

const GAP: Metric = Metric::new("longest heartbeat gap", "ms");
const ALL_DONE: Metric = Metric::new("all done after", "s");

const TASKS: u64 = 8;
/// Seconds.
const INTERVAL: f64 = 0.5;
const COOLDOWN: f64 = 0.25;

pub(super) fn run(context: &Context, sheet: &mut Sheet) -> io::Result<()> {
    let rounds = context.pick(3, 1, 1);
    let computing = context.pick(2.0, 1.5, 0.2);
    let blocking = context.pick(0.75, 0.6, 0.05);
    for (task, seconds) in [("spin", computing), ("block", blocking)] {
        let case = format!("{task}, {seconds} s each");
        context.in_turns(sheet, &case, WORKERS, rounds, |side| {
            measure(context, side, task, seconds)
        });
        for (ours, _) in PAIRS {
            let most = INTERVAL * 1e3 + 50.0;
            sheet.goal(&case, GAP, ours.name(), Bound::AtMost(most));
        }
    }
    sheet.note(format!(
        "a heartbeat every {INTERVAL} s, for the SDK 1.0b20 no two closer than {COOLDOWN} s"
    ));
    sheet.note("seconds of the clock: a spin ends when its time is over, however much it got done");
    Ok(())
}

fn measure(context: &Context, side: Side, task: &'static str, seconds: f64) -> io::Result<Found> {
    let params = format!(r#"{{"seconds": {seconds}}}"#);
    let orchestrator = Orchestrator::start(Work::noted(task, 0).with_params(params))?;
    let setup = Setup {
        beats: Some((INTERVAL, COOLDOWN)),
        // A poll stays open: a peer without a free slot would look for one all the time.
        ..Setup::new(2 * usize::try_from(TASKS).unwrap_or(usize::MAX))
    };
    let mut part = side.start(context, &orchestrator, &setup)?;
    let beats = || orchestrator.book().beats.len();
    // The first ones come out of step.
    wait_for("three heartbeats", TO_BEGIN, &mut part, || beats() >= 3)?;
    let began = Instant::now();
    (0..TASKS).for_each(|_| orchestrator.offer(began));
    let all_done = || orchestrator.results() == TASKS;
    wait_for("all results", Duration::from_mins(1), &mut part, all_done)?;
    let ended = Instant::now();
    let beat_after = || {
        orchestrator
            .book()
            .beats
            .last()
            .is_some_and(|at| *at > ended)
    };
    wait_for(
        "a heartbeat",
        Duration::from_secs(10),
        &mut part,
        beat_after,
    )?;
    let book = orchestrator.book();
    if book.failures > 0 {
        return Err(io::Error::other(format!("{} tasks failed", book.failures)));
    }
    let before = book.beats.iter().rev().find(|at| **at <= began);
    let after = book.beats.iter().find(|at| **at > ended);
    let gap = book.longest_gap(*before.unwrap_or(&began), *after.unwrap_or(&ended));
    Ok(vec![
        (GAP, gap * 1e3),
        (ALL_DONE, (ended - began).as_secs_f64()),
    ])
}
