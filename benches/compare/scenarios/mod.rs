//! What is compared. Each scenario says what it does, what is noted and what is wanted.

mod cancel;
mod cores;
mod faults;
mod idle;
pub(crate) mod latency;
mod payload;
mod size;
mod sleepers;
mod startup;
pub(crate) mod throughput;

use std::io;
use std::time::Duration;

use crate::context::{Context, Scale};
use crate::shared::orchestrator::{Orchestrator, wait_until};
use crate::shared::process::Part;
use crate::shared::sheet::Sheet;

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    title: &'static str,
    measure: fn(&Context, &mut Sheet) -> io::Result<()>,
}

pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "throughput",
        title: "No-op tasks as fast as they go",
        measure: throughput::run,
    },
    Scenario {
        name: "latency",
        title: "From the time a task is due to its result",
        measure: latency::run,
    },
    Scenario {
        name: "idle",
        title: "Nothing to do",
        measure: idle::run,
    },
    Scenario {
        name: "cores",
        title: "8 tasks that need a core each, on those that there are",
        measure: cores::run,
    },
    Scenario {
        name: "sleepers",
        title: "Many tasks asleep at once",
        measure: sleepers::run,
    },
    Scenario {
        name: "payload",
        title: "Large parameters, one task at a time",
        measure: payload::run,
    },
    Scenario {
        name: "cancel",
        title: "From a command to cancel to the result",
        measure: cancel::run,
    },
    Scenario {
        name: "faults",
        title: "Two bad seconds, at 100 tasks a second",
        measure: faults::run,
    },
    Scenario {
        name: "startup",
        title: "From the start of the process to its registration",
        measure: startup::run,
    },
    Scenario {
        name: "size",
        title: "Size on disk",
        measure: size::run,
    },
];

impl Scenario {
    pub(crate) fn run(&self, context: &Context) -> Sheet {
        println!("\n{}", self.title);
        let mut sheet = Sheet::new(self.name, self.title);
        if let Err(error) = (self.measure)(context, &mut sheet) {
            sheet.trouble(error.to_string());
        }
        sheet.print();
        // The numbers of a trial would only be in the way of real ones.
        if context.scale != Scale::Trial
            && let Err(error) = sheet.write()
        {
            sheet.trouble(format!("its numbers are not written: {error}"));
        }
        sheet
    }
}

/// How long a side may take to begin.
const TO_BEGIN: Duration = Duration::from_secs(30);

/// Waits for something of a side that is still alive.
fn wait_for(
    what: &str,
    limit: Duration,
    part: &mut Part,
    mut reached: impl FnMut() -> bool,
) -> io::Result<()> {
    let mut looks = 0_u32;
    wait_until(what, limit, || {
        looks += 1;
        // Looking into /proc costs more than looking at a number.
        if looks.is_multiple_of(64) {
            part.usage()?;
        }
        Ok(reached())
    })
}

/// Waits until a worker has registered and asks for tasks.
fn wait_for_poll(orchestrator: &Orchestrator, part: &mut Part) -> io::Result<()> {
    let polls = &orchestrator.counts().polls;
    wait_for("the first poll", TO_BEGIN, part, || {
        polls.load(std::sync::atomic::Ordering::Relaxed) > 0
    })
}
