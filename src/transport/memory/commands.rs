//! Commands to the workers of a [`MemoryOrchestrator`].

use std::collections::VecDeque;

use futures_util::future::LocalBoxFuture;

use super::{Call, MemoryOrchestrator};
use crate::transport::{Command, CommandLink, OpeningCommands, TransportError};

/// The command channel as the orchestrator sees it.
#[derive(Default)]
pub(super) struct Channel {
    waiting: VecDeque<Command>,
    is_open: bool,
    /// How the open link is to end.
    broken: Option<TransportError>,
}

impl Channel {
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(super) fn put(&mut self, command: Command) {
        self.waiting.push_back(command);
    }

    pub(super) fn break_off(&mut self, error: TransportError) {
        if self.is_open {
            self.broken = Some(error);
        }
    }

    fn take(&mut self) -> Option<Result<Command, TransportError>> {
        match self.broken.take() {
            Some(error) => Some(Err(error)),
            None => self.waiting.pop_front().map(Ok),
        }
    }
}

impl MemoryOrchestrator {
    /// Sends a command, to each worker if there are several. It waits while a worker has
    /// no command channel open.
    pub fn command(&self, command: Command) {
        let mut state = self.lock();
        for peer in &mut state.peers {
            peer.channel.put(command.clone());
        }
        self.changed(state);
    }

    /// Ends the open command channel with this error, of each worker that has one.
    pub fn break_commands(&self, error: TransportError) {
        let mut state = self.lock();
        for peer in &mut state.peers {
            peer.channel.break_off(error.clone());
        }
        self.changed(state);
    }

    /// Whether a worker has its command channel open.
    #[must_use]
    pub fn has_commands_open(&self) -> bool {
        self.lock().peers.iter().any(|peer| peer.channel.is_open())
    }

    pub(super) fn open_commands(&self, peer: usize) -> OpeningCommands<'_> {
        Box::pin(async move {
            self.begin(peer, Call::OpenCommands)?;
            let mut state = self.lock();
            let was_open = std::mem::replace(&mut state.peers[peer].channel.is_open, true);
            assert!(!was_open, "the link before this one was not closed");
            self.changed(state);
            let orchestrator = self.clone();
            Ok(Box::new(MemoryLink { orchestrator, peer }) as Box<dyn CommandLink>)
        })
    }
}

struct MemoryLink {
    orchestrator: MemoryOrchestrator,
    peer: usize,
}

impl CommandLink for MemoryLink {
    fn next(&mut self) -> LocalBoxFuture<'_, Result<Command, TransportError>> {
        let peer = self.peer;
        Box::pin(
            self.orchestrator
                .wait_for_mut(move |state| state.peers[peer].channel.take()),
        )
    }

    fn close(self: Box<Self>) -> LocalBoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Drop for MemoryLink {
    fn drop(&mut self) {
        let mut state = self.orchestrator.lock();
        state.peers[self.peer].channel.is_open = false;
        self.orchestrator.changed(state);
    }
}
