//! No more tasks when memory runs short.

use std::fmt;
use std::time::{Duration, Instant};

use tracing::warn;

use super::line::Line;
use super::{Ruling, SlotPolicy, SlotView};
use crate::usage::{machine_available, process_resident};

/// How often it is measured, if nothing else is said.
const EVERY: Duration = Duration::from_secs(1);
const MIB: u64 = 1 << 20;

type Measure = Box<dyn FnMut() -> Option<u64> + Send>;

/// A policy that says no when a measure of memory passes a line, and yes again when it
/// is well back on the other side, so that a worker at the line does not flicker.
///
/// Measured once a second at most, from `/proc`, which takes microseconds. Where there is
/// no `/proc` nothing is known, and the log says so; then use a
/// [measure of your own](MemoryLine::measured_by), which can be of other things as well, for
/// example the memory of a graphics card.
pub struct MemoryLine {
    what: &'static str,
    line: Line,
    every: Duration,
    measure: Measure,
    /// When, and what.
    last: Option<(Instant, Option<u64>)>,
    told_unknown: bool,
}

impl MemoryLine {
    /// Stops when this process has more than so many bytes of memory in use (its resident
    /// set), and goes on below nine tenths of that.
    #[must_use]
    pub fn process_above(bytes: u64) -> Self {
        let line = Line::above(bytes, bytes - bytes / 10);
        Self::new("memory of the process", line, Box::new(process_resident))
    }

    /// Stops when the machine has fewer than so many bytes of memory to give (`MemAvailable`
    /// of Linux), and goes on above eleven tenths of that. In a container, and in a service
    /// with a limit (control groups of version 1 and 2), it is what the limit leaves, if that
    /// is less.
    #[must_use]
    pub fn available_below(bytes: u64) -> Self {
        let line = Line::below(bytes, bytes.saturating_add(bytes / 10));
        Self::new("available memory", line, Box::new(machine_available))
    }

    fn new(what: &'static str, line: Line, measure: Measure) -> Self {
        Self {
            what,
            line,
            every: EVERY,
            measure,
            last: None,
            told_unknown: false,
        }
    }

    /// Goes on at this many bytes instead. On the wrong side of the line it counts as the
    /// line itself.
    #[must_use]
    pub fn resume_at(mut self, bytes: u64) -> Self {
        self.line = self.line.resume_at(bytes);
        self
    }

    /// How often it is measured. Default: once a second.
    #[must_use]
    pub fn every(mut self, time: Duration) -> Self {
        self.every = time;
        self
    }

    /// Measured by a function of yours, in bytes; `None`: not known, which changes nothing.
    /// It runs on the thread of policies and may block.
    #[must_use]
    pub fn measured_by(mut self, measure: impl FnMut() -> Option<u64> + Send + 'static) -> Self {
        self.measure = Box::new(measure);
        self
    }

    fn measure(&mut self, now: Instant) -> Option<u64> {
        match self.last {
            Some((at, value)) if now.saturating_duration_since(at) < self.every => value,
            _ => {
                let value = (self.measure)();
                self.last = Some((now, value));
                value
            }
        }
    }
}

impl SlotPolicy for MemoryLine {
    fn rule(&mut self, _: &SlotView, now: Instant) -> Ruling {
        let value = self.measure(now);
        match value {
            Some(bytes) => self.line.is_at(bytes),
            None if !self.told_unknown => {
                self.told_unknown = true;
                warn!(
                    measure = self.what,
                    "not known here: no line is drawn by it"
                );
            }
            None => {}
        }
        let ruling = if self.line.is_stopped() {
            let now = value.map_or(String::new(), |bytes| format!(" ({} MiB)", bytes / MIB));
            Ruling::not_now(format!("{}{now} is past its line", self.what))
        } else {
            Ruling::yes()
        };
        let age = self
            .last
            .map(|(at, _)| now.saturating_duration_since(at))
            .unwrap_or_default();
        ruling.ask_again_in(self.every.saturating_sub(age))
    }
}

impl fmt::Debug for MemoryLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLine")
            .field("what", &self.what)
            .field("line", &self.line)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    #[test]
    fn it_is_measured_once_a_second_however_often_it_is_asked() {
        let measured = Arc::new(AtomicUsize::new(0));
        let count = measured.clone();
        let mut line = MemoryLine::process_above(100).measured_by(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Some(1)
        });
        let began = Instant::now();
        for tenth in 0..25 {
            let now = began + tenth * Duration::from_millis(100);
            let ruling = line.rule(&SlotView::default(), now);
            assert!(ruling.is_yes());
            assert!(ruling.again().is_some_and(|again| again <= EVERY));
        }
        assert_eq!(measured.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn it_says_how_much_there_is_and_goes_on_when_that_is_over() {
        let bytes = Arc::new(AtomicU64::new(50 * MIB));
        let gauge = bytes.clone();
        let mut line = MemoryLine::available_below(100 * MIB)
            .measured_by(move || Some(gauge.load(Ordering::Relaxed)));
        let mut now = Instant::now();
        let mut ask = |mib: u64| {
            bytes.store(mib * MIB, Ordering::Relaxed);
            now += EVERY;
            let ruling = line.rule(&SlotView::default(), now);
            ruling.reason().map(str::to_owned)
        };
        let text = "available memory (50 MiB) is past its line";
        assert_eq!(ask(50).as_deref(), Some(text));
        assert!(ask(105).is_some(), "too near to the line");
        assert_eq!(ask(110), None);
        assert_eq!(ask(100), None, "not below");
        assert!(ask(99).is_some());
    }

    #[test]
    fn what_is_not_known_changes_nothing() {
        let mut values = [Some(200), None, Some(10), None].into_iter();
        let mut line =
            MemoryLine::process_above(100).measured_by(move || values.next().expect("one more"));
        let mut now = Instant::now();
        let answers = [(); 4].map(|()| {
            now += EVERY;
            line.rule(&SlotView::default(), now).is_yes()
        });
        assert_eq!(answers, [false, false, true, true]);
    }

    #[test]
    fn this_process_and_this_machine_have_memory() {
        let line = |line: MemoryLine| line.every(Duration::ZERO);
        let view = SlotView::default();
        let now = Instant::now();
        assert!(!line(MemoryLine::process_above(1)).rule(&view, now).is_yes());
        let plenty = MemoryLine::process_above(u64::MAX);
        assert!(line(plenty).rule(&view, now).is_yes());
        assert!(
            line(MemoryLine::available_below(1))
                .rule(&view, now)
                .is_yes()
        );
        let never = MemoryLine::available_below(u64::MAX);
        assert!(!line(never).rule(&view, now).is_yes());
    }
}
