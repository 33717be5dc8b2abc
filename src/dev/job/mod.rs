//! Jobs: what is to be done, the state machine that does it, and the report.

mod engine;
mod params;
mod report;
mod spec;

pub(crate) use engine::{Answer, Effects, Job, Order, fresh_id};
pub use report::{AttemptReport, JobReport, JobState};
pub use spec::{JobSpec, SpecError};
