//! Measuring how busy the machine is, for heartbeats, and never on the control thread.

mod cgroup;
mod gauge;
mod memory;
#[cfg(feature = "nvml")]
mod nvml;
#[cfg(feature = "telemetry")]
mod system;

pub(crate) use gauge::Gauge;
pub(crate) use memory::{machine_available, process_resident};

use crate::transport::Usage;

/// Somebody who knows how busy the machine is. Given to
/// [`WorkerBuilder::usage_source`](crate::WorkerBuilder::usage_source).
///
/// ```
/// use axon_worker::UsageSource;
/// use axon_worker::transport::Usage;
///
/// struct Half;
///
/// impl UsageSource for Half {
///     fn measure(&mut self) -> Option<Usage> {
///         Some(Usage { cpu_load_percent: 50.0, ..Usage::default() })
///     }
/// }
/// ```
pub trait UsageSource: Send + 'static {
    /// Measures. Called on a thread of its own, once per heartbeat and at most once a
    /// second; a heartbeat does not wait for it for more than a quarter of a second.
    /// `None`: nothing is known.
    fn measure(&mut self) -> Option<Usage>;
}

/// What is measured unless the program says otherwise: processor and memory with the
/// feature `telemetry`, and NVIDIA cards with `nvml`.
#[cfg(feature = "telemetry")]
#[allow(
    clippy::unnecessary_wraps,
    reason = "without the feature there is none"
)]
pub(crate) fn default_source() -> Option<Box<dyn UsageSource>> {
    Some(Box::new(system::System::new()))
}

#[cfg(not(feature = "telemetry"))]
pub(crate) fn default_source() -> Option<Box<dyn UsageSource>> {
    None
}
