//! The machine we are on, as Linux tells it. Elsewhere everything is zero: unknown.

use std::fs;

use super::wire::messages::ResourceUsage;
use crate::transport::Usage;

/// Logical processors.
pub(super) fn cores() -> i32 {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    i32::try_from(cores).unwrap_or(i32::MAX)
}

/// All memory, in MiB.
pub(super) fn memory_mb() -> i64 {
    let told = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    kib_of(&told, "MemTotal:") / 1024
}

/// Measures from one call to the next.
#[derive(Debug, Default)]
pub(super) struct Meter {
    before: Option<Ticks>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    all: u64,
    idle: u64,
}

impl Meter {
    /// The use of the processors since the last call, and of the memory now.
    pub(super) fn read(&mut self) -> ResourceUsage {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let now = Ticks::of(&stat);
        let cpu_percent = match (self.before, now) {
            (Some(before), Some(now)) => now.busy_since(before),
            _ => 0.0,
        };
        self.before = now;
        let used = kib_of(&memory, "MemTotal:") - kib_of(&memory, "MemAvailable:");
        ResourceUsage {
            cpu_percent,
            memory_used_mb: used.max(0) / 1024,
            ..ResourceUsage::default()
        }
    }
}

/// What somebody else has measured.
#[expect(clippy::cast_possible_truncation, reason = "whole MiB, 32-bit percent")]
pub(super) fn told(usage: &Usage) -> ResourceUsage {
    let busiest = usage.devices.iter().map(|device| device.load_percent);
    ResourceUsage {
        cpu_percent: usage.cpu_load_percent as f32,
        memory_used_mb: (usage.ram_used_gb * 1024.0) as i64,
        gpu_utilization: busiest.fold(0.0, f64::max) as f32,
        additional: None,
    }
}

impl Ticks {
    /// The first line: `cpu  user nice system idle iowait ...`.
    fn of(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line
            .split_whitespace()
            .map_while(|n| n.parse().ok())
            .collect();
        // Guest time is within user time already.
        let all = ticks.iter().take(8).sum();
        let idle = ticks.get(3)? + ticks.get(4).unwrap_or(&0);
        Some(Self { all, idle })
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a percentage"
    )]
    fn busy_since(self, before: Self) -> f32 {
        let all = self.all.saturating_sub(before.all);
        let idle = self.idle.saturating_sub(before.idle).min(all);
        if all == 0 {
            return 0.0;
        }
        ((all - idle) as f64 / all as f64 * 100.0) as f32
    }
}

fn kib_of(text: &str, name: &str) -> i64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_time_is_busy() {
        let before = Ticks::of("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2").unwrap();
        let after = Ticks::of("cpu  150 0 100 840 10 0 0 0 0 0").unwrap();
        assert!((after.busy_since(before) - 50.0).abs() < 0.01);
        assert!(before.busy_since(before).abs() < f32::EPSILON);
        assert_eq!(Ticks::of("intr 1"), None);
    }

    #[test]
    fn memory_is_read_by_name() {
        assert_eq!(
            kib_of("MemFree: 5 kB\nMemTotal:    2048 kB", "MemTotal:"),
            2048
        );
        assert_eq!(kib_of("", "MemTotal:"), 0);
    }
}
