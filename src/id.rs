//! Names of things on the wire, each with a type of its own so that two of
//! them cannot be swapped by mistake.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Cloning is cheap: the text is shared.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

id!(
    /// One hand-out of one piece of work. A retry by the orchestrator has a new one.
    ///
    /// Whatever the orchestrator sends is kept as it is: never use it unchecked
    /// as the name of a file.
    TaskId
);
id!(
    /// The job, made of one or more tasks, that a task belongs to.
    JobId
);
id!(
    /// The name of a task handler, which orchestrators call a task type or a skill.
    TaskName
);

/// Which of the configured orchestrators, by its place in the sorted list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrchestratorId(pub usize);

impl fmt::Debug for OrchestratorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for OrchestratorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The identity of this worker, unique among the workers of an orchestrator.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct WorkerId(Arc<str>);

/// A worker id, task name or task type that the protocols do not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an identifier: 1 to 128 ASCII letters, digits, '_' and '-' are allowed")]
pub struct InvalidIdentifier(pub String);

/// Checks a worker id, task name or task type: ASCII letters, digits, `_` and
/// `-`, 1 to 128 of them (rxon 1.0b17, `validate_identifier`; 1.0b2 has no upper bound).
///
/// # Errors
/// The text itself, when it is not an identifier.
pub fn check_identifier(text: &str) -> Result<(), InvalidIdentifier> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err(InvalidIdentifier(text.to_owned()))
    }
}

impl WorkerId {
    /// A checked worker id.
    ///
    /// # Errors
    /// When the text is not an identifier, see [`check_identifier`].
    pub fn try_new(text: &str) -> Result<Self, InvalidIdentifier> {
        check_identifier(text)?;
        Ok(Self(text.into()))
    }

    /// `worker-` and a random UUID, for workers that were given no name.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("worker-{}", uuid::Uuid::new_v4()).into())
    }

    /// The text as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_refused_as_the_vectors_recommend() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../tests/vectors/identifiers.json")).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert!(cases.len() > 10);
        for case in cases {
            let value = case["value"].as_str().unwrap();
            let allowed = case["strict"].as_bool().unwrap();
            assert_eq!(check_identifier(value).is_ok(), allowed, "{value:?}");
        }
    }
}
