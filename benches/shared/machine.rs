//! What it was measured on, and what else went on there.

use std::fs::read_to_string;

/// A line for tables and JSON.
pub(crate) fn description() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processors = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("an unknown processor", |(_, model)| model.trim());
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores of {model}, Linux {}", kernel.trim())
}

/// How many programs wanted a core in the last minute, on average. Above zero before the
/// bench has begun, others are at work, and times say little.
pub(crate) fn load() -> f64 {
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let first = load.split(' ').next();
    first.and_then(|load| load.parse().ok()).unwrap_or(f64::NAN)
}
