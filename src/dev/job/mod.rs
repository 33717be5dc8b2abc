//! Jobs: what is to be done, the state machine that does it, and the report.

mod engine;
mod extras;
mod form;
mod params;
mod report;
mod spec;
mod standing;
mod verdict;

pub(crate) use engine::{Answer, Effects, Job, Order, Rules};
pub(crate) use extras::Extras;
pub use report::{AttemptReport, JobReport, JobState};
pub use spec::{JobSpec, SpecError};
pub(crate) use standing::Unwanted;
pub(crate) use verdict::{BROKEN_CONTRACT, reputation};

/// A random id in the form of a UUID, without asking the system for randomness.
pub(crate) fn fresh_id() -> String {
    let bytes = fastrand::u128(..).to_be_bytes();
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}
