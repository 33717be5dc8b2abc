//! The way to a clean end, as a machine of phases with bounds, all within one budget.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Timing;

/// With less time than this for everything, what follows the tasks still has its share of this.
const LEAST: Duration = Duration::from_secs(5);
/// How long polls of a worker are awaited that does not come back under its name, once the
/// orchestrators know: nobody will be handed its tasks.
const OF_NO_RETURN: Duration = Duration::from_secs(1);
/// How much longer than a handler's grace time the drain waits for cancelled tasks.
const GRACE_ALLOWANCE: Duration = Duration::from_secs(1);

/// How the time for the whole end is shared out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DrainLimits {
    /// How long a poll can stay open at all.
    poll_hold: Duration,
    /// How long open polls are awaited once the orchestrators know.
    poll_wait: Duration,
    /// How long running tasks may take, from the beginning.
    tasks: Duration,
    /// How long cancelled tasks may take to end.
    grace: Duration,
    /// From the beginning, when the last task is given up.
    tasks_over: Duration,
    /// How long results may take after the tasks have ended.
    results: Duration,
    /// From the beginning, when the last result is given up.
    results_over: Duration,
    /// Everything, from the beginning.
    all: Duration,
}

impl DrainLimits {
    /// `returns`: whether there will be another process with the name of this worker.
    pub(crate) fn of(timing: &Timing, returns: bool) -> Self {
        let budget = timing.shutdown_timeout;
        let shared = budget.max(LEAST);
        let grace = (timing.cancel_grace.saturating_add(GRACE_ALLOWANCE)).min(shared.mul_f64(0.24));
        let results = shared.mul_f64(0.16);
        let closing = shared.mul_f64(0.12).min(Duration::from_secs(10));
        let tasks = budget.saturating_sub(grace + results + closing);
        Self {
            poll_hold: timing.poll_timeout,
            poll_wait: if returns {
                timing.drain_poll_wait
            } else {
                timing.drain_poll_wait.min(OF_NO_RETURN)
            },
            tasks,
            grace,
            tasks_over: tasks + grace,
            results: timing.drain_results_wait,
            results_over: tasks + grace + results,
            all: tasks + grace + results + closing,
        }
    }

    /// How long everything may take.
    pub(crate) fn whole(&self) -> Duration {
        self.all
    }

    /// How long handlers have to end when the time of the tasks is up.
    pub(crate) fn handler_grace(timing: &Timing) -> Duration {
        let limits = Self::of(timing, false);
        // A quarter less: whoever makes use of all of it is still heard.
        timing.cancel_grace.min(limits.grace.mul_f64(0.8))
    }
}

/// What is still going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pending {
    pub(crate) polls: usize,
    pub(crate) tasks: usize,
    pub(crate) results: usize,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DrainStep {
    /// Ask again when something has changed, and at this time.
    Wait(Instant),
    /// Drop the polls that are still open, then ask again.
    DropPolls,
    /// Call off the running tasks, then ask again.
    CancelTasks,
    /// Give up on tasks that do not end and report them as interrupted, then ask again.
    AbandonTasks,
    /// Everything is over.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Tasks run. New ones may come as long as polls are open.
    Running,
    Cancelling {
        until: Instant,
    },
    /// Those that did not end have been given up.
    Abandoned,
}

/// A drain under way.
#[derive(Debug)]
pub(crate) struct Drain {
    phase: Phase,
    limits: DrainLimits,
    began: Instant,
    /// Until when open polls are awaited; `None` when they are over.
    polls_until: Option<Instant>,
    /// Until when results are awaited, once the tasks are over.
    results_until: Option<Instant>,
}

impl Drain {
    pub(crate) fn begin(limits: DrainLimits, now: Instant) -> Self {
        let hold = limits.poll_hold.min(limits.tasks_over);
        Self {
            phase: Phase::Running,
            began: now,
            polls_until: Some(now + hold),
            results_until: None,
            limits,
        }
    }

