//! Which process of a pool gets a task, when another one is started, and how long after
//! processes that die at once. Plain decisions: processes are numbers here.

use std::time::{Duration, Instant};

use crate::retry::Backoff;

/// The wait after a process that died before it did anything: at first, and at most.
const FIRST_REST: Duration = Duration::from_millis(100);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// A process of the pool, never used twice.
pub(super) type Number = u64;

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Give the next task to this one.
    Give(Number),
    /// Start one by this number.
    Start(Number),
    /// Start none before then, though one is wanted.
    Rest(Instant),
    /// Nothing, until something happens.
    Wait,
}

/// The processes of a pool.
#[derive(Debug)]
pub(super) struct Roster {
    most: usize,
    /// Whether processes are started before there are tasks for them.
    ahead: bool,
    alive: usize,
    idle: Vec<Number>,
    next: Number,
    backoff: Backoff,
    rest: Option<Instant>,
}

impl Roster {
    pub(super) fn new(most: usize, ahead: bool) -> Self {
        Self {
            most: most.max(1),
            ahead,
            alive: 0,
            idle: Vec::new(),
            next: 0,
            backoff: Backoff::new(FIRST_REST, LONGEST_REST, 2.0),
            rest: None,
        }
    }

    /// The next step while so many tasks wait; ask until there is nothing to do.
    pub(super) fn step(&mut self, waiting: usize, now: Instant) -> Step {
        if waiting > 0
            && let Some(number) = self.idle.pop()
        {
            return Step::Give(number);
        }
        let is_wanted = self.ahead || waiting > 0;
        if !is_wanted || self.alive >= self.most {
            return Step::Wait;
        }
        match self.rest {
            Some(until) if now < until => Step::Rest(until),
            _ => {
                self.alive += 1;
                self.next += 1;
                Step::Start(self.next)
            }
        }
    }

    /// Whether a process waits for a task.
    pub(super) fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// A process can take a task: it was started, or has done one.
    pub(super) fn idle(&mut self, number: Number) {
        self.idle.push(number);
    }

    /// A process is gone. `served`: it has answered at least one task.
    pub(super) fn gone(&mut self, number: Number, served: bool, now: Instant, jitter: f64) {
        self.alive -= 1;
        self.idle.retain(|other| *other != number);
        if served {
            self.backoff.reset();
            self.rest = None;
        } else {
            self.rest = Some(now + self.backoff.fail(jitter));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_started_on_demand_and_used_again() {
        let now = Instant::now();
        let mut roster = Roster::new(2, false);
        assert_eq!(roster.step(0, now), Step::Wait);
        assert_eq!(roster.step(1, now), Step::Start(1));
        roster.idle(1);
        assert_eq!(roster.step(1, now), Step::Give(1));
        assert_eq!(roster.step(0, now), Step::Wait);
        roster.idle(1);
        assert_eq!(roster.step(1, now), Step::Give(1), "no second one");
        assert_eq!(roster.step(1, now), Step::Start(2));
        roster.idle(2);
        assert_eq!(roster.step(1, now), Step::Give(2));
        assert_eq!(roster.step(1, now), Step::Wait, "never more than two");
    }

    #[test]
    fn with_ahead_all_are_there_before_the_first_task() {
        let now = Instant::now();
        let mut roster = Roster::new(2, true);
        for number in 1..=2 {
            assert_eq!(roster.step(0, now), Step::Start(number));
            roster.idle(number);
        }
        assert_eq!(roster.step(0, now), Step::Wait);
        roster.gone(1, true, now, 0.0);
        assert_eq!(roster.step(0, now), Step::Start(3));
    }

    #[test]
    fn those_that_die_at_once_are_started_less_and_less_often() {
        let mut now = Instant::now();
        let mut roster = Roster::new(1, false);
        for rest in [100, 200, 400] {
            let Step::Start(number) = roster.step(1, now) else {
                panic!("a start")
            };
            roster.idle(number);
            roster.gone(number, false, now, 0.0);
            let until = now + Duration::from_millis(rest);
            assert_eq!(roster.step(1, now), Step::Rest(until));
            assert_eq!(roster.step(0, now), Step::Wait, "nobody wants one");
            now = until;
        }
        assert_eq!(roster.step(1, now), Step::Start(4));
        roster.gone(4, true, now, 0.0);
        assert_eq!(roster.step(1, now), Step::Start(5), "it had worked");
    }

    #[test]
    fn a_process_that_died_gets_nothing() {
        let now = Instant::now();
        let mut roster = Roster::new(1, false);
        assert_eq!(roster.step(1, now), Step::Start(1));
        roster.idle(1);
        roster.gone(1, true, now, 0.0);
        assert_eq!(roster.step(1, now), Step::Start(2));
    }
}
