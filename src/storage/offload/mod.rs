//! Files on their way in and out of handlers: `s3://` values in parameters become
//! local paths, local paths in results become `s3://` values. Plain functions over
//! JSON text; what they do not touch stays byte for byte as it came.

mod inbound;
mod metadata;
mod outbound;
mod places;
mod scan;
#[cfg(test)]
mod tests;

use crate::storage::object::StorageError;
use crate::task::{Outcome, TaskError};

pub(crate) use inbound::bring_in;
#[cfg(fuzzing)]
pub(crate) use inbound::plan_of;
pub(crate) use outbound::carry_out;
pub(crate) use places::{Places, name_in_uri};

/// As deep as JSON parsers go.
const MOST_NESTED: usize = 128;

/// How many files of one task move at once.
const AT_ONCE: usize = 8;

/// Why a task ends because of its files.
#[derive(Debug)]
pub(crate) enum Stop {
    CalledOff,
    Failed(TaskError),
}

impl Stop {
    /// `what` is the value at fault.
    fn at(what: &str, error: &StorageError) -> Self {
        match error {
            StorageError::Cancelled { .. } => Self::CalledOff,
            error => Self::Failed(TaskError::new(error.code(), format!("{what}: {error}"))),
        }
    }
}

impl From<Stop> for Outcome {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::CalledOff => Self::Cancelled,
            Stop::Failed(error) => Self::Failed(error),
        }
    }
}
