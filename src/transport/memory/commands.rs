//! Commands to the worker of a [`MemoryOrchestrator`].

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

impl MemoryOrchestrator {
    /// Sends a command. It waits while the worker has no command channel open.
    pub fn command(&self, command: Command) {
        let mut state = self.lock();
        state.channel.waiting.push_back(command);
        self.changed(state);
    }

    /// Ends the open command channel with this error.
    pub fn break_commands(&self, error: TransportError) {
        let mut state = self.lock();
        if state.channel.is_open {
            state.channel.broken = Some(error);
        }
        self.changed(state);
    }

    /// Whether the worker has its command channel open.
    #[must_use]
    pub fn has_commands_open(&self) -> bool {
        self.lock().channel.is_open
    }

    pub(super) fn open_commands(&self) -> OpeningCommands<'_> {
        Box::pin(async move {
            self.begin(Call::OpenCommands)?;
            let mut state = self.lock();
            let was_open = std::mem::replace(&mut state.channel.is_open, true);
            assert!(!was_open, "the link before this one was not closed");
            self.changed(state);
            Ok(Box::new(MemoryLink(self.clone())) as Box<dyn CommandLink>)
        })
    }

    fn take_command(&self) -> Option<Result<Command, TransportError>> {
        let channel = &mut self.lock().channel;
        match channel.broken.take() {
            Some(error) => Some(Err(error)),
            None => channel.waiting.pop_front().map(Ok),
        }
    }
}

struct MemoryLink(MemoryOrchestrator);

impl CommandLink for MemoryLink {
    fn next(&mut self) -> LocalBoxFuture<'_, Result<Command, TransportError>> {
        Box::pin(async {
            let mut changes = self.0.changes.subscribe();
            loop {
                changes.borrow_and_update();
                if let Some(came) = self.0.take_command() {
                    return came;
                }
                // The sender lives as long as the orchestrator.
                let _ = changes.changed().await;
            }
        })
    }

    fn close(self: Box<Self>) -> LocalBoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Drop for MemoryLink {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.channel.is_open = false;
        self.0.changed(state);
    }
}
