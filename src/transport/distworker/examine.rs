//! Trying a controller out, for people who want to know whether a worker would be welcome.

use crate::transport::distworker::lane::{self, First};
use crate::transport::distworker::{outcome, refusal};
use crate::transport::{Greeting, TransportError};

use super::link::DistWorker;

/// What came of a connection that was tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trial {
    /// The `WebSocket` was opened, and closed without a word.
    Opened,
    /// The registration was accepted, and the connection closed.
    Accepted,
    /// The same, but a task was assigned at once. It was sent back as failed.
    Assigned,
}

impl DistWorker {
    /// Asks for a page that need not exist: any answer tells that the controller is there,
    /// and what its clock says.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn greet(&self) -> Result<Greeting, TransportError> {
        refusal::greet(self.shared()).await
    }

    /// Opens a `WebSocket` and closes it again.
    ///
    /// With `registers`, it registers in between. **That is not quite harmless**: a
    /// controller assigns tasks to whoever is registered, and one that comes in this moment
    /// is sent back as failed. And a worker with an id of its own loses its session at the
    /// controller when its connection ends (v0.0.6).
    ///
    /// # Errors
    /// Why no connection came about, or why it was refused.
    pub async fn try_connection(&self, registers: bool) -> Result<Trial, TransportError> {
        let shared = self.shared();
        if !registers {
            let (socket, _) = lane::open(shared).await?;
            socket.close().await;
            return Ok(Trial::Opened);
        }
        let connected = lane::connect(shared).await;
        let (mut socket, first): (_, First) = connected.map_err(|(_, error)| error)?;
        let trial = match first {
            None => Trial::Accepted,
            Some(task) => {
                let reason = "the worker only tried the connection";
                socket.write_binary(outcome::called_off(&task.task_id, reason))?;
                Trial::Assigned
            }
        };
        socket.close().await;
        Ok(trial)
    }
}
