//! Tasks that have ended, on their way back to the supervisor. Threads that run handlers
//! put them in; one message tells that there are some, however many there are by the time
//! it is read.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;

use crate::actors::capacity::Permit;
use crate::actors::supervisor::TaskKey;
use crate::json::RawJson;
use crate::task::{Outcome, TaskContext};

/// Handlers have ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct TasksEnded;

/// How a task ended.
pub(crate) struct Ended {
    pub(crate) key: TaskKey,
    pub(crate) outcome: Outcome,
    pub(crate) ran_for: Duration,
    /// Its slots, unless they are free already or part of the work goes on.
    pub(crate) permit: Option<Permit>,
    /// What is left of the task. The supervisor's thread asked for this memory, and frees
    /// it: freed on another one, it makes the two share a lock of the allocator.
    pub(crate) rest: (Option<TaskContext>, Option<RawJson>),
}

/// Where ended tasks wait for the supervisor.
pub(crate) struct Returns {
    ended: Mutex<Vec<Ended>>,
    supervisor: Recipient<TasksEnded>,
}

impl Returns {
    pub(crate) fn new(supervisor: Recipient<TasksEnded>) -> Self {
        Self {
            ended: Mutex::default(),
            supervisor,
        }
    }

    pub(super) fn put(&self, task: Ended) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push(task);
        let is_first = ended.len() == 1;
        drop(ended);
        if is_first {
            self.supervisor.do_send(TasksEnded);
        }
    }

    /// Takes all there are, in exchange for an empty list with room for more.
    pub(crate) fn take(&self, into: &mut Vec<Ended>) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *ended, into);
    }
}
