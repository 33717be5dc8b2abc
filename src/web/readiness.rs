//! Can the worker get tasks and be rid of results? Judged from what is seen of it.

use std::time::Duration;

use crate::status::{OrchestratorStatus, Vitals, WorkerStatus};

/// Polls are answered or sent anew all the time; without any for this long
/// something is wrong.
const NO_POLLS: Duration = Duration::from_secs(5);
/// Results that do not get out for this long are a reason not to send more tasks.
const UNSENT: Duration = Duration::from_mins(1);

/// No life, and no readiness.
pub(crate) const STUCK: &str = "the control thread does not answer";

/// What is normal for a worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norms {
    /// From one heartbeat to the next.
    pub(crate) heartbeat_interval: Duration,
    /// How long an answer may take.
    pub(crate) request_timeout: Duration,
}

impl Norms {
    /// So long there may be no poll although tasks can be taken.
    fn poll_gap(self) -> Duration {
        self.request_timeout.min(NO_POLLS)
    }

    /// So long the answers to heartbeats may stay away.
    fn heartbeat_gap(self) -> Duration {
        3 * self.heartbeat_interval + self.request_timeout
    }

    /// So long results may be on their way: time for several attempts.
    fn unsent(self) -> Duration {
        (6 * self.request_timeout).min(UNSENT)
    }
}

/// Why the worker is not ready; nothing: it is.
pub(crate) fn reasons(status: &WorkerStatus, vitals: &Vitals, norms: Norms) -> Vec<String> {
    let mut reasons = Vec::new();
    if vitals.is_stuck() {
        reasons.push(STUCK.to_owned());
    }
    let handlers = vitals.handlers.len();
    if handlers > 0 && vitals.stuck_handlers() == handlers {
        reasons.push(format!("all {handlers} handler threads are stuck"));
    }
    if status.draining {
        reasons.push("shutting down".to_owned());
        return reasons;
    }
    if status.paused {
        reasons.push("paused".to_owned());
    }
    if let Some(unwell) = &status.unwell {
        reasons.push(format!("takes no tasks: {unwell}"));
    }
    if let Some(trouble) = &status.journal_trouble {
        reasons.push(format!("a crash loses results: {trouble}"));
    }
    let limit = status.capacity.limit;
    if limit > 0 && status.abandoned >= limit {
        reasons.push(format!(
            "all {limit} slots are kept by handlers that were called off and do not end"
        ));
    }
    if status.registered == 0 {
        reasons.push("not registered with any orchestrator".to_owned());
        return reasons;
    }
    if status.held {
        let unsent = status.unsent;
        reasons.push(format!(
            "takes no tasks: {unsent} results have to go out first"
        ));
    }
    if let Some(since) = status.unsent_for.filter(|since| *since > norms.unsent()) {
        let (unsent, since) = (status.unsent, since.as_secs());
        reasons.push(format!("{unsent} results are undelivered, for {since} s"));
    }
    reasons.extend(silence(status, norms));
    reasons
}

