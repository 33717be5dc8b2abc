//! Can the worker get tasks and be rid of results? Judged from what is seen of it.

use std::time::Duration;

use crate::status::{Vitals, WorkerStatus};

/// Polls are answered or sent anew all the time; without any for this long
/// something is wrong.
const NO_POLLS: Duration = Duration::from_secs(5);
/// Results that do not get out for this long are a reason not to send more tasks.
const UNSENT: Duration = Duration::from_mins(1);

/// What is normal for a worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norms {
    /// From one heartbeat to the next.
    pub(crate) heartbeat_interval: Duration,
    /// How long an answer may take.
    pub(crate) request_timeout: Duration,
}

/// Why the worker is not ready; nothing: it is.
pub(crate) fn reasons(status: &WorkerStatus, vitals: &Vitals, norms: Norms) -> Vec<String> {
    let mut reasons = Vec::new();
    if vitals.is_stuck() {
        reasons.push("the control thread does not answer".to_owned());
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
    if let Some(since) = status.unsent_for.filter(|since| *since > UNSENT) {
        let (unsent, since) = (status.unsent, since.as_secs());
        reasons.push(format!("{unsent} results are undelivered, for {since} s"));
    }
    reasons.extend(silence(status, norms));
    reasons
}

/// Whether polls or heartbeats have stopped.
fn silence(status: &WorkerStatus, norms: Norms) -> Option<String> {
    let mut registered = status.orchestrators.iter().filter(|it| it.registered);
    let longest = 3 * norms.heartbeat_interval + norms.request_timeout;
    let unheard = |age: Option<Duration>| age.is_some_and(|age| age > longest);
    if registered.clone().all(|it| unheard(it.last_heartbeat)) {
        return Some("no orchestrator answers heartbeats".to_owned());
    }
    let capacity = &status.capacity;
    let stopped = status.paused || status.held || capacity.refused.is_some();
    let may_poll = !stopped && capacity.tasks < capacity.limit;
    let silent = |age: Option<Duration>| age.is_some_and(|age| age > NO_POLLS);
    if may_poll && registered.all(|it| it.open_polls == 0 && silent(it.last_poll)) {
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

    fn well() -> Vitals {
        Vitals::of(Some(Duration::ZERO), [Some(Duration::ZERO), None])
    }

    fn status(change: impl FnOnce(&StatusBoard)) -> WorkerStatus {
        let board = StatusBoard::new(["a", "b"], []);
        board.set_capacity(|capacity| capacity.limit = 1);
        board.set_registered(0, true);
        let link = board.link(0).expect("made with it");
        link.answered(Exchange::Heartbeat, true, Duration::ZERO);
        link.answered(Exchange::Poll, false, Duration::ZERO);
        link.set_open_polls(1);
        change(&board);
        board.read()
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
        ] {
            let reason = only(&status, &well());
            assert!(reason.contains(word), "{reason}");
        }
    }

    #[test]
    fn silence_is_noticed_where_polls_are_due() {
        let mut silent = status(|board| {
            let link = board.link(0).expect("made with it");
            link.set_open_polls(0);
            let reason = "refused".to_owned();
            link.failed(Exchange::Poll, &TransportError::Unreachable { reason });
        });
        silent.orchestrators[0].last_poll = Some(Duration::from_secs(6));
        let reason = only(&silent, &well());
        assert!(
            reason.contains("no poll") && reason.contains("refused"),
            "{reason}"
        );
        // A worker that is full does not poll.
        silent.capacity.tasks = 1;
        assert_eq!(reasons(&silent, &well(), NORMS), [""; 0]);
        silent.orchestrators[0].last_heartbeat = Some(Duration::from_secs(56));
        assert!(only(&silent, &well()).contains("heartbeats"));
    }

    #[test]
    fn results_that_wait_for_long_are_a_reason() {
        let mut waiting = status(|board| board.set_unsent(3));
        assert_eq!(reasons(&waiting, &well(), NORMS), [""; 0]);
        waiting.unsent_for = Some(Duration::from_secs(61));
        assert!(only(&waiting, &well()).contains("3 results"));
    }
}
