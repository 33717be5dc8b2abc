//! Counters and histograms of a worker, behind the feature `metrics`. Without it
//! everything here is empty and costs nothing.
//!
//! What changes all the time is counted where it happens; states are read when
//! somebody asks for the numbers. Labels are names of registered tasks, types and
//! orchestrators, so that their number is bounded by the program.

#[cfg(feature = "metrics")]
mod families;
#[cfg(all(feature = "metrics", feature = "logging"))]
mod log;
#[cfg(feature = "metrics")]
mod meters;
#[cfg(feature = "metrics")]
mod moved;
#[cfg(not(feature = "metrics"))]
mod off;
#[cfg(all(feature = "metrics", feature = "health"))]
mod plain;
#[cfg(feature = "metrics")]
mod states;

#[cfg(feature = "metrics")]
pub(crate) use meters::{LinkMeter, Meters, Start};
#[cfg(not(feature = "metrics"))]
pub(crate) use off::{LinkMeter, Meters, Start};
