//! How often and how long handlers were called.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use futures_util::future::LocalBoxFuture;

use crate::id::TaskName;
use crate::middleware::{Middleware, Next, TaskCall};
use crate::task::Outcome;

/// The most names that are counted by themselves.
const MOST_NAMES: usize = 1000;
/// What further ones are counted as.
const OTHERS: &str = "(others)";

/// Counts calls by task name. Keep a clone to read the numbers.
///
/// With queues, tasks may have any number of names: after the first thousand all others are
/// counted together, as `(others)`.
#[derive(Debug, Clone, Default)]
pub struct CallMetrics(Arc<DashMap<TaskName, CallTally>>);

/// The calls of one handler.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallTally {
    /// Calls that began.
    pub begun: u64,
    /// Of those, the ones that succeeded, with a status of their own or without.
    pub succeeded: u64,
    /// That failed, time-outs and panics included.
    pub failed: u64,
    /// That were called off.
    pub cancelled: u64,
    /// That ended with the worker; those whose call was dropped count as called off.
    pub interrupted: u64,
    /// Time in all calls that ended.
    pub time: Duration,
    /// The longest of them.
    pub longest: Duration,
}

impl CallMetrics {
    /// The numbers so far, by task name.
    #[must_use]
    pub fn tallies(&self) -> BTreeMap<TaskName, CallTally> {
        let pair = |entry: dashmap::mapref::multiple::RefMulti<'_, TaskName, CallTally>| {
            (entry.key().clone(), entry.value().clone())
        };
        self.0.iter().map(pair).collect()
    }

    fn counted_as(&self, name: &TaskName) -> TaskName {
        if self.0.len() < MOST_NAMES || self.0.contains_key(name) {
            name.clone()
        } else {
            OTHERS.into()
        }
    }
}

impl Middleware for CallMetrics {
    fn call(&self, call: TaskCall, next: Next) -> LocalBoxFuture<'static, Outcome> {
        let name = self.counted_as(call.task().name());
        self.0.entry(name.clone()).or_default().begun += 1;
        let mut ending = Ending {
            tallies: self.0.clone(),
            name,
            began: Instant::now(),
            ended: None,
        };
        Box::pin(async move {
            let outcome = next.run(call).await;
            ending.note(&outcome);
            outcome
        })
    }
}

#[derive(Clone, Copy)]
enum End {
    Succeeded,
    Failed,
    Cancelled,
    Interrupted,
}

/// Counts the end of a call when it is dropped, however that comes about.
struct Ending {
    tallies: Arc<DashMap<TaskName, CallTally>>,
    name: TaskName,
    began: Instant,
    ended: Option<End>,
}

impl Ending {
    fn note(&mut self, outcome: &Outcome) {
        self.ended = Some(match outcome {
            Outcome::Completed(_) => End::Succeeded,
            Outcome::Failed(_) => End::Failed,
            Outcome::Cancelled => End::Cancelled,
            Outcome::Interrupted(_) => End::Interrupted,
        });
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let dropped = if std::thread::panicking() {
            End::Failed
        } else {
            End::Cancelled
        };
        let mut tally = self.tallies.entry(self.name.clone()).or_default();
        match self.ended.unwrap_or(dropped) {
            End::Succeeded => tally.succeeded += 1,
            End::Failed => tally.failed += 1,
            End::Cancelled => tally.cancelled += 1,
            End::Interrupted => tally.interrupted += 1,
        }
        tally.time += took;
        tally.longest = tally.longest.max(took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_end_are_counted_together() {
        let metrics = CallMetrics::default();
        for number in 0..MOST_NAMES + 50 {
            let name = metrics.counted_as(&TaskName::from(number.to_string().as_str()));
            metrics.0.entry(name).or_default().begun += 1;
        }
        let tallies = metrics.tallies();
        assert_eq!(tallies.len(), MOST_NAMES + 1);
        assert_eq!(tallies[&TaskName::from(OTHERS)].begun, 50);
        let known = TaskName::from("7");
        assert_eq!(metrics.counted_as(&known), known);
    }
}