    /// The orchestrators know that we take no more tasks: an open poll brings one
    /// only if it was handed out just before, or by one that goes by what it knew before,
    /// which may take as long as `lag`.
    pub(crate) fn announced(&mut self, now: Instant, lag: Duration) {
        if let Some(until) = &mut self.polls_until {
            let wait = self.limits.poll_wait.max(lag).min(self.limits.tasks_over);
            *until = (*until).min(now + wait);
        }
    }

    /// When everything has to be over.
    pub(crate) fn ends_at(&self) -> Instant {
        self.began + self.limits.all
    }

    /// What to do, asked whenever something changed.
    pub(crate) fn step(&mut self, now: Instant, pending: Pending) -> DrainStep {
        if pending.polls == 0 {
            self.polls_until = None;
        } else if self.polls_until.is_some_and(|until| now >= until) {
            self.polls_until = None;
            return DrainStep::DropPolls;
        }
        if pending.tasks > 0 {
            if let Some(step) = self.wait_for_tasks(now) {
                return step;
            }
        } else {
            // A poll may still bring one.
            self.phase = Phase::Running;
        }
        if let Some(until) = self.polls_until {
            return DrainStep::Wait(until);
        }
        let last = self.began + self.limits.results_over;
        let usual = now + self.limits.results.min(self.limits.all);
        let until = *self.results_until.get_or_insert(usual.min(last));
        if pending.results > 0 && now < until {
            DrainStep::Wait(until)
        } else {
            DrainStep::End
        }
    }

