//! Bringing tasks and polls together.
//!
//! A task is first *offered* to a poll and only *handed out* when the handler of
//! that poll, still alive and with its connection open, claims it. Until then it
//! goes back to its place in the queue when the poll ends in any other way.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::Notify;

use super::{Place, Shared, State, Task};
use crate::dev::job::{Effects, Job};
use crate::dev::news::DevNews;
use crate::dev::polls::PollId;
use crate::dev::wire::TaskMessage;
use crate::{TaskId, TaskName};

/// What a poll finds when it looks.
#[derive(Debug)]
pub(crate) enum Claim {
    Task(TaskMessage),
    /// Nothing yet.
    Nothing,
    /// The client is gone; the task, if there was one, is back in the queue.
    Gone,
}

impl State {
    /// Gives a task to the poll that is first in line, or queues it.
    pub(super) fn enqueue(&mut self, id: &TaskId, now: Instant) {
        let Some(task) = self.tasks.get_mut(id) else {
            return;
        };
        task.place = Place::Queued;
        let (name, ticket) = (task.name.clone(), task.ticket);
        while let Some(poll) = self.polls.first_for(&name) {
            if self.is_fit(poll, &name, now) {
                self.offer_to(poll, id);
                return;
            }
            match self.polls.get_mut(poll) {
                // Nobody will close it.
                Some(ghost) if ghost.is_ghost => drop(self.polls.close(poll)),
                _ => self.polls.unlist(poll),
            }
        }
        self.queue.insert(&name, ticket, id.clone());
    }

    /// Whether a listed poll may still get a task: leases and hold times run out
    /// without anything happening here.
    fn is_fit(&mut self, poll: PollId, name: &TaskName, now: Instant) -> bool {
        let Some(poll) = self.polls.get_mut(poll) else {
            return false;
        };
        let known = self.registry.get(&poll.worker, now);
        let ignores_availability = self.quirks.ignores_availability;
        poll.until > now
            && known.is_some_and(|known| known.offers.wants(name, ignores_availability))
    }

    fn offer_to(&mut self, poll_id: PollId, id: &TaskId) {
        self.polls.unlist(poll_id);
        let (Some(poll), Some(task)) = (self.polls.get_mut(poll_id), self.tasks.get_mut(id)) else {
            return;
        };
        if poll.is_ghost {
            task.place = Place::Vanished;
            let worker = Arc::clone(&poll.worker);
            self.polls.close(poll_id);
            self.tell_job(id, &worker);
            return;
        }
        task.place = Place::Offered(poll_id);
        poll.offered = Some(id.clone());
        poll.wake.notify_one();
    }

    /// Finds a queued task for a poll that has none, or lists the poll.
    fn serve(&mut self, poll_id: PollId, now: Instant) {
        let Some(poll) = self.polls.get_mut(poll_id) else {
            return;
        };
        if poll.offered.is_some() {
            return;
        }
        let known = self.registry.get(&poll.worker, now);
        let Some(known) = known.filter(|known| known.offers.is_idle && poll.until > now) else {
            self.polls.unlist(poll_id);
            return;
        };
        let tasks = &self.tasks;
        let waits = |id: &TaskId| {
            tasks
                .get(id)
                .is_some_and(|task| task.place == Place::Queued)
        };
        let ignores_availability = self.quirks.ignores_availability;
        let wanted = known.offers.wanted(ignores_availability);
        match self.queue.take(wanted, waits) {
            Some(id) => self.offer_to(poll_id, &id),
            None => self
                .polls
                .list(poll_id, &known.offers, ignores_availability),
        }
    }

    /// Puts any task that waits aside for a poll, whatever its worker offers.
    fn steal(&mut self, poll_id: PollId) {
        let tasks = &self.tasks;
        let is_queued = |task: &Task| task.place == Place::Queued;
        let names: Vec<TaskName> = tasks
            .values()
            .filter(|it| is_queued(it))
            .map(|it| it.name.clone())
            .collect();
        let waits = |id: &TaskId| tasks.get(id).is_some_and(is_queued);
        if let Some(id) = self.queue.take(names.iter(), waits) {
            self.offer_to(poll_id, &id);
        }
    }

    /// A worker's record changed: so did what its polls may get.
    pub(super) fn serve_all(&mut self, worker: &str, now: Instant) {
        for poll in self.polls.of_worker(worker) {
            self.serve(poll, now);
        }
    }

