//! Which results the controller has read. The protocol has no acknowledgement, so it is
//! concluded from what can only come afterwards:
//!
//! - the next assignment, where assignments and results have taken turns: to the
//!   controller a connection is busy until it has read the result (v0.0.6);
//! - the answer to a ping behind the result, for messages are read in their order. It
//!   is sent when no assignment comes for a moment, and at once where turns were not
//!   kept: the next assignment may have been under way already.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::books::Assigned;
use crate::id::TaskId;

/// How long the next assignment may take before a ping asks.
pub(super) const A_MOMENT: Duration = Duration::from_millis(50);

/// The results of one connection that may be unread.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    /// Each with the number of the ping behind it, if there is one.
    results: VecDeque<(Written, Option<u64>)>,
    pings: u64,
    /// Whether assignments and results have taken turns so far, and that counts.
    in_turns: bool,
    /// From then on, a controller that answers no ping is believed to have read.
    within: Duration,
}

/// A result that was written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) task_id: TaskId,
    /// Whether the controller may assign the task again, for it failed.
    pub(super) returns: bool,
    pub(super) at: Instant,
    /// Hears when it was read; dropped when the connection ends before.
    pub(super) taken: oneshot::Sender<()>,
}

/// What is to be done about results that were written a while ago.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Send a ping with this number.
    Ping(u64),
    /// Look again then.
    Later(Instant),
    /// Nothing.
    Nothing,
}

impl Unconfirmed {
    /// `by_turns`: assignments count. `within` is the most that a result waits for the
    /// answer to a ping, on a connection that lives.
    pub(super) fn new(by_turns: bool, within: Duration) -> Self {
        Self {
            results: VecDeque::new(),
            pings: 0,
            in_turns: by_turns,
            within,
        }
    }

    /// A result was written; `in_turn` if it is that of the task which the connection has.
    pub(super) fn wrote(&mut self, result: Written, in_turn: bool) {
        self.in_turns &= in_turn;
        self.results.push_back((result, None));
    }

    /// A task was assigned.
    pub(super) fn assigned(&mut self, task_id: &TaskId, became: Assigned) {
        // A task that has succeeded is assigned again where its assignment is believed
        // lost.
        let is_same = |(it, _): &(Written, _)| it.task_id == *task_id && !it.returns;
        let repeats = self.results.iter().any(is_same);
        self.in_turns &= became == Assigned::Ready && !repeats;
        if self.in_turns {
            self.all();
        }
    }

    /// A ping was answered: everything before it was read.
    pub(super) fn answered(&mut self, ping: u64) {
        let is_before =
            |(_, sent): &mut (Written, Option<u64>)| sent.is_some_and(|sent| sent <= ping);
        while let Some((read, _)) = self.results.pop_front_if(is_before) {
            read.confirm();
        }
    }

    /// Everything was read.
    pub(super) fn all(&mut self) {
        self.results.drain(..).for_each(|(it, _)| it.confirm());
    }

    /// What to do now. A ping that is returned is taken for sent.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let within = self.within;
        while let Some((old, _)) = self.results.pop_front_if(|(it, _)| now >= it.at + within) {
            old.confirm();
        }
        let patience = if self.in_turns {
            A_MOMENT
        } else {
            Duration::ZERO
        };
        let mut unasked = self.results.iter().filter(|(_, ping)| ping.is_none());
        let ask_at = unasked.next().map(|(it, _)| it.at + patience);
        if ask_at.is_some_and(|at| at <= now) {
            self.pings += 1;
            for (_, ping) in &mut self.results {
                ping.get_or_insert(self.pings);
            }
            return Due::Ping(self.pings);
        }
        let give_up_at = self.results.front().map(|(it, _)| it.at + within);
        match ask_at.into_iter().chain(give_up_at).min() {
            Some(at) => Due::Later(at),
            None => Due::Nothing,
        }
    }
}

