//! What can go wrong between the worker and an orchestrator, told by what the
//! caller does next.

use std::time::Duration;

/// Why a request to an orchestrator did not do what it should.
///
/// Messages never hold tokens or other secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection came about: certainly nothing arrived. Try later.
    #[error("cannot reach the orchestrator: {reason}")]
    Unreachable {
        /// What the system said.
        reason: String,
    },
    /// The connection broke or the answer did not come in time: the request may
    /// or may not have arrived. Try later, knowing that.
    #[error("no answer: {reason}")]
    NoAnswer {
        /// What happened.
        reason: String,
    },
    /// The orchestrator failed while it handled the request (HTTP 500), which may
    /// or may not pass. Try again a few times.
    #[error("the orchestrator failed: {reason}")]
    Faulted {
        /// Status and text of the answer.
        reason: String,
    },
    /// The orchestrator cannot serve us now (HTTP 502 to 504). Try later.
    #[error("the orchestrator is unavailable: {reason}")]
    Unavailable {
        /// Status and text of the answer.
        reason: String,
    },
    /// Too many requests. Be silent on this endpoint for a while.
    #[error("rate limited by the orchestrator")]
    RateLimited {
        /// How long, if the orchestrator said so.
        retry_after: Option<Duration>,
    },
    /// The token, certificate or signature was not accepted.
    #[error("the orchestrator does not accept our credentials: {reason}")]
    Unauthorized {
        /// Status and text of the answer.
        reason: String,
    },
    /// The orchestrator forgot us (it restarted, or our lease ran out): register,
    /// then go on.
    #[error("the worker is not registered")]
    NotRegistered,
    /// The request is not acceptable and never will be, as it is.
    #[error("refused: {reason}")]
    Refused {
        /// Status and text of the answer.
        reason: String,
    },
    /// The message is larger than the orchestrator takes.
    #[error("the message of {size} bytes is too large for the orchestrator")]
    TooLarge {
        /// Size of the message in bytes.
        size: usize,
    },
    /// A task came, but the connection broke inside it. It counts as handed out, so
    /// it has to be reported as failed, and may be whole the next time.
    #[error("a task was cut off on its way: {reason}")]
    CutOff {
        /// What happened.
        reason: String,
        /// Task and job that could be read from it.
        task: (crate::TaskId, crate::JobId),
    },
    /// A task came that must not be run: its signature is wrong, or its policy forbids
    /// it. It counts as handed out, so it has to be reported as failed.
    #[error("a task was not accepted: {reason}")]
    Untrusted {
        /// What is wrong with it.
        reason: String,
        /// Task and job.
        task: (crate::TaskId, crate::JobId),
    },
    /// The answer is not one of this protocol. A task that came in it is named, so
    /// that its failure can be reported.
    #[error("malformed answer: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
        /// Task and job that could be read from it all the same.
        task: Option<(crate::TaskId, crate::JobId)>,
    },
}

impl TransportError {
    /// Whether the request may have taken effect although it failed.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::NoAnswer { .. } | Self::Malformed { .. })
    }
}
