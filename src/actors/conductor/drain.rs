//! The way to a clean end, as a machine of phases with bounds.

use std::time::Duration;

use tokio::time::Instant;

/// Bounds of the phases.
#[derive(Debug, Clone)]
pub(crate) struct DrainLimits {
    /// How long a poll can stay open at all.
    pub(crate) poll_hold: Duration,
    /// How long open polls are awaited once the orchestrators know.
    pub(crate) poll_wait: Duration,
    /// How long running tasks may take, from the beginning.
    pub(crate) tasks: Duration,
    /// How long cancelled tasks may take to end.
    pub(crate) grace: Duration,
    /// How long results may take after the tasks have ended.
    pub(crate) results: Duration,
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
    Polls { until: Instant },
    Tasks,
    Cancelling { until: Instant },
    Results { until: Instant },
    Ended,
}

/// A drain under way.
#[derive(Debug)]
pub(crate) struct Drain {
    phase: Phase,
    limits: DrainLimits,
    tasks_until: Instant,
}

impl Drain {
    pub(crate) fn begin(limits: DrainLimits, now: Instant) -> Self {
        let tasks_until = now + limits.tasks;
        let until = tasks_until.min(now + limits.poll_hold);
        Self {
            phase: Phase::Polls { until },
            limits,
            tasks_until,
        }
    }

    /// The orchestrators know that we take no more tasks: an open poll brings one
    /// only if it was handed out just before, or by one that goes by what it knew before,
    /// which may take as long as `lag`.
    pub(crate) fn announced(&mut self, now: Instant, lag: Duration) {
        if let Phase::Polls { until } = &mut self.phase {
            *until = (*until).min(now + self.limits.poll_wait.max(lag));
        }
    }

    /// What to do, asked whenever something changed.
    pub(crate) fn step(&mut self, now: Instant, pending: Pending) -> DrainStep {
        match self.phase {
            Phase::Polls { .. } if pending.polls == 0 => {
                self.phase = Phase::Tasks;
                self.step(now, pending)
            }
            Phase::Polls { until } if now >= until => {
                self.phase = Phase::Tasks;
                DrainStep::DropPolls
            }
            Phase::Tasks | Phase::Cancelling { .. } if pending.tasks == 0 => {
                self.deliver(now, pending)
            }
            Phase::Tasks if now >= self.tasks_until => {
                self.phase = Phase::Cancelling {
                    until: now + self.limits.grace,
                };
                DrainStep::CancelTasks
            }
            Phase::Tasks => DrainStep::Wait(self.tasks_until),
            Phase::Cancelling { until } if now >= until => {
                self.phase = Phase::Results {
                    until: now + self.limits.results,
                };
                DrainStep::AbandonTasks
            }
            Phase::Polls { until } | Phase::Cancelling { until } => DrainStep::Wait(until),
            Phase::Results { until } if pending.results > 0 && now < until => {
                DrainStep::Wait(until)
            }
            Phase::Results { .. } | Phase::Ended => {
                self.phase = Phase::Ended;
                DrainStep::End
            }
        }
    }

    fn deliver(&mut self, now: Instant, pending: Pending) -> DrainStep {
        self.phase = Phase::Results {
            until: now + self.limits.results,
        };
        self.step(now, pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> DrainLimits {
        DrainLimits {
            poll_hold: 35 * SECOND,
            poll_wait: SECOND,
            tasks: 30 * SECOND,
            grace: 5 * SECOND,
            results: 10 * SECOND,
        }
    }

    fn pending(polls: usize, tasks: usize, results: usize) -> Pending {
        Pending {
            polls,
            tasks,
            results,
        }
    }

    #[test]
    fn an_idle_worker_ends_as_soon_as_its_poll_is_answered() {
        let now = Instant::now();
        let mut drain = Drain::begin(limits(), now);
        assert_eq!(
            drain.step(now, pending(1, 0, 0)),
            DrainStep::Wait(now + 30 * SECOND)
        );
        drain.announced(now, Duration::ZERO);
        assert_eq!(
            drain.step(now, pending(1, 0, 0)),
            DrainStep::Wait(now + SECOND)
        );
        assert_eq!(drain.step(now, pending(0, 0, 0)), DrainStep::End);
    }

    #[test]
    fn an_orchestrator_that_is_slow_to_take_note_is_waited_for() {
        let now = Instant::now();
        for (lag, wait) in [(3 * SECOND, 3 * SECOND), (SECOND / 2, SECOND)] {
            let mut drain = Drain::begin(limits(), now);
            drain.announced(now, lag);
            let step = drain.step(now, pending(1, 0, 0));
            assert_eq!(step, DrainStep::Wait(now + wait));
        }
    }

    #[test]
    fn tasks_that_do_not_end_are_called_off_then_given_up() {
        let now = Instant::now();
        let mut drain = Drain::begin(limits(), now);
        let late = now + 30 * SECOND;
        assert_eq!(drain.step(now, pending(0, 2, 0)), DrainStep::Wait(late));
        assert_eq!(drain.step(late, pending(0, 2, 0)), DrainStep::CancelTasks);
        assert_eq!(
            drain.step(late, pending(0, 1, 1)),
            DrainStep::Wait(late + 5 * SECOND)
        );
        let later = late + 5 * SECOND;
        assert_eq!(drain.step(later, pending(0, 1, 1)), DrainStep::AbandonTasks);
        assert_eq!(
            drain.step(later, pending(0, 0, 2)),
            DrainStep::Wait(later + 10 * SECOND)
        );
        assert_eq!(
            drain.step(later + 10 * SECOND, pending(0, 0, 2)),
            DrainStep::End
        );
    }

    #[test]
    fn polls_that_stay_open_are_dropped_and_a_late_announcement_wins_them_no_time() {
        let now = Instant::now();
        let mut drain = Drain::begin(limits(), now);
        let until = now + 30 * SECOND;
        assert_eq!(drain.step(now, pending(1, 0, 0)), DrainStep::Wait(until));
        drain.announced(until - SECOND / 2, 5 * SECOND);
        let late = drain.step(until - SECOND / 2, pending(1, 0, 0));
        assert_eq!(late, DrainStep::Wait(until));
        assert_eq!(drain.step(until, pending(1, 0, 0)), DrainStep::DropPolls);
        assert_eq!(drain.step(until, pending(0, 0, 0)), DrainStep::End);
    }

    proptest! {
        /// Whatever is pending and however slowly it goes, following the steps ends
        /// within the sum of the bounds.
        #[test]
        fn a_drain_always_ends_in_time(
            load in prop::collection::vec((0usize..3, 0usize..3, 0usize..3), 1..50),
            announce in proptest::option::of(0usize..5),
        ) {
            let start = Instant::now();
            let mut now = start;
            let mut drain = Drain::begin(limits(), now);
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
            prop_assert!(now <= start + 46 * SECOND);
        }
    }
}