impl Written {
    fn confirm(self) {
        // The worker may have stopped waiting.
        let _ = self.taken.send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(5);

    struct Results {
        of: Unconfirmed,
        now: Instant,
    }

    impl Results {
        fn new(by_turns: bool) -> Self {
            Self {
                of: Unconfirmed::new(by_turns, WITHIN),
                now: Instant::now(),
            }
        }

        fn write(&mut self, id: &str, in_turn: bool) -> oneshot::Receiver<()> {
            self.write_one(id, in_turn, false)
        }

        fn write_failure(&mut self, id: &str) -> oneshot::Receiver<()> {
            self.write_one(id, true, true)
        }

        fn write_one(&mut self, id: &str, in_turn: bool, returns: bool) -> oneshot::Receiver<()> {
            let (taken, was_taken) = oneshot::channel();
            let written = Written {
                task_id: id.into(),
                returns,
                at: self.now,
                taken,
            };
            self.of.wrote(written, in_turn);
            was_taken
        }

        fn assign(&mut self, id: &str, became: Assigned) {
            self.of.assigned(&id.into(), became);
        }

        fn due(&mut self) -> Due {
            self.of.due(self.now)
        }
    }

    fn is_confirmed(taken: &mut oneshot::Receiver<()>) -> bool {
        taken.try_recv().is_ok()
    }

    #[test]
    fn the_next_assignment_confirms_a_result_without_a_ping() {
        let mut results = Results::new(true);
        for id in ["a", "b", "c"] {
            results.assign(id, Assigned::Ready);
            let mut taken = results.write(id, true);
            assert_eq!(results.due(), Due::Later(results.now + A_MOMENT));
            assert!(!is_confirmed(&mut taken));
            results.assign("next", Assigned::Ready);
            assert!(is_confirmed(&mut taken), "{id}");
            assert_eq!(results.due(), Due::Nothing);
        }
    }

    #[test]
    fn a_failed_task_that_comes_back_confirms_its_failure() {
        let mut results = Results::new(true);
        let mut taken = results.write_failure("a");
        results.assign("a", Assigned::Ready);
        assert!(is_confirmed(&mut taken));
    }

    #[test]
    fn without_an_assignment_a_ping_asks_and_its_answer_confirms() {
        let mut results = Results::new(true);
        let mut taken = results.write("a", true);
        results.now += A_MOMENT;
        assert_eq!(results.due(), Due::Ping(1));
        assert_eq!(results.due(), Due::Later(results.now - A_MOMENT + WITHIN));
        results.of.answered(0);
        assert!(!is_confirmed(&mut taken), "the answer to an earlier one");
        results.of.answered(1);
        assert!(is_confirmed(&mut taken));
    }

    #[test]
    fn an_answer_confirms_nothing_that_was_written_after_its_ping() {
        let mut results = Results::new(false);
        let mut first = results.write("a", true);
        assert_eq!(results.due(), Due::Ping(1));
        let mut second = results.write("b", true);
        results.of.answered(1);
        assert!(is_confirmed(&mut first) && !is_confirmed(&mut second));
        assert_eq!(results.due(), Due::Ping(2));
    }

    #[test]
    fn an_assignment_that_may_have_been_sent_before_confirms_nothing_ever_after() {
        type Oddity = fn(&mut Results);
        let oddities: [Oddity; 4] = [
            |results| results.assign("b", Assigned::Waits),
            |results| results.assign("a", Assigned::Repeated),
            |results| drop(results.write("of an earlier connection", false)),
            |results| {
                drop(results.write("a", true));
                results.assign("a", Assigned::Ready);
            },
        ];
        for oddity in oddities {
            let mut results = Results::new(true);
            results.assign("a", Assigned::Ready);
            oddity(&mut results);
            let mut taken = results.write("b", true);
            assert!(matches!(results.due(), Due::Ping(_)), "at once");
            results.assign("c", Assigned::Ready);
            assert!(!is_confirmed(&mut taken));
        }
    }

    #[test]
    fn a_connection_that_ends_confirms_nothing() {
        let mut results = Results::new(true);
        let mut taken = results.write("a", true);
        drop(results);
        let ended = taken.try_recv();
        assert_eq!(ended, Err(oneshot::error::TryRecvError::Closed));
    }

    #[test]
    fn a_controller_that_answers_no_ping_is_believed_after_a_time() {
        let mut results = Results::new(true);
        let mut taken = results.write("a", true);
        results.now += A_MOMENT;
        assert_eq!(results.due(), Due::Ping(1));
        results.now += WITHIN;
        assert_eq!(results.due(), Due::Nothing);
        assert!(is_confirmed(&mut taken));
    }
}
