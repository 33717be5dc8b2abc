//! Tasks that end because their worker does.

use std::fmt;

use super::TaskError;

/// Why a task ended although neither its handler nor its orchestrator is to blame.
///
/// Protocols have no word of their own for it: RXON is told a transient failure, so that the
/// task is handed out again, and `DistWorker` a failure with the code `CANCELLED`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Interruption {
    /// The worker was told to end and could not wait for the task.
    ShutDown,
    /// The process of the worker ended while it had the task; the next one found it in the
    /// journal.
    Restarted {
        /// Whether the handler had been called.
        began: bool,
    },
}

impl Interruption {
    /// What orchestrators are told, for people.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::ShutDown => "interrupted: the worker was shut down",
            Self::Restarted { began: true } => "the worker was restarted while the task ran",
            Self::Restarted { began: false } => "the worker was restarted before the task began",
        }
    }
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// The failure that stands for it where there are no interruptions: a transient one.
impl From<Interruption> for TaskError {
    fn from(interruption: Interruption) -> Self {
        Self::transient(interruption.message())
    }
}
