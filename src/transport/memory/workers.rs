//! The workers of a [`MemoryOrchestrator`]: what it knows of each, and what it has to
//! tell them with its answers.

use std::sync::Arc;
use std::time::Duration;

use super::MemoryOrchestrator;
use super::commands::Channel;
use crate::id::TaskId;
use crate::transport::{BeatReply, CancelTarget, Command, Report, WorkerCard};

/// One worker, from the call of [`MemoryOrchestrator::connect`] on.
#[derive(Default)]
pub(super) struct Peer {
    pub(super) is_known: bool,
    pub(super) channel: Channel,
    cancels: Vec<CancelTarget>,
    put_off: Option<Duration>,
}

impl MemoryOrchestrator {
    pub(super) fn new_peer(&self) -> usize {
        let state = &mut *self.lock();
        let peer = state.connected;
        state.connected += 1;
        if peer == state.peers.len() {
            state.peers.push(Peer::default());
        }
        peer
    }

    pub(super) fn register(&self, peer: usize, card: Arc<WorkerCard>, report: Report) {
        let mut state = self.lock();
        state.peers[peer].is_known = true;
        state.card = Some(card);
        state.registered_as.push(report);
        self.changed(state);
    }

    pub(super) fn beat(&self, peer: usize, report: Report) -> BeatReply {
        let mut state = self.lock();
        state.reports.push(report);
        let peer = &mut state.peers[peer];
        let reply = BeatReply {
            forgotten: !peer.is_known,
            cancel: std::mem::take(&mut peer.cancels),
            extra_delay: peer.put_off.take(),
        };
        self.changed(state);
        reply
    }

    pub(super) fn knows(&self, peer: usize) -> bool {
        self.lock().peers[peer].is_known
    }

    /// How many workers are registered now.
    #[must_use]
    pub fn known_workers(&self) -> usize {
        let state = self.lock();
        state.peers.iter().filter(|peer| peer.is_known).count()
    }

    /// Waits until so many workers are registered.
    pub async fn knows_workers(&self, at_least: usize) {
        let enough = |state: &super::State| {
            let known = state.peers.iter().filter(|peer| peer.is_known).count();
            (known >= at_least).then_some(())
        };
        self.wait_for(enough).await;
    }

    /// What the worker said of itself when it registered; of several, the last one.
    #[must_use]
    pub fn card(&self) -> Option<Arc<WorkerCard>> {
        self.lock().card.clone()
    }

    /// Calls off a task, the quickest way there is: over the command channel of each
    /// worker that has one open, and with the answer to the next heartbeat of others.
    pub fn cancel(&self, id: &TaskId) {
        let target = CancelTarget(id.as_str().to_owned());
        let mut state = self.lock();
        for peer in &mut state.peers {
            if peer.channel.is_open() {
                peer.channel.put(Command::Cancel(target.clone()));
            } else {
                peer.cancels.push(target.clone());
            }
        }
        self.changed(state);
    }

    /// Calls off a task with the answer to the next heartbeat, by task or job id.
    pub fn cancel_with_next_beat(&self, id: impl Into<String>) {
        let target = CancelTarget(id.into());
        for peer in &mut self.lock().peers {
            peer.cancels.push(target.clone());
        }
    }

    /// Asks with the answer to the next heartbeat for the one after it to come later.
    pub fn put_off_next_beat(&self, delay: Duration) {
        for peer in &mut self.lock().peers {
            peer.put_off = Some(delay);
        }
    }
}
