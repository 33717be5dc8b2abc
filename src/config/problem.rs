//! What is wrong with a configuration: every problem with its place, all told together.

use std::fmt;
use std::path::{Path, PathBuf};

/// Settings that cannot be used: one or more [`Problem`]s, one per line when printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// All that is wrong, never empty.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong. Its `place` is a variable, such as `WORKER_PORT` or
/// `ORCHESTRATORS_CONFIG[1].url`, or a key of the file with the file's path.
///
/// No problem ever shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A value of the wrong kind, or outside of what is allowed.
    #[error("{place}: expected {expected}, got {got}")]
    WrongValue {
        /// Where the value stands.
        place: String,
        /// The kind of value, and what is allowed.
        expected: String,
        /// The value itself, or what can be told of it if it may hold a secret.
        got: String,
    },
    /// Something that must be given is not.
    #[error("{place}: missing")]
    Missing {
        /// Where it should stand.
        place: String,
    },
    /// A setting that is of no use without another.
    #[error("{place}: {needs} must be set as well")]
    Incomplete {
        /// The setting that is there.
        place: String,
        /// The one that is not.
        needs: &'static str,
    },
    /// The file has a key that means nothing.
    #[error("{place}: unknown key")]
    UnknownKey {
        /// The key and the file.
        place: String,
    },
    /// The file cannot be read.
    #[error("{variable}: cannot read {path}: {reason}")]
    UnreadableFile {
        /// The variable that names the file.
        variable: &'static str,
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
}

impl Problem {
    /// The variable, or the key and its file, at fault.
    #[must_use]
    pub fn place(&self) -> &str {
        match self {
            Self::WrongValue { place, .. }
            | Self::Missing { place }
            | Self::Incomplete { place, .. }
            | Self::UnknownKey { place } => place,
            Self::UnreadableFile { variable, .. } => variable,
        }
    }
}

/// Where a value came from.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Variable or key, with the path to the part in question.
    name: String,
    /// The file, unless it is a variable.
    file: Option<String>,
    /// The file with the value alone, if a variable such as `WORKER_TOKEN_FILE` names one.
    value_file: Option<PathBuf>,
}

impl Place {
    pub(super) fn variable(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            file: None,
            value_file: None,
        }
    }

    /// The value was read from this file.
    pub(super) fn with_value_file(self, path: PathBuf) -> Self {
        Self {
            value_file: Some(path),
            ..self
        }
    }

    pub(super) fn value_file(&self) -> Option<&Path> {
        self.value_file.as_deref()
    }

    pub(super) fn key(key: &str, file: &str) -> Self {
        Self {
            name: key.to_owned(),
            file: Some(file.to_owned()),
            value_file: None,
        }
    }

    /// A part of the value: `[1]`, `.url`.
    pub(super) fn at(&self, part: impl fmt::Display) -> Self {
        Self {
            name: format!("{}{part}", self.name),
            file: self.file.clone(),
            value_file: None,
        }
    }

    pub(super) fn is_in_file(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn wrong(&self, expected: impl fmt::Display, got: impl Into<String>) -> Problem {
        Problem::WrongValue {
            place: self.to_string(),
            expected: expected.to_string(),
            got: got.into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names of fields come from outside: they must not break the line.
        let name = self.name.escape_debug();
        match &self.file {
            None => write!(f, "{name}"),
            Some(file) => write!(f, "{name} ({})", file.escape_debug()),
        }
    }
}

/// What is found on the way, so that the first problem does not hide the others.
#[derive(Debug, Default)]
pub(super) struct Notes {
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Notes {
    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    pub(super) fn add(&mut self, others: Self) {
        self.problems.extend(others.problems);
        self.warnings.extend(others.warnings);
    }

    /// Nothing of it is bad enough to stop for.
    pub(super) fn into_warnings(mut self) -> Self {
        let problems = self.problems.drain(..);
        self.warnings
            .extend(problems.map(|it| format!("{it}; ignored")));
        self
    }

    pub(super) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// The warnings, and the problems if there are any.
    pub(super) fn finish(self) -> (Vec<String>, Option<ConfigError>) {
        let problems = self.problems;
        let error = (!problems.is_empty()).then_some(ConfigError { problems });
        (self.warnings, error)
    }
}
