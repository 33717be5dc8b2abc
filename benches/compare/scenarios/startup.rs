//! From starting the process to the registration that the stand-in sees.

use std::io;
use std::time::Instant;

use super::{TO_BEGIN, wait_for};
use crate::context::{Context, Found};
use crate::shared::orchestrator::{Orchestrator, Work};
use crate::shared::sheet::{Bound, Metric, Sheet};
use crate::side::{PAIRS, Setup, Side, WORKERS};

const TIME: Metric = Metric::new("registered after", "ms");
const CASE: &str = "start-up";

pub(super) fn run(context: &Context, sheet: &mut Sheet) -> io::Result<()> {
    let rounds = context.pick(10, 3, 1);
    context.in_turns(sheet, CASE, WORKERS, rounds, |side| measure(context, side));
    for (ours, _) in PAIRS {
        sheet.goal(CASE, TIME, ours.name(), Bound::AtMost(50.0));
    }
    Ok(())
}

fn measure(context: &Context, side: Side) -> io::Result<Found> {
    let orchestrator = Orchestrator::start(Work::of("noop", 0))?;
    let began = Instant::now();
    let mut part = side.start(context, &orchestrator, &Setup::new(10))?;
    let registered = || orchestrator.registered().is_some();
    wait_for("the registration", TO_BEGIN, &mut part, registered)?;
    let at = orchestrator.registered().unwrap_or(began);
    Ok(vec![(TIME, (at - began).as_secs_f64() * 1e3)])
}