/// Whether heartbeats or polls have stopped.
fn silence(status: &WorkerStatus, norms: Norms) -> Option<String> {
    let mut registered = status.orchestrators.iter().filter(|it| it.registered);
    // What never came is as old as the registration, and nothing is older than it.
    let old = |link: &OrchestratorStatus, age: Option<Duration>, most: Duration| {
        let known = link.registered_for.unwrap_or_default();
        age.map_or(known, |age| age.min(known)) > most
    };
    let longest = norms.heartbeat_gap();
    if registered
        .clone()
        .all(|it| old(it, it.last_heartbeat, longest))
    {
        return Some("no orchestrator answers heartbeats".to_owned());
    }
    let longest = norms.poll_gap();
    // A worker that was full, paused or held has just begun to poll again.
    let is_due = status.open_for.is_some_and(|open| open > longest);
    if is_due && registered.all(|it| it.open_polls == 0 && old(it, it.last_poll, longest)) {
        let why = status
            .orchestrators
            .iter()
            .find_map(|it| it.trouble.as_ref());
        let why = why.map_or(String::new(), |it| format!(": {}", it.message));
        return Some(format!("no poll is open at any orchestrator{why}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Exchange, StatusBoard};
    use crate::transport::TransportError;

    const NORMS: Norms = Norms {
        heartbeat_interval: Duration::from_secs(15),
        request_timeout: Duration::from_secs(10),
    };
    const HOUR: Duration = Duration::from_hours(1);

    fn well() -> Vitals {
        Vitals::of(Some(Duration::ZERO), [Some(Duration::ZERO), None])
    }

    /// A worker that has been at work for an hour.
    fn status(change: impl FnOnce(&StatusBoard)) -> WorkerStatus {
        let board = StatusBoard::new(["a", "b"], [], true);
        board.set_capacity(|capacity| capacity.limit = 1);
        board.set_registered(0, true);
        let link = board.link(0).expect("made with it");
        link.answered(Exchange::Heartbeat, true, Duration::ZERO);
        link.answered(Exchange::Poll, false, Duration::ZERO);
        link.set_open_polls(1);
        change(&board);
        let mut status = board.read();
        status.open_for = status.open_for.map(|_| HOUR);
        if let Some(known) = &mut status.orchestrators[0].registered_for {
            *known = HOUR;
        }
        status
    }

    fn only(status: &WorkerStatus, vitals: &Vitals) -> String {
        let mut reasons = reasons(status, vitals, NORMS);
        assert_eq!(reasons.len(), 1, "{reasons:?}");
        reasons.remove(0)
    }

    #[test]
    fn a_working_worker_is_ready_even_with_a_stuck_handler() {
        assert_eq!(reasons(&status(|_| {}), &well(), NORMS), [""; 0]);
    }

    #[test]
    fn each_trouble_is_named() {
        let all_stuck = Vitals::of(Some(Duration::ZERO), [None, None]);
        assert!(only(&status(|_| {}), &all_stuck).contains("2 handler threads"));
        let control = Vitals::of(None, [Some(Duration::ZERO)]);
        assert!(only(&status(|_| {}), &control).contains("control thread"));
        for (word, status) in [
            ("shutting down", status(StatusBoard::set_draining)),
            ("paused", status(|board| board.set_paused(true))),
            (
                "not registered",
                status(|board| board.set_registered(0, false)),
            ),
            ("results", status(|board| board.set_held(true))),
            ("all 1 slots", status(|board| board.set_abandoned(1))),
            (
                "no device",
                status(|board| board.set_unwell(Some("check: no device".into()))),
            ),
            (
                "no space",
                status(|board| board.set_journal_failure(Some("no space".into()))),
            ),
            (
                "does not answer",
                status(|board| board.set_journal_stalled(true)),
            ),
        ] {
            let reason = only(&status, &well());
            assert!(reason.contains(word), "{reason}");
        }
    }

    fn without_polls() -> WorkerStatus {
        let mut silent = status(|board| {
            let link = board.link(0).expect("made with it");
            link.set_open_polls(0);
            let reason = "refused".to_owned();
            link.failed(Exchange::Poll, &TransportError::Unreachable { reason });
        });
        silent.orchestrators[0].last_poll = Some(Duration::from_secs(6));
        silent
    }

    #[test]
    fn silence_is_noticed_where_polls_are_due() {
        let mut silent = without_polls();
        let reason = only(&silent, &well());
        assert!(
            reason.contains("no poll") && reason.contains("refused"),
            "{reason}"
        );
        silent.orchestrators[0].last_poll = None;
        assert!(only(&silent, &well()).contains("no poll"), "never any");
        // A worker that is full does not poll.
        silent.open_for = None;
        assert_eq!(reasons(&silent, &well(), NORMS), [""; 0]);
        silent.orchestrators[0].last_heartbeat = Some(Duration::from_secs(56));
        assert!(only(&silent, &well()).contains("heartbeats"));
        silent.orchestrators[0].last_heartbeat = None;
        assert!(only(&silent, &well()).contains("heartbeats"), "never any");
    }

    #[test]
    fn what_has_just_begun_is_given_time() {
        let just = Some(Duration::from_millis(1));
        let mut freed = without_polls();
        freed.open_for = just;
        assert_eq!(reasons(&freed, &well(), NORMS), [""; 0]);
        let mut back = without_polls();
        back.orchestrators[0].registered_for = just;
        back.orchestrators[0].last_heartbeat = Some(HOUR);
        assert_eq!(reasons(&back, &well(), NORMS), [""; 0]);
    }

    #[test]
    fn results_that_wait_for_long_are_a_reason() {
        let mut waiting = status(|board| board.set_unsent(3));
        assert_eq!(reasons(&waiting, &well(), NORMS), [""; 0]);
        waiting.unsent_for = Some(Duration::from_secs(61));
        assert!(only(&waiting, &well()).contains("3 results"));
    }

    #[test]
    fn a_worker_is_open_while_nothing_is_in_the_way() {
        let board = StatusBoard::new(["a"], [], true);
        assert_eq!(board.read().open_for, None, "no slots yet");
        board.set_capacity(|capacity| capacity.limit = 1);
        assert!(board.read().open_for.is_some());
        board.set_capacity(|capacity| capacity.tasks = 1);
        assert_eq!(board.read().open_for, None, "full");
        board.set_paused(true);
        board.set_capacity(|capacity| capacity.tasks = 0);
        assert_eq!(board.read().open_for, None, "paused");
        board.set_held(true);
        board.set_paused(false);
        assert_eq!(board.read().open_for, None, "held");
        board.set_held(false);
        assert!(board.read().open_for.is_some());
        board.set_capacity(|capacity| capacity.refused = Some("memory".into()));
        assert_eq!(board.read().open_for, None, "refused by a slot policy");
        board.set_capacity(|capacity| capacity.refused = None);
        assert!(board.read().open_for.is_some());
    }
}