    fn claim(&mut self, poll_id: PollId, is_open: impl FnOnce() -> bool, now: Instant) -> Claim {
        loop {
            let Some(poll) = self.polls.get_mut(poll_id) else {
                return Claim::Gone;
            };
            let worker = Arc::clone(&poll.worker);
            let Some(id) = poll.offered.take() else {
                self.serve(poll_id, now);
                let poll = self.polls.get_mut(poll_id);
                if poll.is_some_and(|poll| poll.offered.is_some()) {
                    continue;
                }
                return Claim::Nothing;
            };
            let is_mine = |place: &Place| *place == Place::Offered(poll_id);
            let Some(task) = self.tasks.get_mut(&id).filter(|task| is_mine(&task.place)) else {
                // Withdrawn in the meantime.
                continue;
            };
            if !is_open() {
                poll.offered = Some(id);
                self.close_poll(poll_id, now);
                return Claim::Gone;
            }
            task.place = Place::Out(Arc::clone(&worker));
            let job = self.jobs.get(&task.job).map(|kept| &kept.job);
            let files = self.jobs.get(&task.job).map(|kept| Arc::clone(&kept.files));
            let message = TaskMessage {
                job_id: task.job.clone(),
                task_id: id.clone(),
                name: task.name.clone(),
                params: Arc::clone(&task.params),
                extras: job.map_or_else(Arc::default, |job| Arc::clone(job.extras())),
                deadline: job.and_then(Job::deadline),
                step: job.map_or(1, Job::step_number),
                security: job.and_then(|job| job.security.clone()),
                params_metadata: files.unwrap_or_default(),
            };
            self.polls.close(poll_id);
            self.peaks.handed_out(&worker, message.name.as_str());
            self.readers.tell(|| DevNews::HandedOut {
                job: message.job_id.clone(),
                task_id: id.clone(),
                task: message.name.clone(),
                worker: worker.to_string(),
            });
            self.tell_job(&id, &worker);
            return Claim::Task(message);
        }
    }

    /// The poll ends without having been answered with a task.
    fn close_poll(&mut self, poll_id: PollId, now: Instant) {
        let is_blind = self.quirks.aborted_polls_lose_tasks;
        let Some(poll) = self.polls.get_mut(poll_id) else {
            return;
        };
        let offered = poll.offered.take();
        if is_blind && offered.is_none() && poll.until > now {
            poll.is_ghost = true;
            return;
        }
        let worker = Arc::clone(&poll.worker);
        self.polls.close(poll_id);
        let Some(id) = offered else { return };
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        if is_blind {
            task.place = Place::Vanished;
            self.tell_job(&id, &worker);
        } else {
            self.enqueue(&id, now);
        }
    }

    fn tell_job(&mut self, id: &TaskId, worker: &str) {
        let Some(job) = self.tasks.get(id).map(|task| task.job.clone()) else {
            return;
        };
        // A hand-out orders nothing, so nothing can be refused.
        let _ = self.apply(&job, |job| {
            job.handed_out(id, worker, SystemTime::now());
            Effects::default()
        });
    }
}

/// A poll that is being held. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct OpenPoll {
    shared: Arc<Shared>,
    id: PollId,
    pub(crate) wake: Arc<Notify>,
}

impl OpenPoll {
    pub(crate) fn open(shared: &Arc<Shared>, worker: &str, until: Instant) -> Self {
        let (id, wake) = shared.change(|state| {
            let (id, wake) = state.polls.open(worker, until);
            // Whoever sees it open may rely on its being in line.
            state.serve(id, Instant::now());
            (id, wake)
        });
        Self {
            shared: Arc::clone(shared),
            id,
            wake,
        }
    }

    /// Its time is over: with [`Quirks::steals_tasks`](crate::dev::Quirks::steals_tasks) it
    /// gets whatever waits.
    pub(crate) fn last_chance(&self) {
        self.shared.change(|state| {
            if state.quirks.steals_tasks {
                state.steal(self.id);
            }
        });
    }

    /// Takes a task if there is one. `is_open` says whether the client is still
    /// connected; it is asked only when there is something to hand out.
    pub(crate) fn claim(&self, is_open: impl FnOnce() -> bool) -> Claim {
        self.shared
            .change(|state| state.claim(self.id, is_open, Instant::now()))
    }
}

impl Drop for OpenPoll {
    fn drop(&mut self) {
        self.shared
            .change(|state| state.close_poll(self.id, Instant::now()));
    }
}
