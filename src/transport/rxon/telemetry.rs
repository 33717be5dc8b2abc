//! Whether the use of the machine is worth telling again.

use std::time::Duration;

use tokio::time::Instant;

use crate::transport::{DeviceUsage, Usage};

/// The metric of a device that counts, as the reference worker has it.
const DEVICE_MEMORY: &str = "memory_used_gb";

/// What one orchestrator was told last, and what makes news.
#[derive(Debug)]
pub(crate) struct Telemetry {
    deadband: f64,
    force: Duration,
    last: Option<(Usage, Instant)>,
}

impl Telemetry {
    /// `deadband` is in points for loads and in percent of the last value for memory;
    /// after `force` anything is news.
    pub(crate) fn new(deadband: f64, force: Duration) -> Self {
        Self {
            deadband,
            force,
            last: None,
        }
    }

    /// Whether this is news.
    pub(crate) fn is_due(&self, current: &Usage, now: Instant) -> bool {
        match &self.last {
            None => true,
            Some((_, at)) if now.saturating_duration_since(*at) >= self.force => true,
            Some((last, _)) => has_moved(last, current, self.deadband),
        }
    }

    /// The orchestrator has it.
    pub(crate) fn told(&mut self, usage: Usage, now: Instant) {
        self.last = Some((usage, now));
    }

    /// The orchestrator knows nothing any more.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }
}

/// Whether a value left the deadband round its last one, or a device came or went.
fn has_moved(last: &Usage, current: &Usage, deadband: f64) -> bool {
    let load = |last: f64, current: f64| (current - last).abs() > deadband;
    let memory = |last: f64, current: f64| {
        if last > 0.0 {
            (current - last).abs() / last > deadband / 100.0
        } else {
            current > 0.0
        }
    };
    let device = |current: &DeviceUsage| {
        let same = |it: &&DeviceUsage| it.unit_id == current.unit_id;
        last.devices.iter().find(same).is_none_or(|last| {
            load(last.load_percent, current.load_percent)
                || memory(memory_of(last), memory_of(current))
        })
    };
    load(last.cpu_load_percent, current.cpu_load_percent)
        || memory(last.ram_used_gb, current.ram_used_gb)
        || last.devices.len() != current.devices.len()
        || current.devices.iter().any(device)
}

fn memory_of(device: &DeviceUsage) -> f64 {
    device.metrics.get(DEVICE_MEMORY).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn usage(value: &Value) -> Usage {
        let device = |device: &Value| DeviceUsage {
            unit_id: device[0].as_str().unwrap().to_owned(),
            load_percent: device[1].as_f64().unwrap(),
            metrics: serde_json::from_value(device[2].clone()).unwrap_or_default(),
        };
        Usage {
            cpu_load_percent: value[0].as_f64().unwrap(),
            ram_used_gb: value[1].as_f64().unwrap(),
            devices: value[2]
                .as_array()
                .map(|all| all.iter().map(device).collect())
                .unwrap_or_default(),
        }
    }

    fn telemetry() -> Telemetry {
        Telemetry::new(5.0, Duration::from_mins(1))
    }

    #[test]
    fn it_decides_as_the_reference_worker_does() {
        let vectors = include_str!("../../../tests/vectors/telemetry_deadband.json");
        let vectors: Value = serde_json::from_str(vectors).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 15);
        let now = Instant::now();
        for case in cases {
            let mut telemetry = telemetry();
            if !case["last_sent"].is_null() {
                telemetry.told(usage(&case["last_sent"]), now);
            }
            let due = telemetry.is_due(&usage(&case["current"]), now);
            assert_eq!(Value::from(due), case["send"], "{case}");
        }
    }

    #[test]
    fn after_the_forced_interval_anything_is_news() {
        let mut telemetry = telemetry();
        let (still, start) = (Usage::default(), Instant::now());
        telemetry.told(still.clone(), start);
        assert!(!telemetry.is_due(&still, start + Duration::from_secs(59)));
        assert!(telemetry.is_due(&still, start + Duration::from_mins(1)));
        telemetry.forget();
        assert!(telemetry.is_due(&still, start));
    }

    #[test]
    fn what_is_no_number_is_not_told_all_the_time() {
        let mut telemetry = telemetry();
        let odd = Usage {
            cpu_load_percent: f64::NAN,
            ram_used_gb: f64::NAN,
            devices: Vec::new(),
        };
        let now = Instant::now();
        telemetry.told(odd.clone(), now);
        assert!(!telemetry.is_due(&odd, now));
    }
}
