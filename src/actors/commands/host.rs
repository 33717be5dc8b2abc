//! Where the functions that handle custom commands run: a thread beside those of
//! the tasks, so that neither holds up the other.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix::prelude::*;
use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument, info_span, warn};

use crate::handler::{CommandCall, CommandFunction};
use crate::task::TaskError;

/// Handle a command.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RunCommand {
    pub(super) function: Arc<dyn CommandFunction>,
    pub(super) call: CommandCall,
    pub(super) slot: OwnedSemaphorePermit,
}

/// Runs the handlers of commands on its thread, side by side.
pub(crate) struct CommandHost;

impl Actor for CommandHost {
    type Context = Context<Self>;
}

impl Handler<RunCommand> for CommandHost {
    type Result = ();

    fn handle(&mut self, run: RunCommand, _: &mut Self::Context) {
        let RunCommand {
            function,
            call,
            slot,
        } = run;
        let span = info_span!("command", command = call.name(), orchestrator = %call.origin());
        let work = async move {
            // Calling is inside as well: parameters are parsed there.
            let body = AssertUnwindSafe(async move { function.call(call).await }).catch_unwind();
            match body.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(%error, "the command failed"),
                Err(panic) => {
                    let error = TaskError::from_panic(&*panic);
                    warn!(%error, "the handler of the command panicked");
                }
            }
            drop(slot);
        };
        actix_rt::spawn(work.instrument(span));
    }
}
