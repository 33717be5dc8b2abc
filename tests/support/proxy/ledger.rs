//! What passed through, and what did not.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::fault::{Fault, Kind};

/// The account of a proxy.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Requests that came.
    pub(crate) seen: BTreeMap<Kind, usize>,
    /// Faults that happened.
    pub(crate) spoiled: BTreeMap<(Kind, Fault), usize>,
    /// Connections that came.
    pub(crate) connections: usize,
    /// Tasks whose hand-out has reached the worker as a whole, and the number of the
    /// connection that it went over.
    pub(crate) handed_out: HashMap<String, usize>,
    /// Tasks in an answer that the worker did not get, or not whole.
    pub(crate) spoiled_tasks: HashSet<String>,
    /// How often the server has accepted a result, by task.
    pub(crate) accepted: HashMap<String, usize>,
    /// Answers to copies of requests.
    pub(crate) copies: usize,
    /// Connections that were reset while idle.
    pub(crate) idle_resets: usize,
    /// Polls whose connection was closed while they waited for an answer.
    pub(crate) cut_polls: usize,
}

/// The part of the account that is shown when a test fails.
#[derive(Debug)]
#[allow(dead_code, reason = "shown with Debug")]
pub(crate) struct Counts {
    seen: BTreeMap<Kind, usize>,
    spoiled: BTreeMap<(Kind, Fault), usize>,
    idle_resets: usize,
}

impl Ledger {
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            seen: self.seen.clone(),
            spoiled: self.spoiled.clone(),
            idle_resets: self.idle_resets,
        }
    }

    /// How many exchanges of a kind were spoiled this way.
    pub(crate) fn spoiled(&self, kind: Kind, fault: Fault) -> usize {
        self.spoiled.get(&(kind, fault)).copied().unwrap_or(0)
    }

    /// How many exchanges were spoiled, all told.
    pub(crate) fn all_spoiled(&self) -> usize {
        self.spoiled.values().sum()
    }

    /// How many requests came, all told.
    pub(crate) fn all_seen(&self) -> usize {
        self.seen.values().sum()
    }

    /// How many requests of a kind came.
    pub(crate) fn seen(&self, kind: Kind) -> usize {
        self.seen.get(&kind).copied().unwrap_or(0)
    }

    /// How often the server has accepted the result of a task.
    pub(crate) fn accepted(&self, task: &str) -> usize {
        self.accepted.get(task).copied().unwrap_or(0)
    }

    /// Results that the server took more than once.
    pub(crate) fn accepted_again(&self) -> usize {
        self.accepted.values().map(|times| times - 1).sum()
    }
}
