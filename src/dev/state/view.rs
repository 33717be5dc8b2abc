//! A look at the state, for conditions that tests wait for.

use std::time::Instant;

use super::{State, WorkerRecord};
use crate::dev::job::{JobReport, JobState};
use crate::dev::peaks::Running;
use crate::dev::recorder::{Endpoint, RecordedEvent};
use crate::{JobId, TaskName};

/// How many jobs are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobCounts {
    /// See [`JobState::Waiting`].
    pub waiting: usize,
    /// See [`JobState::Running`].
    pub running: usize,
    /// See [`JobState::Finished`].
    pub finished: usize,
    /// See [`JobState::Failed`].
    pub failed: usize,
    /// See [`JobState::Cancelled`].
    pub cancelled: usize,
    /// See [`JobState::Quarantined`].
    pub quarantined: usize,
}

impl JobCounts {
    /// Jobs that have come to an end, whichever.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.finished + self.failed + self.cancelled + self.quarantined
    }

    pub(super) fn add(&mut self, state: JobState) {
        if let Some(count) = self.of(state) {
            *count += 1;
        }
    }

    pub(super) fn shift(&mut self, before: JobState, after: JobState) {
        if before != after {
            if let Some(count) = self.of(before) {
                *count -= 1;
            }
            self.add(after);
        }
    }

    fn of(&mut self, state: JobState) -> Option<&mut usize> {
        Some(match state {
            JobState::Waiting => &mut self.waiting,
            JobState::Running => &mut self.running,
            JobState::Finished => &mut self.finished,
            JobState::Failed => &mut self.failed,
            JobState::Cancelled => &mut self.cancelled,
            JobState::Quarantined => &mut self.quarantined,
            JobState::Lost => return None,
        })
    }
}

/// The state at one moment. It holds the orchestrator's lock: look and go.
#[derive(Debug)]
pub struct View<'a> {
    state: &'a State,
}

impl<'a> View<'a> {
    pub(crate) fn of(state: &'a State) -> Self {
        Self { state }
    }

    /// How many jobs are in which state.
    #[must_use]
    pub fn counts(&self) -> JobCounts {
        self.state.counts
    }

    /// A job, unless it is not known.
    #[must_use]
    pub fn job(&self, id: &JobId) -> Option<JobReport> {
        self.state.report(id)
    }

    /// All workers that are known and whose lease has not run out.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerRecord> {
        self.state.worker_records(Instant::now())
    }

    /// One of them.
    #[must_use]
    pub fn worker(&self, id: &str) -> Option<WorkerRecord> {
        self.state.worker_record(id, Instant::now())
    }

    /// How many requests of a kind have come so far; exact, whatever is recorded.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> u64 {
        self.state.recorder.count(endpoint)
    }

    /// The events that were recorded, in the order in which they came (1.0b17).
    pub fn events(&self) -> impl Iterator<Item = &'a RecordedEvent> {
        self.state.recorder.events()
    }

    /// How many polls a worker has open.
    #[must_use]
    pub fn open_polls(&self, worker: &str) -> usize {
        self.state.polls.count(worker)
    }

    /// How many tasks a worker has, from the hand-out to the result.
    #[must_use]
    pub fn running(&self, worker: &str) -> Running {
        self.state.peaks.of_worker(worker)
    }

    /// How many tasks of a name are with workers.
    #[must_use]
    pub fn running_tasks(&self, name: impl Into<TaskName>) -> Running {
        self.state.peaks.of_name(name.into().as_str())
    }

    /// Results that no job waited for: repeated, or too late.
    #[must_use]
    pub fn stale_results(&self) -> u64 {
        self.state.stale_results
    }
}
