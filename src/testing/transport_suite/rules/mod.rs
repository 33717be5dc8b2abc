//! The rules: their names, what the trait demands, and how that is checked.

mod commands;
mod results;
mod standing;
mod tasks;
mod telling;
mod trouble;

use futures_util::future::LocalBoxFuture;

use super::peer::Peer;
use super::stage::{Check, Stage};

pub(super) struct Rule<P: Peer> {
    pub(super) name: &'static str,
    pub(super) demand: &'static str,
    pub(super) check: for<'a> fn(&'a Stage<P>) -> LocalBoxFuture<'a, Check>,
}

macro_rules! rules {
    ($($module:ident :: $check:ident, $name:literal, $demand:literal;)*) => {
        pub(super) fn rules<P: Peer>() -> Vec<Rule<P>> {
            vec![$(Rule {
                name: $name,
                demand: $demand,
                check: |stage| Box::pin($module::$check(stage)),
            },)*]
        }
    };
}

rules! {
    standing::strangers, "strangers",
        "before a registration calls end by themselves, and `probe` does not say `Known`";
    standing::registers, "registers",
        "`register` makes the worker known: `probe` says `Known`, and tasks come";
    standing::registers_often, "registers often",
        "repeating `register` is harmless, also while polls are open";
    tasks::comes_whole, "tasks come whole",
        "a task has the name, parameters and ids that it was submitted with, and the `origin` \
         that the transport was made for";
    tasks::is_held, "polls are held",
        "a poll waits while there is no task, for as long as the server keeps it open";
    tasks::wakes, "polls end with the task",
        "a task that is queued while a poll is open ends that poll";
    tasks::several_at_once, "several polls",
        "several polls may be open at once, and each task comes to one of them";
    tasks::survives_drops, "dropped polls lose nothing",
        "where `poll_is_cancel_safe`, a poll can be dropped at any moment without losing a task";
    results::arrive, "results arrive",
        "after `Ok(Receipt::Accepted)` the orchestrator has the outcome: data, failure or cancel";
    results::twice, "results may come twice",
        "delivering a result again is answered with `Ok` and changes nothing";
    results::wait_for_peer, "results wait",
        "a result that cannot be delivered now is an error that is worth a retry, and goes out \
         when it is delivered again later";
    standing::is_forgotten, "being forgotten shows",
        "when the orchestrator has forgotten the worker, `probe` or `heartbeat` says so, and \
         another registration brings tasks again";
    telling::heartbeats, "heartbeats arrive",
        "`heartbeat` reports every state of the worker to the orchestrator";
    telling::progress, "progress arrives",
        "`progress` passes on how far a task is, where the protocol can";
    commands::cancels, "cancels arrive",
        "a cancel comes with the answer to a heartbeat, or as a command";
    commands::survives_drops, "dropped waits for commands lose nothing",
        "`CommandLink::next` can be dropped at any moment without losing a command";
    trouble::unreachable, "no connection is an error",
        "while the orchestrator cannot be reached, `register`, `poll` and `deliver` do not \
         succeed, `probe` does not say `Known`, and all goes on when it is back";
    trouble::cut, "a cut ends polls",
        "when the connection breaks, an open poll ends, and another registration brings tasks \
         again";
    trouble::refusals, "refusals keep their meaning",
        "an answer that says no is the `TransportError` that says what to do next";
    trouble::garbled, "garbled answers",
        "an answer that is none of the protocol is an error, never a panic or a task";
    trouble::unreadable, "unreadable tasks are named",
        "a task of which only the ids can be read is `Malformed` (or `CutOff`) with these ids, \
         so that its failure can be reported";
    trouble::silent, "every call ends",
        "each request has a time limit of its own, whatever the orchestrator does";
    trouble::secrets, "secrets stay inside",
        "neither `Debug` nor the texts of errors show tokens";
}

/// Rules that cannot be seen from outside.
pub(super) const UNSEEN: [(&str, &str, &str); 2] = [
    (
        "the thread is not blocked",
        "futures of a transport must not block: no `std::fs`, no heavy computing",
        "how long a thread may be blocked depends on the machine: read the code",
    ),
    (
        "no borrow is held across an await",
        "calls overlap, so state in a `RefCell` must not stay borrowed while waiting",
        "only some orders of calls show it: clippy's `await_holding_refcell_ref` sees all",
    ),
];
