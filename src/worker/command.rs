//! Registering handlers of custom commands.

use super::WorkerBuilder;
use crate::handler::IntoCommand;

impl WorkerBuilder {
    /// Registers a handler for a custom command, that is, for any that the protocol
    /// does not define: an async function of its parameters, or of those and the
    /// [`CommandCall`](crate::CommandCall), or the `Recipient` of an actor. Commands
    /// come only with `WORKER_ENABLE_WEBSOCKETS`. Several may run at once, on a
    /// thread that no task uses; a failure or a panic is logged.
    ///
    /// ```
    /// use axon_worker::{CommandCall, TaskError, Worker};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Reload {
    ///     model: String,
    /// }
    ///
    /// async fn reload(params: Reload, call: CommandCall) -> Result<(), TaskError> {
    ///     println!("orchestrator {} wants {}", call.origin(), params.model);
    ///     Ok(())
    /// }
    /// # let _ =
    /// Worker::builder("example").command("reload_model", reload);
    /// ```
    #[must_use]
    pub fn command<Args>(
        mut self,
        name: impl Into<String>,
        handler: impl IntoCommand<Args>,
    ) -> Self {
        let name = name.into();
        let handler = handler.into_command().0;
        if self.commands.insert(name.clone(), handler).is_some() {
            self.problems
                .push(format!("command {name:?} is registered twice"));
        }
        self
    }
}
