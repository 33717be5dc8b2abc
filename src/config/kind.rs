//! The kinds of values, and how each is told to people.

use std::fmt;

/// What a variable holds, and what is allowed. Prints as the reference shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Any text.
    Text,
    /// A token or key; it must fit into an HTTP header, and is never shown.
    Secret,
    /// A key that messages are signed with and that never travels: any text. Never shown.
    Key,
    /// A file or folder.
    Path,
    /// See [`check_identifier`](crate::check_identifier).
    Identifier,
    /// Base URL of an orchestrator.
    OrchestratorUrl,
    /// URL of a `DistWorker` controller.
    ControllerUrl,
    /// A number of attempts.
    Attempts,
    /// URL of another service.
    Url,
    /// An IP address of this machine.
    Address,
    /// A level of the log, or directives that say what is logged of whom.
    LogFilter,
    /// `true` or `false` in any letter case. The Python SDK reads everything but
    /// `true` as false; here it is a mistake.
    Flag,
    /// A whole number.
    Whole {
        /// The least.
        min: u32,
        /// The greatest.
        max: u32,
    },
    /// A number, fractions allowed.
    Number {
        /// The least.
        min: u32,
    },
    /// A time span in seconds, fractions allowed.
    Seconds {
        /// Whether it must be more than 0.
        above_zero: bool,
    },
    /// A size in bytes: a whole number, or one with a unit.
    Bytes,
    /// One of these words, in any letter case.
    OneOf(&'static [&'static str]),
    /// JSON text of this shape.
    Json {
        /// The shape, in words.
        shape: &'static str,
        /// Whether a text that is not JSON counts as not set, with a warning, as in
        /// the Python SDK. JSON of another shape is always a mistake.
        lenient: bool,
    },
}

/// The greatest number and time span: far above any use (seconds: 31 years), and
/// small enough to be added to a point in time.
pub(super) const MAX_NUMBER: f64 = 1e9;

impl Kind {
    /// Returns whether values are secrets, which are never shown.
    #[must_use]
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::Key)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Secret => f.write_str("a secret of printable ASCII characters"),
            Self::Key => f.write_str("a secret text"),
            Self::Path => f.write_str("a path"),
            Self::Identifier => {
                f.write_str("an identifier of 1 to 128 ASCII letters, digits, '_' and '-'")
            }
            Self::OrchestratorUrl => f.write_str(
                "a URL with http:// or https:// (or ws://, wss://), without user, query and fragment",
            ),
            Self::ControllerUrl => f.write_str(
                "a URL with http://, https://, ws:// or wss://, without user and fragment",
            ),
            Self::Attempts => f.write_str("a whole number from 0, or -1 for no limit"),
            Self::Url => {
                f.write_str("a URL with http:// or https://, without user, query and fragment")
            }
            Self::Address => f.write_str("an IP address, or localhost"),
            Self::LogFilter => f.write_str(
                "off, error, warn, info, debug, trace, or directives such as info,axon_worker=debug",
            ),
            Self::Flag => f.write_str("true or false"),
            Self::Whole { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Number { min } => write!(f, "a number from {min} to 1e9"),
            Self::Seconds { above_zero: true } => {
                f.write_str("a number of seconds above 0, up to 1e9")
            }
            Self::Seconds { above_zero: false } => {
                f.write_str("a number of seconds from 0 to 1e9")
            }
            Self::Bytes => f.write_str("a number of bytes, or one with a unit such as 512 MiB"),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::Json { shape, .. } => write!(f, "JSON, {shape}"),
        }
    }
}
