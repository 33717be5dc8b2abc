//! How a process ended, and what that means for its task.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::task::{ErrorCode, TaskError};

/// SIGKILL and SIGXCPU, the same on all systems.
const KILLED: i32 = 9;
const CPU_TIME: i32 = 24;

/// The signals that end a program from outside: SIGHUP, SIGINT, SIGQUIT, SIGKILL and SIGTERM.
const TOLD_TO_END: [i32; 5] = [1, 2, 3, KILLED, 15];

/// What shells add to the number of the signal that ended a program.
const OF_SHELL: u8 = 128;

/// What programs write when they get no more memory, in lower case.
const NO_MEMORY: [&str; 9] = [
    "memoryerror",            // Python, Ruby
    "cannot allocate memory", // the system, Go
    "bad_alloc",              // C++
    "memory allocation of",   // Rust
    "out of memory",          // Go, V8, Perl
    "outofmemory",            // JVM, .NET
    "insufficient memory",    // the start of a JVM
    "allocation failed",      // node
    "process oom",            // V8
];

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(u8),
    /// By a signal that did not come from this worker.
    Signal(i32),
}

impl Exit {
    /// Whether somebody may have ended it from outside, rather than a fault of its own.
    pub(crate) fn may_be_told(self) -> bool {
        match self {
            Self::Signal(signal) => TOLD_TO_END.contains(&signal),
            Self::Code(code) => code
                .checked_sub(OF_SHELL)
                .is_some_and(|signal| TOLD_TO_END.contains(&i32::from(signal))),
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
            (None, signal) => Self::Signal(signal.unwrap_or(0)),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(KILLED) => {
                f.write_str("signal 9 (SIGKILL, not by the worker: memory may have run out)")
            }
            Self::Signal(CPU_TIME) => f.write_str("signal 24 (SIGXCPU: out of processor time)"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// The error codes of exit codes: those of the settings, else the usual ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExitCodes(pub(crate) BTreeMap<u8, ErrorCode>);

impl ExitCodes {
    /// What an exit code other than 0 means. `sysexits` are what programs of one task
    /// may end with; a process of a pool that ends in a task has died, whatever its code.
    fn meaning(&self, code: u8, sysexits: bool) -> ErrorCode {
        if let Some(given) = self.0.get(&code) {
            return given.clone();
        }
        match code {
            126 | 127 => ErrorCode::DependencyMissing,
            // What a shell says of a program that was killed.
            137 | 152 => ErrorCode::ResourceExhausted,
            code if sysexits => usual(code),
            _ => ErrorCode::Transient,
        }
    }
}

/// The codes of `sysexits.h`. All others are failures that may pass, as an error of a
/// handler is.
fn usual(code: u8) -> ErrorCode {
    match code {
        65 | 66 => ErrorCode::InvalidInput,      // EX_DATAERR, EX_NOINPUT
        64 | 78 => ErrorCode::Permanent,         // EX_USAGE, EX_CONFIG
        70 => ErrorCode::Internal,               // EX_SOFTWARE
        71 | 73 => ErrorCode::ResourceExhausted, // EX_OSERR, EX_CANTCREAT
        72 => ErrorCode::DependencyMissing,      // EX_OSFILE
        77 => ErrorCode::Security,               // EX_NOPERM
        _ => ErrorCode::Transient,
    }
}

/// What is known of a process that ended without an answer.
#[derive(Debug)]
pub(crate) struct Death<'a> {
    pub(crate) exit: Exit,
    pub(crate) codes: &'a ExitCodes,
    /// Whether it was there for one task alone.
    pub(crate) is_once: bool,
    pub(crate) has_memory_limit: bool,
    /// The end of what it wrote to stderr.
    pub(crate) last_words: &'a str,
}

impl Death<'_> {
    /// The failure of its task.
    pub(crate) fn failure(&self) -> TaskError {
        let starved = self.has_memory_limit
            && speaks_of_memory(self.last_words)
            && !matches!(self.exit, Exit::Code(code) if self.codes.0.contains_key(&code));
        let code = match self.exit {
            _ if starved => ErrorCode::ResourceExhausted,
            Exit::Code(code) => self.codes.meaning(code, self.is_once),
            Exit::Signal(KILLED | CPU_TIME) => ErrorCode::ResourceExhausted,
            Exit::Signal(_) => ErrorCode::Transient,
        };
        let mut text = format!("the program ended without a result: {}", self.exit);
        if !self.last_words.is_empty() {
            text.push_str("; the end of its stderr: ");
            text.push_str(self.last_words);
        }
        TaskError::new(code, text)
    }
}

fn speaks_of_memory(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    NO_MEMORY.iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(exit: Exit, is_once: bool, memory: bool, last_words: &str) -> TaskError {
        let codes = ExitCodes(BTreeMap::from([(3, ErrorCode::InvalidInput)]));
        Death {
            exit,
            codes: &codes,
            is_once,
            has_memory_limit: memory,
            last_words,
        }
        .failure()
    }

    #[test]
    fn exit_codes_mean_what_the_settings_say_else_the_usual() {
        for (code, once, pool) in [
            (1, ErrorCode::Transient, ErrorCode::Transient),
            (3, ErrorCode::InvalidInput, ErrorCode::InvalidInput),
            (65, ErrorCode::InvalidInput, ErrorCode::Transient),
            (75, ErrorCode::Transient, ErrorCode::Transient),
            (78, ErrorCode::Permanent, ErrorCode::Transient),
            (
                127,
                ErrorCode::DependencyMissing,
                ErrorCode::DependencyMissing,
            ),
            (
                137,
                ErrorCode::ResourceExhausted,
                ErrorCode::ResourceExhausted,
            ),
        ] {
            assert_eq!(
                failure(Exit::Code(code), true, false, "").code(),
                &once,
                "{code}"
            );
            assert_eq!(
                failure(Exit::Code(code), false, false, "").code(),
                &pool,
                "{code}"
            );
        }
    }

    #[test]
    fn a_kill_from_elsewhere_and_the_limits_are_exhaustion() {
        for signal in [9, 24] {
            let error = failure(Exit::Signal(signal), true, false, "");
            assert_eq!(error.code(), &ErrorCode::ResourceExhausted);
        }
        assert_eq!(
            failure(Exit::Signal(11), true, false, "").code(),
            &ErrorCode::Transient
        );
        let words = "Traceback\nMemoryError";
        let starved = failure(Exit::Code(1), true, true, words);
        assert_eq!(starved.code(), &ErrorCode::ResourceExhausted);
        // Without a limit of ours it is the program's own trouble.
        assert_eq!(
            failure(Exit::Code(1), true, false, words).code(),
            &ErrorCode::Transient
        );
    }

    #[test]
    fn who_was_told_to_end_is_told_from_who_crashed() {
        for exit in [
            Exit::Signal(15),
            Exit::Signal(2),
            Exit::Signal(9),
            Exit::Code(143),
            Exit::Code(130),
        ] {
            assert!(exit.may_be_told(), "{exit}");
        }
        for exit in [
            Exit::Signal(11),
            Exit::Signal(6),
            Exit::Signal(24),
            Exit::Code(0),
            Exit::Code(1),
            Exit::Code(15),
            Exit::Code(128),
            Exit::Code(139),
        ] {
            assert!(!exit.may_be_told(), "{exit}");
        }
    }

    #[test]
    fn the_message_has_the_end_of_stderr() {
        let error = failure(Exit::Code(1), true, false, "boom");
        assert_eq!(
            error.message(),
            "the program ended without a result: exit code 1; the end of its stderr: boom"
        );
    }
}
