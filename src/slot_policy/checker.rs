//! The `capacity_checker` of the Python SDK (avtomatika-worker 1.0b20): a function of the
//! user's says whether tasks are wanted now.

use std::fmt;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Ruling, SlotPolicy, SlotView};

/// How often it is asked, if nothing else is said.
const EVERY: Duration = Duration::from_secs(1);

/// Makes the worker ask its policies at once. Clones are the same one; usable from any
/// thread, before the worker has started and after it has ended.
///
/// ```
/// use axon_worker::slot_policy::CapacityChecker;
///
/// let checker = CapacityChecker::new(|| true);
/// let poke = checker.poke();
/// // given to the builder; and later, where something has changed:
/// poke.now();
/// ```
#[derive(Debug, Clone)]
pub struct Poke(watch::Sender<()>);

impl Default for Poke {
    fn default() -> Self {
        Self::new()
    }
}

impl Poke {
    /// One that nobody listens to yet.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Ask now. Many of these at once may be one question.
    pub fn now(&self) {
        self.0.send_replace(());
    }

    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

type Check = Box<dyn FnMut(&str) -> bool + Send>;

/// A policy that asks a function of yours: before each poll, once a second, and when it
/// is [poked](CapacityChecker::poke). A change of its answer ends in one heartbeat.
pub struct CapacityChecker {
    check: Check,
    by_task: bool,
    every: Duration,
    poke: Poke,
}

impl CapacityChecker {
    /// `may_take` says whether the worker takes tasks now.
    #[must_use]
    pub fn new(mut may_take: impl FnMut() -> bool + Send + 'static) -> Self {
        Self::with(Box::new(move |_| may_take()), false)
    }

    /// `may_take` says whether the worker takes tasks of this name now, as the
    /// `capacity_checker` of the Python SDK does. It is asked for each handler.
    #[must_use]
    pub fn by_task(may_take: impl FnMut(&str) -> bool + Send + 'static) -> Self {
        Self::with(Box::new(may_take), true)
    }

    fn with(check: Check, by_task: bool) -> Self {
        Self {
            check,
            by_task,
            every: EVERY,
            poke: Poke::new(),
        }
    }

    /// How often it is asked while nothing happens. Default: once a second.
    #[must_use]
    pub fn every(mut self, time: Duration) -> Self {
        self.every = time;
        self
    }

    /// Has it asked at once.
    #[must_use]
    pub fn poke(&self) -> Poke {
        self.poke.clone()
    }
}

impl SlotPolicy for CapacityChecker {
    fn rule(&mut self, view: &SlotView, _: Instant) -> Ruling {
        let ruling = if self.by_task {
            let mut ruling = Ruling::yes();
            for name in view.names() {
                if !(self.check)(name.as_str()) {
                    ruling = ruling.without(name.clone());
                }
            }
            ruling
        } else if (self.check)("") {
            Ruling::yes()
        } else {
            Ruling::not_now("the capacity checker says no")
        };
        ruling.ask_again_in(self.every)
    }

    fn pokes(&self) -> Vec<Poke> {
        vec![self.poke.clone()]
    }
}

impl fmt::Debug for CapacityChecker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapacityChecker")
            .field("by_task", &self.by_task)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_asked_for_one_by_one() {
        let mut checker = CapacityChecker::by_task(|name| name != "train");
        let ruling = checker.rule(&SlotView::of(["train", "ask"]), Instant::now());
        assert!(ruling.is_yes());
        assert!(ruling.unwanted().iter().eq([&"train".into()]));
        assert_eq!(ruling.again(), Some(EVERY));
    }

    #[test]
    fn a_no_is_for_the_whole_worker() {
        let mut checker = CapacityChecker::new(|| false).every(2 * EVERY);
        let ruling = checker.rule(&SlotView::default(), Instant::now());
        assert_eq!(ruling.reason(), Some("the capacity checker says no"));
        assert_eq!(ruling.again(), Some(2 * EVERY));
    }
}
