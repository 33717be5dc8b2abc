//! Processor and memory, by `sysinfo`.

use super::{UsageSource, cgroup};
use crate::transport::Usage;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// The machine as its operating system sees it.
pub(super) struct System {
    system: sysinfo::System,
    #[cfg(feature = "nvml")]
    cards: super::nvml::Cards,
}

impl System {
    pub(super) fn new() -> Self {
        let mut system = sysinfo::System::new();
        // The load is told by the difference between two looks; this is the first.
        system.refresh_cpu_usage();
        Self {
            system,
            #[cfg(feature = "nvml")]
            cards: super::nvml::Cards::default(),
        }
    }
}

impl UsageSource for System {
    fn measure(&mut self) -> Option<Usage> {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        let load = f64::from(self.system.global_cpu_usage());
        // In a container: what is in use of its limit.
        let total = self.system.total_memory();
        let groups = cgroup::limited().into_iter();
        let tightest = groups.min_by_key(|group| group.limit);
        let container = tightest.filter(|group| group.limit < total);
        let memory = container.map_or(self.system.used_memory(), |group| group.used);
        #[allow(clippy::cast_precision_loss, reason = "exact below 8 PiB")]
        let memory = memory as f64;
        Some(Usage {
            cpu_load_percent: hundredths(load.clamp(0.0, 100.0)),
            ram_used_gb: hundredths(memory / GIB),
            #[cfg(feature = "nvml")]
            devices: self.cards.measure(),
            #[cfg(not(feature = "nvml"))]
            devices: Vec::new(),
        })
    }
}

/// More digits say nothing and make messages longer.
pub(super) fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_load_and_uses_memory() {
        let mut system = System::new();
        let usage = system.measure().unwrap();
        assert!((0.0..=100.0).contains(&usage.cpu_load_percent), "{usage:?}");
        assert!(usage.ram_used_gb > 0.0, "{usage:?}");
    }
}
