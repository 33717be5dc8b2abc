//! Results of an earlier process on their way to orchestrators that have to know
//! us first. An orchestrator that retries a failed task at once looks for a free
//! worker, and finds us only when we are registered.

use std::collections::HashSet;

use super::outbox::Ticket;
use crate::id::OrchestratorId;
use crate::task::TaskResult;

/// What an earlier process left.
#[derive(Debug, Default)]
pub(super) struct RecoveredResults {
    waiting: Vec<TaskResult>,
    sent: HashSet<Ticket>,
    /// Whether the bound on how long polls are held back has begun.
    begun: bool,
    holding: bool,
}

impl RecoveredResults {
    pub(super) fn wait_for_orchestrators(&mut self, results: Vec<TaskResult>) {
        self.holding = true;
        self.waiting = results;
    }

    /// How many wait for their orchestrator.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether an orchestrator is heard of for the first time while polls wait.
    pub(super) fn is_first(&mut self) -> bool {
        self.holding && !std::mem::replace(&mut self.begun, true)
    }

    /// Takes what belongs to an orchestrator that knows us now.
    pub(super) fn of(&mut self, id: OrchestratorId) -> Vec<TaskResult> {
        self.waiting
            .extract_if(.., |result| result.origin == id)
            .collect()
    }

    /// One of them goes by this ticket now.
    pub(super) fn sent(&mut self, ticket: Ticket) {
        self.sent.insert(ticket);
    }

    /// A result was answered for good. `true`: it was the last one that polls wait for.
    pub(super) fn ended(&mut self, ticket: Ticket) -> bool {
        self.sent.remove(&ticket) && self.are_out()
    }

    /// Whether polls may go: nothing is under way any more. What waits for an
    /// orchestrator that does not answer holds up nobody else. `true` only once.
    pub(super) fn are_out(&mut self) -> bool {
        self.sent.is_empty() && std::mem::take(&mut self.holding)
    }
}
