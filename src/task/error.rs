//! How a task fails: a code that tells the orchestrator what to do next, and a
//! message for people.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::json::RawJson;

/// How the failure of a task begins that no handler is for.
pub(crate) const UNSUPPORTED: &str = "Unsupported task: ";

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $wire:literal),* $(,)?) => {
        /// What an orchestrator should make of a failure. The comments say what
        /// avtomatika 1.0b12 (RXON 1.0b2) and 1.0b30 (RXON 1.0b17) do.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
            /// A code that is not in the list; both orchestrators retry.
            Custom(String),
        }

        impl ErrorCode {
            /// Every code the protocols know.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The spelling on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $wire,)*
                    Self::Custom(code) => code,
                }
            }
        }

        impl From<&str> for ErrorCode {
            fn from(code: &str) -> Self {
                match code {
                    $($wire => Self::$variant,)*
                    other => Self::Custom(other.to_owned()),
                }
            }
        }
    };
}

codes! {
    /// May go away by itself: the task is tried again, at most three times.
    Transient = "TRANSIENT_ERROR",
    /// Will never work: the job is put into quarantine.
    Permanent = "PERMANENT_ERROR",
    /// The parameters are wrong: the job fails at once.
    InvalidInput = "INVALID_INPUT_ERROR",
    /// The task took too long: tried again.
    Timeout = "TIMEOUT_ERROR",
    /// Out of memory, disk or the like: tried again.
    ResourceExhausted = "RESOURCE_EXHAUSTED_ERROR",
    /// A fault in the worker: tried again.
    Internal = "INTERNAL_ERROR",
    /// Refused for reasons of security: quarantine.
    Security = "SECURITY_ERROR",
    /// Something the task depends on failed for good: quarantine.
    Dependency = "DEPENDENCY_ERROR",
    /// A file is not the one that was announced: the job fails at once.
    IntegrityMismatch = "INTEGRITY_MISMATCH_ERROR",
    /// The result breaks the declared contract: quarantine (1.0b12 retries).
    ContractViolation = "CONTRACT_VIOLATION_ERROR",
    /// A limit was exceeded: tried again.
    LimitExceeded = "LIMIT_EXCEEDED_ERROR",
    /// Something the task needs is not installed here: tried again.
    DependencyMissing = "DEPENDENCY_MISSING_ERROR",
    /// The result came too late: tried again.
    LateResult = "LATE_RESULT",
}

impl ErrorCode {
    /// Whether the orchestrators answer this code by handing the task out again.
    #[must_use]
    pub fn is_retried(&self) -> bool {
        !matches!(
            self,
            Self::Permanent
                | Self::InvalidInput
                | Self::Security
                | Self::Dependency
                | Self::IntegrityMismatch
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a handler could not do its task.
///
/// `?` turns any ordinary error into a transient failure whose message holds the
/// error and its causes. For everything else there is a constructor per code:
///
/// ```
/// use axon_worker::{ErrorCode, TaskError};
///
/// fn read_port(text: &str) -> Result<u16, TaskError> {
///     if text.is_empty() {
///         return Err(TaskError::invalid_input("port is empty"));
///     }
///     Ok(text.parse()?)
/// }
/// assert_eq!(read_port("x").unwrap_err().code(), &ErrorCode::Transient);
/// assert_eq!(read_port("").unwrap_err().code(), &ErrorCode::InvalidInput);
/// ```
///
/// Like other types that take in every error, it is no [`Error`] itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskError {
    code: ErrorCode,
    message: String,
    details: Option<RawJson>,
    retry_delay: Option<Duration>,
}

impl TaskError {
    /// A failure with any code.
    #[must_use]
    pub fn new(code: impl Into<ErrorCode>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            details: None,
            retry_delay: None,
        }
    }

    /// May work when tried again.
    #[must_use]
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Transient, message)
    }

    /// Will never work.
    #[must_use]
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Permanent, message)
    }

    /// The parameters are wrong.
    #[must_use]
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidInput, message)
    }

    /// Adds data for programs. What has no JSON form is left out; NaN and infinity become
    /// `null`.
    #[must_use]
    pub fn with_details(mut self, details: &impl Serialize) -> Self {
        self.details = RawJson::from_serialize_with_nulls(details).ok();
        self
    }

    /// Says when another attempt makes sense, for example because a service that the task
    /// needs has said so. `Retry` of [`middleware::ready`](crate::middleware) waits at least
    /// as long, and transports whose protocol has a place for it send it. RXON and
    /// `DistWorker` have none: their orchestrators hand the task out again at once.
    ///
    /// ```
    /// use axon_worker::TaskError;
    /// use std::time::Duration;
    ///
    /// let error = TaskError::transient("the service is busy").retry_after(Duration::from_secs(30));
    /// assert_eq!(error.retry_delay(), Some(Duration::from_secs(30)));
    /// ```
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_delay = Some(delay);
        self
    }

    /// How long to wait before another attempt, see [`TaskError::retry_after`].
    #[must_use]
    pub fn retry_delay(&self) -> Option<Duration> {
        self.retry_delay
    }

    /// What the orchestrator should make of it.
    #[must_use]
    pub fn code(&self) -> &ErrorCode {
        &self.code
    }

    /// What went wrong, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What went wrong, for programs.
    #[must_use]
    pub fn details(&self) -> Option<&RawJson> {
        self.details.as_ref()
    }

    /// The failure that a panic's payload stands for.
    pub(crate) fn from_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        Self::panicked("the handler", payload)
    }

    /// The same, where something else than the handler panicked.
    pub(crate) fn panicked(what: &str, payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self::transient(match text {
            Some(text) => format!("{what} panicked: {text}"),
            None => format!("{what} panicked"),
        })
    }

    /// The same failure, with something before its message.
    pub(crate) fn prefixed(mut self, prefix: &str) -> Self {
        self.message.insert_str(0, prefix);
        self
    }
}

impl From<ErrorCode> for TaskError {
    fn from(code: ErrorCode) -> Self {
        let message = code.to_string();
        Self::new(code, message)
    }
}

impl<E: Error> From<E> for TaskError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            let text = deeper.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = deeper.source();
        }
        Self::transient(message)
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("loading the model")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_ordinary_error_is_transient_and_tells_its_causes() {
        let error = TaskError::from(Outer(std::io::Error::other("disk on fire")));
        assert_eq!(error.code(), &ErrorCode::Transient);
        assert_eq!(error.message(), "loading the model: disk on fire");
    }

    #[test]
    fn codes_keep_their_spelling_both_ways() {
        for code in ErrorCode::ALL {
            assert_eq!(&ErrorCode::from(code.as_str()), code);
        }
        assert_eq!(ErrorCode::from("TEAPOT").as_str(), "TEAPOT");
        assert_eq!(ErrorCode::ALL.len(), 13);
    }
}
