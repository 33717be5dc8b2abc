//! Custom commands on their way to the code that handles them.

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::Semaphore;
use tracing::warn;

use super::host::RunCommand;
use crate::handler::{CommandCall, CommandHandler, SharedData};
use crate::id::OrchestratorId;
use crate::transport::CustomCommand;

/// The handlers of custom commands, by the name of the command.
pub(crate) type CommandHandlers = HashMap<String, CommandHandler>;

/// The most commands that are being handled at once; more are dropped. A handler
/// that hangs must not let an orchestrator fill our memory.
const AT_ONCE: usize = 64;

/// Knows the handlers and where they run. Clones share one limit.
#[derive(Clone)]
pub(crate) struct CommandDesk {
    handlers: Arc<CommandHandlers>,
    data: SharedData,
    host: Recipient<RunCommand>,
    slots: Arc<Semaphore>,
}

impl CommandDesk {
    pub(crate) fn new(
        handlers: CommandHandlers,
        data: SharedData,
        host: Recipient<RunCommand>,
    ) -> Self {
        Self {
            handlers: Arc::new(handlers),
            data,
            host,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.handlers.contains_key(name)
    }

    /// Sends a command to its handler, without waiting for anything.
    pub(super) fn hand_in(&self, origin: OrchestratorId, command: CustomCommand) {
        let Some(handler) = self.handlers.get(&command.name) else {
            return;
        };
        let call = CommandCall::new(command, origin, self.data.clone());
        match handler {
            // An actor has a limit of its own: a full mailbox refuses.
            CommandHandler::Actor(actor) => {
                if let Err(error) = actor.try_send(call.clone()) {
                    warn!(command = call.name(), %error, "the actor does not take the command");
                }
            }
            CommandHandler::Function(function) => match self.slots.clone().try_acquire_owned() {
                Ok(slot) => self.host.do_send(RunCommand {
                    function: function.clone(),
                    call,
                    slot,
                }),
                Err(_) => warn!(
                    command = call.name(),
                    "{AT_ONCE} commands are being handled, this one is dropped"
                ),
            },
        }
    }
}