    fn wait_for_tasks(&mut self, now: Instant) -> Option<DrainStep> {
        let until = match self.phase {
            Phase::Abandoned => return None,
            Phase::Running => self.began + self.limits.tasks,
            Phase::Cancelling { until } => until,
        };
        if now < until {
            let polls = self.polls_until.unwrap_or(until);
            return Some(DrainStep::Wait(until.min(polls)));
        }
        if self.phase == Phase::Running {
            let last = self.began + self.limits.tasks_over;
            self.phase = Phase::Cancelling {
                until: last.min(now + self.limits.grace),
            };
            return Some(DrainStep::CancelTasks);
        }
        self.phase = Phase::Abandoned;
        Some(DrainStep::AbandonTasks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// 25 s: tasks until 12, their grace until 18, results until 22.
    fn limits() -> DrainLimits {
        DrainLimits::of(&Timing::default(), true)
    }

    fn pending(polls: usize, tasks: usize, results: usize) -> Pending {
        Pending {
            polls,
            tasks,
            results,
        }
    }

    #[test]
    fn the_budget_holds_everything() {
        let limits = limits();
        assert_eq!(limits.tasks, 12 * SECOND);
        assert_eq!(limits.tasks_over, 18 * SECOND);
        assert_eq!(limits.results_over, 22 * SECOND);
        assert_eq!(limits.all, 25 * SECOND);
        for seconds in [0, 1, 5, 9, 25, 60, 3600, 1_000_000_000] {
            let timing = Timing {
                shutdown_timeout: Duration::from_secs(seconds),
                ..Timing::default()
            };
            let limits = DrainLimits::of(&timing, true);
            let most = timing.shutdown_timeout.max(LEAST);
            assert!(limits.all <= most, "{limits:?}");
            assert!(
                limits.grace > DrainLimits::handler_grace(&timing),
                "{limits:?}"
            );
        }
    }

    #[test]
    fn an_idle_worker_ends_as_soon_as_its_poll_is_answered() {
        let now = Instant::now();
        let mut drain = Drain::begin(limits(), now);
        let wait = DrainStep::Wait(now + 18 * SECOND);
        assert_eq!(drain.step(now, pending(1, 0, 0)), wait);
        drain.announced(now, Duration::ZERO);
        assert_eq!(drain.step(now, pending(1, 0, 0)), wait);
        assert_eq!(drain.step(now, pending(0, 0, 0)), DrainStep::End);
    }

    #[test]
    fn one_that_does_not_come_back_waits_no_longer_than_an_orchestrator_takes_to_note_it() {
        let now = Instant::now();
        for (lag, wait) in [(3 * SECOND, 3 * SECOND), (SECOND / 2, SECOND)] {
            let limits = DrainLimits::of(&Timing::default(), false);
            let mut drain = Drain::begin(limits, now);
            drain.announced(now, lag);
            let step = drain.step(now, pending(1, 0, 0));
            assert_eq!(step, DrainStep::Wait(now + wait));
        }
    }

    #[test]
    fn tasks_that_do_not_end_are_called_off_then_given_up() {
        let now = Instant::now();
        let mut drain = Drain::begin(limits(), now);
        let late = now + 12 * SECOND;
        assert_eq!(drain.step(now, pending(0, 2, 0)), DrainStep::Wait(late));
        assert_eq!(drain.step(late, pending(0, 2, 0)), DrainStep::CancelTasks);
        let later = late + 6 * SECOND;
        assert_eq!(drain.step(late, pending(0, 1, 1)), DrainStep::Wait(later));
        assert_eq!(drain.step(later, pending(0, 1, 1)), DrainStep::AbandonTasks);
        let last = later + 4 * SECOND;
        assert_eq!(drain.step(later, pending(0, 0, 2)), DrainStep::Wait(last));
        assert_eq!(drain.step(last, pending(0, 0, 2)), DrainStep::End);
    }

    #[test]
    fn polls_that_stay_open_are_dropped_and_a_late_announcement_wins_them_no_time() {
        let now = Instant::now();
        let mut drain = Drain::begin(limits(), now);
        let until = now + 18 * SECOND;
        assert_eq!(drain.step(now, pending(1, 0, 0)), DrainStep::Wait(until));
        drain.announced(until - SECOND / 2, 5 * SECOND);
        let late = drain.step(until - SECOND / 2, pending(1, 0, 0));
        assert_eq!(late, DrainStep::Wait(until));
        assert_eq!(drain.step(until, pending(1, 0, 0)), DrainStep::DropPolls);
        assert_eq!(drain.step(until, pending(0, 0, 0)), DrainStep::End);
    }

    #[test]
    fn a_task_that_a_poll_brings_late_is_called_off_and_its_result_awaited() {
        let now = Instant::now();
        let mut drain = Drain::begin(limits(), now);
        let late = now + 15 * SECOND;
        let polls = DrainStep::Wait(now + 18 * SECOND);
        assert_eq!(drain.step(now, pending(1, 0, 0)), polls);
        assert_eq!(drain.step(late, pending(0, 1, 0)), DrainStep::CancelTasks);
        let results = DrainStep::Wait(now + 22 * SECOND);
        assert_eq!(drain.step(late, pending(0, 0, 1)), results);
        assert_eq!(drain.step(late, pending(0, 0, 0)), DrainStep::End);
    }

    proptest! {
        /// Whatever is pending and however slowly it goes, following the steps ends
        /// within the time for everything.
        #[test]
        fn a_drain_always_ends_in_time(
            load in prop::collection::vec((0usize..3, 0usize..3, 0usize..3), 1..50),
            announce in proptest::option::of(0usize..5),
            budget in 0u64..100,
        ) {
            let timing = Timing { shutdown_timeout: Duration::from_secs(budget), ..Timing::default() };
            let start = Instant::now();
            let mut now = start;
            let mut drain = Drain::begin(DrainLimits::of(&timing, true), now);
            let mut ended = false;
            for turn in 0..200 {
                if announce == Some(turn) {
                    drain.announced(now, Duration::ZERO);
                }
                let (polls, tasks, results) = load[turn % load.len()];
                match drain.step(now, pending(polls, tasks, results)) {
                    DrainStep::Wait(until) => {
                        prop_assert!(until > now);
                        now = until;
                    }
                    DrainStep::End => {
                        ended = true;
                        break;
                    }
                    _ => {}
                }
            }
            prop_assert!(ended);
            prop_assert!(now <= drain.ends_at());
        }
    }
}
