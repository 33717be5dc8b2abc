//! What can go wrong between the worker and an orchestrator, told by what the
//! caller does next, and with settings before there is anything between them.

use std::path::PathBuf;
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
    /// Something on the way, such as a proxy with a limit of its own, ended a poll that had
    /// been open for a while (HTTP 408, 502 or 504, or no answer at all). If the orchestrator
    /// answers other requests, that is a poll that brought nothing.
    #[error("the poll was cut after {} s: {reason}", .after.as_secs())]
    PollCut {
        /// How long it was open.
        after: Duration,
        /// Status and text of the answer, or what became of the connection.
        reason: String,
    },
    /// Too many requests, or an outage of which the orchestrator says how long it takes.
    /// Be silent on this endpoint for a while.
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
    /// It is over with this orchestrator, for the rest of the process. A worker without
    /// any other ends.
    #[error("{reason}")]
    Dismissed {
        /// Why.
        reason: String,
        /// Whether this is what was meant to happen, such as leaving when there is
        /// nothing to do, rather than giving up.
        in_order: bool,
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
        matches!(
            self,
            Self::NoAnswer { .. } | Self::PollCut { .. } | Self::Malformed { .. }
        )
    }
}

/// Settings that no client can be made from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The address of the orchestrator.
    #[error("orchestrator address {url} cannot be used: {reason}")]
    Url {
        /// The address in quotes, or what is said in its place if it may hold a secret.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `https://` in a build without the feature `tls`.
    #[error("orchestrator address {url:?} needs TLS; build axon-worker with the feature `tls`")]
    NoTls {
        /// The address as given.
        url: String,
    },
    /// RXON 1.0b17 is spoken without a token.
    #[error("{url:?} needs a token: messages of RXON 1.0b17 are signed with it")]
    NoToken {
        /// The orchestrator it is for.
        url: String,
    },
    /// The token cannot travel in a header.
    #[error("the token for {url:?} holds characters that a header cannot carry")]
    Token {
        /// The orchestrator it is for.
        url: String,
    },
    /// A certificate or key cannot be used.
    #[error("TLS file {} cannot be used: {reason}", path.display())]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A client certificate without its key, or the reverse.
    #[error("TLS_CERT_PATH and TLS_KEY_PATH go together; only one of them is set")]
    HalfIdentity,
    /// There is nothing to check the server's certificate against.
    #[error(
        "no trusted certificates: TLS_CA_PATH is not set, and those of the system are none or left out (AXON_TLS_CA_ONLY)"
    )]
    NoRoots,
    /// TLS does not accept what the files hold.
    #[error("TLS cannot be set up: {reason}")]
    Tls {
        /// What is wrong.
        reason: String,
    },
}
