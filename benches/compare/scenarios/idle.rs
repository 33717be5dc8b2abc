//! Workers with default settings and nothing to do, for a minute. All at once, for they
//! do next to nothing; each has a stand-in of its own that holds its poll. Bare sockets with
//! the same heartbeats and the same poll show what the kernel takes for them.

use std::io;
use std::time::Duration;

use super::wait_for_poll;
use crate::context::Context;
use crate::shared::orchestrator::{Orchestrator, Work};
use crate::shared::process::Usage;
use crate::shared::sheet::{Bound, Metric, Sheet};
use crate::shared::stats::{mebibytes, number};
use crate::side::{PAIRS, Setup, Still, WORKERS};

const CPU: Metric = Metric::new("processor", "ms/min");
const WAKES: Metric = Metric::new("wake-ups", "1/min");
const MEMORY: Metric = Metric::new("memory", "MiB");
const CASE: &str = "idle";

pub(super) fn run(context: &Context, sheet: &mut Sheet) -> io::Result<()> {
    let seconds = Duration::from_secs_f64;
    let settle = seconds(context.pick(5.0, 2.0, 0.1));
    // In quick as well there is at least one heartbeat in it.
    let window = seconds(context.pick(60.0, 16.0, 0.2));
    let setup = Setup {
        eager: false,
        ..Setup::new(10)
    };
    let mut all = Vec::new();
    let sides = [&[Still], WORKERS].concat();
    for side in context.present(&sides) {
        let start = || {
            let orchestrator = Orchestrator::start(Work::of("noop", 0))?;
            let mut part = side.start(context, &orchestrator, &setup)?;
            wait_for_poll(&orchestrator, &mut part)?;
            Ok::<_, io::Error>((side, orchestrator, part))
        };
        match start() {
            Ok(running) => all.push(running),
            Err(error) => sheet.trouble(format!("{}: {error}", side.name())),
        }
    }
    std::thread::sleep(settle);
    println!("  {CASE}: all sides, {window:?}");
    let mut before = Vec::new();
    for (_, _, part) in &mut all {
        before.push(part.usage().unwrap_or_default());
    }
    std::thread::sleep(window);
    let minutes = window.as_secs_f64() / 60.0;
    for ((side, _, part), before) in all.iter_mut().zip(&before) {
        let after: Usage = match part.usage() {
            Ok(after) => after,
            Err(error) => {
                sheet.trouble(format!("{}: {error}", side.name()));
                continue;
            }
        };
        let cpu = (after.cpu - before.cpu) * 1e3;
        let wakes = number(after.all_wakes().saturating_sub(before.all_wakes()));
        sheet.add(CASE, side.name(), CPU, cpu / minutes);
        sheet.add(CASE, side.name(), WAKES, wakes / minutes);
        sheet.add(CASE, side.name(), MEMORY, mebibytes(after.resident));
    }
    for (ours, peer) in PAIRS {
        sheet.goal(CASE, MEMORY, ours.name(), Bound::AtMost(12.0));
        let pair = (ours.name(), peer.name());
        sheet.goal_ratio(CASE, CPU, pair, Bound::AtMost(1.0));
    }
    Ok(())
}
