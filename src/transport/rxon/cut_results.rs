//! Results that are too large for an orchestrator, or for something in front of it, that does
//! not say so: it hangs up before it has read all of one.

use std::collections::HashMap;

use crate::id::TaskId;

/// A request up to this size is small, in bytes.
const SMALL: usize = 256 * 1024;

/// The number of times that a result is cut off before it counts as too large.
const CUTS: u32 = 3;

/// More results than wait at a time. Beyond that, counting begins anew.
const MOST: usize = 1000;

/// Counts how often results of one orchestrator were cut off on their way.
///
/// A cut counts only if a small request has passed since the one before: otherwise the
/// orchestrator is away for everybody.
#[derive(Debug, Default)]
pub(super) struct CutResults {
    results: HashMap<TaskId, Cuts>,
    /// The number of small requests that were answered.
    passed: u64,
    /// The smallest size that was found to be too large.
    too_large: Option<usize>,
}

#[derive(Debug)]
struct Cuts {
    count: u32,
    /// As it was at the last cut that counted.
    passed: u64,
}

pub(super) fn is_large(size: usize) -> bool {
    size > SMALL
}

impl CutResults {
    /// Notes that a small request was answered.
    pub(super) fn small_request_passed(&mut self) {
        self.passed += 1;
    }

    /// Notes that the connection closed before a result of this size was answered. Returns
    /// `true` if the result is to be taken for too large.
    pub(super) fn cut(&mut self, task: &TaskId, size: usize) -> bool {
        if !is_large(size) {
            return false;
        }
        let is_too_large = self.count(task) || self.too_large.is_some_and(|limit| size >= limit);
        if is_too_large {
            self.too_large = Some(self.too_large.map_or(size, |limit| limit.min(size)));
            self.forget(task);
        }
        is_too_large
    }

    /// Notes that a result failed. Returns `true` if it did so often enough, with small
    /// requests answered in between.
    pub(super) fn count(&mut self, task: &TaskId) -> bool {
        if self.results.len() >= MOST {
            self.results.clear();
        }

        let passed = self.passed;
        let cuts = self.results.entry(task.clone());
        let cuts = cuts.or_insert(Cuts { count: 0, passed });
        if cuts.count == 0 || passed > cuts.passed {
            *cuts = Cuts {
                count: cuts.count + 1,
                passed,
            };
        }
        let is_enough = cuts.count >= CUTS;
        if is_enough {
            self.forget(task);
        }
        is_enough
    }

    /// Notes that a result of this size was answered.
    pub(super) fn answered(&mut self, task: &TaskId, size: usize) {
        self.forget(task);
        self.too_large = self.too_large.filter(|limit| size < *limit);
    }

    /// Forgets a result that was answered.
    pub(super) fn forget(&mut self, task: &TaskId) {
        self.results.remove(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = SMALL + 2;

    #[test]
    fn a_large_result_cut_three_times_while_small_requests_pass_is_too_large() {
        let (mut cuts, task) = (CutResults::default(), TaskId::from("t"));
        for _ in 1..CUTS {
            assert!(!cuts.cut(&task, LARGE));
            assert!(!cuts.cut(&task, LARGE), "nothing has passed in between");
            cuts.small_request_passed();
        }
        assert!(!cuts.cut(&"other".into(), LARGE), "each for itself");
        assert!(cuts.cut(&task, LARGE));
        assert!(cuts.cut(&task, LARGE), "the limit has been learnt");
        assert!(!cuts.cut(&"smaller".into(), LARGE - 1));
        cuts.answered(&task, LARGE);
        assert!(!cuts.cut(&task, LARGE), "and unlearnt");
    }

    #[test]
    fn small_results_and_those_that_were_answered_are_not_counted() {
        let (mut cuts, task) = (CutResults::default(), TaskId::from("t"));
        for _ in 0..2 * CUTS {
            assert!(!cuts.cut(&task, SMALL));
            assert!(!cuts.cut(&task, LARGE));
            cuts.small_request_passed();
            cuts.forget(&task);
        }
    }

    #[test]
    fn an_orchestrator_that_is_away_says_nothing_of_sizes() {
        let (mut cuts, task) = (CutResults::default(), TaskId::from("t"));
        for _ in 0..10 * CUTS {
            assert!(!cuts.cut(&task, LARGE));
        }
    }
}
