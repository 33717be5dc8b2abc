//! How busy the machine is.

use std::collections::BTreeMap;

/// The use of the machine at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Of all cores together, from 0.0 to 100.0.
    pub cpu_load_percent: f64,
    /// Memory in use, in GiB.
    pub ram_used_gb: f64,
    /// Of each device that can tell.
    pub devices: Vec<DeviceUsage>,
}

/// The use of one device.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeviceUsage {
    /// The `id` of the device in [`Resources`](crate::config::Resources).
    pub unit_id: String,
    /// From 0.0 to 100.0.
    pub load_percent: f64,
    /// What else it tells, for example `memory_used_gb`.
    pub metrics: BTreeMap<String, f64>,
}
