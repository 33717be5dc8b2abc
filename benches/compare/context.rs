//! How much is measured, and sides taking turns.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use crate::shared::sheet::{Metric, Sheet, json};
use crate::side::Side;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Full,
    /// A few minutes.
    Quick,
    /// Only to see that it works, without peers.
    Trial,
}

/// What all scenarios need.
pub(crate) struct Context {
    pub(crate) scale: Scale,
    logs: PathBuf,
}

/// What a round has found.
pub(crate) type Found = Vec<(Metric, f64)>;

impl Context {
    pub(crate) fn new(scale: Scale) -> io::Result<Self> {
        let logs = json::folder()?.join("logs");
        std::fs::create_dir_all(&logs)?;
        Ok(Self { scale, logs })
    }

    /// One of these, by scale.
    pub(crate) fn pick<T>(&self, full: T, quick: T, trial: T) -> T {
        match self.scale {
            Scale::Full => full,
            Scale::Quick => quick,
            Scale::Trial => trial,
        }
    }

    /// A file for what a side says; the last thing it said when it failed.
    pub(crate) fn log(&self, side: Side) -> io::Result<File> {
        File::create(
            self.logs
                .join(format!("{}.log", side.name().replace(' ', "-"))),
        )
    }

    /// Those of these sides that can take part.
    pub(crate) fn present(&self, sides: &[Side]) -> Vec<Side> {
        let sides = sides.iter().copied();
        sides
            .filter(|side| self.scale != Scale::Trial || !side.is_peer())
            .collect()
    }

    /// Lets these sides take turns for some rounds and notes what they find. A side that
    /// fails is told of and takes no further part.
    pub(crate) fn in_turns(
        &self,
        sheet: &mut Sheet,
        case: &str,
        sides: &[Side],
        rounds: usize,
        mut measure: impl FnMut(Side) -> io::Result<Found>,
    ) {
        let mut sides = self.present(sides);
        for round in 1..=rounds {
            sides.retain(|&side| {
                println!("  {case}: round {round} of {rounds}, {}", side.name());
                match measure(side) {
                    Ok(found) => {
                        for (metric, value) in found {
                            sheet.add(case, side.name(), metric, value);
                        }
                        true
                    }
                    Err(error) => {
                        sheet.trouble(format!("{case}, {}: {error}", side.name()));
                        false
                    }
                }
            });
        }
    }
}
