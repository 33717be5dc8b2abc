//! Parameters of 1 and 32 MiB, the next task when the last one has come back. `noop` looks
//! at nothing: the SDKs have parsed everything before they call it, ours carries the text.
//! `rows` counts its rows: in Python of the `dict`, in ours of a struct with all fields.

use std::fmt::Write;
use std::io;
use std::time::{Duration, Instant};

use super::wait_for;
use crate::context::{Context, Found};
use crate::shared::orchestrator::{ENDLESS, Orchestrator, Work};
use crate::shared::sheet::{Bound, Metric, Sheet};
use crate::shared::stats::{mebibytes, number};
use crate::side::{PAIRS, Setup, Side, WORKERS};

const RATE: Metric = Metric::new("parameters", "MB/s");
const PEAK: Metric = Metric::new("peak memory", "MiB");
const FACTOR: Metric = Metric::new("peak", "x payload");

pub(super) fn run(context: &Context, sheet: &mut Sheet) -> io::Result<()> {
    for mebibytes in context.pick([1, 32], [1, 32], [1, 2]) {
        let params = table(mebibytes * 1024 * 1024);
        let rounds = context.pick(if mebibytes == 1 { 3 } else { 2 }, 1, 1);
        for task in ["noop", "rows"] {
            let case = format!("{mebibytes} MiB, {task}");
            context.in_turns(sheet, &case, WORKERS, rounds, |side| {
                measure(context, side, task, &params)
            });
            if mebibytes == 1 {
                continue;
            }
            for (ours, peer) in PAIRS {
                let pair = (ours.name(), peer.name());
                sheet.goal_ratio(&case, RATE, pair, Bound::AtLeast(5.0));
                sheet.goal(&case, FACTOR, ours.name(), Bound::AtMost(4.0));
            }
        }
    }
    sheet.note(
        "noop: nothing is looked at; rows: parsed into a struct with all fields, in Python a dict",
    );
    Ok(())
}

fn measure(context: &Context, side: Side, task: &'static str, params: &str) -> io::Result<Found> {
    let window = Duration::from_secs_f64(context.pick(1.2, 0.5, 0.05));
    let orchestrator = Orchestrator::start(Work {
        one_by_one: true,
        ..Work::noted(task, ENDLESS).with_params(params)
    })?;
    let mut part = side.start(context, &orchestrator, &Setup::new(4))?;
    let limit = Duration::from_mins(2);
    wait_for("the first result", limit, &mut part, || {
        orchestrator.results() > 0
    })?;
    let began = Instant::now();
    wait_for("some results", limit, &mut part, || {
        began.elapsed() >= window && orchestrator.results() >= 2
    })?;
    let usage = part.usage()?;
    let book = orchestrator.book();
    if book.failures > 0 {
        return Err(io::Error::other(format!("{} tasks failed", book.failures)));
    }
    let done: Vec<Instant> = book.tasks.iter().filter_map(|task| task.done).collect();
    let took = match done.as_slice() {
        [first, .., last] => (*last - *first).as_secs_f64(),
        _ => return Err(io::Error::other("fewer than two results")),
    };
    let bytes = number(params.len() as u64);
    let peak = mebibytes(usage.peak);
    Ok(vec![
        (RATE, bytes * number(done.len() as u64 - 1) / took / 1e6),
        (PEAK, peak),
        (FACTOR, peak * 1024.0 * 1024.0 / bytes),
    ])
}

/// Rows with numbers, texts, lists and objects, of about this many bytes.
fn table(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 256);
    text.push_str(r#"{"rows": ["#);
    let mut id = 0_u32;
    while text.len() < bytes - 2 {
        if id > 0 {
            text.push_str(", ");
        }
        id += 1;
        let value = f64::from(id) * 1.25;
        // Writing to a string does not fail.
        let _ = write!(
            text,
            r#"{{"id": {id}, "name": "row number {id}", "value": {value}, "is_even": {}, "tags": ["one", "two \u00e9", "three"], "at": {{"x": {}, "y": -{id}}}, "note": null}}"#,
            id.is_multiple_of(2),
            id / 3,
        );
    }
    text.push_str("]}");
    text
}
