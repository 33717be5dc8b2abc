//! Tasks of a second at a steady rate, and for two seconds in their midst every answer is a
//! 503, every connection is cut, or the orchestrator is gone, so that about a hundred results
//! meet the fault. What is lost, what comes twice, and how soon is the next task fetched?
//! All sides at once, for they mostly wait.

use std::io;
use std::time::{Duration, Instant};

use super::wait_for_poll;
use crate::context::Context;
use crate::shared::orchestrator::{Book, Fault, Orchestrator, Work};
use crate::shared::process::Part;
use crate::shared::sheet::{Bound, Metric, Sheet};
use crate::shared::stats::number;
use crate::side::{PAIRS, Setup, Side, WORKERS};

const LOST: Metric = Metric::new("lost", "");
const LEFT: Metric = Metric::new("never fetched", "");
const TWICE: Metric = Metric::new("twice", "");
const BACK: Metric = Metric::new("next task fetched after", "s");
const RATE: f64 = 100.0;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Unavailable,
    Dropped,
    Restart,
}

struct Running {
    side: Side,
    orchestrator: Orchestrator,
    part: Part,
}

pub(super) fn run(context: &Context, sheet: &mut Sheet) -> io::Result<()> {
    let rounds = context.pick(2, 1, 1);
    for round in 1..=rounds {
        for (kind, case) in [
            (Kind::Unavailable, "503"),
            (Kind::Dropped, "connections cut"),
            (Kind::Restart, "restart"),
        ] {
            println!("  {case}: round {round} of {rounds}, all sides");
            one(context, sheet, kind, case);
            if round == rounds {
                for (ours, _) in PAIRS {
                    sheet.goal(case, LOST, ours.name(), Bound::AtMost(0.0));
                }
            }
        }
    }
    sheet.note("lost: handed out, and no result 20 s after the last one was");
    sheet.note("connections cut: every second result was taken before; sent again it comes twice");
    Ok(())
}

fn one(context: &Context, sheet: &mut Sheet, kind: Kind, case: &str) {
    let mut all = Vec::new();
    for side in context.present(WORKERS) {
        match start(context, side) {
            Ok(running) => all.push(running),
            Err(error) => sheet.trouble(format!("{case}, {}: {error}", side.name())),
        }
    }
    let seconds = Duration::from_secs_f64;
    let (before, bad, after) = context.pick((1.0, 2.0, 3.0), (0.5, 2.0, 2.0), (0.2, 0.3, 0.5));
    let began = Instant::now();
    let (fault, over) = (began + seconds(before), began + seconds(before + bad));
    let mut offered = 0_u64;
    let mut offer_until = |end: Instant| {
        while Instant::now() < end {
            let due = began + seconds(number(offered) / RATE);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            for running in &all {
                running.orchestrator.offer(due);
            }
            offered += 1;
        }
    };
    offer_until(fault);
    for running in &all {
        begin(&running.orchestrator, kind);
    }
    offer_until(over);
    for running in &all {
        end(&running.orchestrator, kind);
    }
    offer_until(over + seconds(after));
    let limit = Instant::now() + seconds(context.pick(20.0, 20.0, 10.0));
    let is_whole = |running: &Running| {
        let book = running.orchestrator.book();
        book.tasks.len() as u64 == offered && book.tasks.iter().all(|task| task.results > 0)
    };
    while Instant::now() < limit && !all.iter().all(is_whole) {
        std::thread::sleep(Duration::from_millis(50));
    }
    for Running {
        side,
        orchestrator,
        mut part,
    } in all
    {
        if let Err(error) = part.usage() {
            sheet.trouble(format!("{case}, {}: {error}", side.name()));
        }
        note(sheet, case, side, &orchestrator.book(), over);
    }
}

fn note(sheet: &mut Sheet, case: &str, side: Side, book: &Book, over: Instant) {
    let lost = book.missing();
    let left = book
        .tasks
        .iter()
        .filter(|task| task.handed.is_none())
        .count();
    let twice: u32 = book
        .tasks
        .iter()
        .map(|task| task.results.saturating_sub(1))
        .sum();
    let next = book
        .tasks
        .iter()
        .filter_map(|task| task.handed)
        .filter(|at| *at >= over)
        .min();
    sheet.add(case, side.name(), LOST, number(lost as u64));
    sheet.add(case, side.name(), LEFT, number(left as u64));
    sheet.add(case, side.name(), TWICE, f64::from(twice));
    match next {
        Some(at) => sheet.add(case, side.name(), BACK, (at - over).as_secs_f64()),
        None => sheet.trouble(format!("{case}, {}: it did not come back", side.name())),
    }
}

fn start(context: &Context, side: Side) -> io::Result<Running> {
    let params = format!(r#"{{"seconds": {}}}"#, context.pick(1.0, 1.0, 0.1));
    let orchestrator = Orchestrator::start(Work::noted("sleep", 0).with_params(params))?;
    let setup = Setup {
        eager: false,
        // Never all taken, not even by what piles up meanwhile.
        ..Setup::new(1000)
    };
    let mut part = side.start(context, &orchestrator, &setup)?;
    wait_for_poll(&orchestrator, &mut part)?;
    Ok(Running {
        side,
        orchestrator,
        part,
    })
}

fn begin(orchestrator: &Orchestrator, kind: Kind) {
    match kind {
        Kind::Unavailable => orchestrator.fail(Fault::Unavailable),
        Kind::Dropped => orchestrator.fail(Fault::Dropped),
        Kind::Restart => orchestrator.go_down(),
    }
}

fn end(orchestrator: &Orchestrator, kind: Kind) {
    match kind {
        Kind::Unavailable | Kind::Dropped => orchestrator.fail(Fault::None),
        Kind::Restart => orchestrator.come_up(),
    }
}
