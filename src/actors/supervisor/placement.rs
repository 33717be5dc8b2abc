//! Which handler thread gets the next task, unless it runs right here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::Recipient;

use crate::actors::host::{RunTask, Runner};
use crate::status::Ping;

/// A handler thread, seen from the supervisor.
pub(crate) struct HostHandle {
    pub(crate) host: Recipient<RunTask>,
    /// Tasks that the thread has got round to, counted by itself.
    pub(crate) started: Arc<AtomicUsize>,
    /// Asks whether the thread comes round to its messages.
    pub(crate) ping: Recipient<Ping>,
}

struct Load {
    handle: HostHandle,
    sent: usize,
    running: usize,
}

/// All handler threads and what they have to do.
pub(crate) struct Placement {
    hosts: Vec<Load>,
    /// For handlers that run right here.
    here: Runner,
}

impl Placement {
    /// At least one thread.
    pub(crate) fn new(hosts: Vec<HostHandle>, here: Runner) -> Self {
        let load = |handle| Load {
            handle,
            sent: 0,
            running: 0,
        };
        Self {
            hosts: hosts.into_iter().map(load).collect(),
            here,
        }
    }

    /// Gives the task to a thread. Returns which, if the task works there; one
    /// that only waits there, for a thread of its own, is no load.
    pub(super) fn place(&mut self, task: RunTask) -> Option<usize> {
        if let Some(watch) = task.job.inline().filter(|watch| watch.allows(&task.params)) {
            let name = task.context.name().clone();
            actix_rt::spawn(watch.watched(name, self.here.run(task)));
            return None;
        }
        let place = self.choose();
        let works_there = task.job.works_there();
        let load = &mut self.hosts[place];
        load.sent += 1;
        load.running += usize::from(works_there);
        load.handle.host.do_send(task);
        works_there.then_some(place)
    }

    /// A task that worked on this thread has ended.
    pub(super) fn ended(&mut self, place: usize) {
        if let Some(load) = self.hosts.get_mut(place) {
            load.running = load.running.saturating_sub(1);
        }
    }

    /// The thread with the fewest tasks among those that keep up. One that has not
    /// got round to what it was given may be stuck in a handler that blocks.
    fn choose(&self) -> usize {
        let waiting = |load: &Load| {
            load.sent
                .wrapping_sub(load.handle.started.load(Ordering::Relaxed))
        };
        let cost = |(_, load): &(usize, &Load)| (waiting(load), load.running);
        self.hosts
            .iter()
            .enumerate()
            .min_by_key(cost)
            .map_or(0, |(place, _)| place)
    }
}
