//! NVIDIA cards, by their management library, which is loaded at run time.

use std::collections::BTreeMap;

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;
use tracing::{debug, info};

use super::system::hundredths;
use crate::transport::DeviceUsage;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// The cards of this machine, looked for once.
#[derive(Default)]
pub(super) enum Cards {
    #[default]
    Unknown,
    Found(Box<Nvml>),
    None,
}

impl Cards {
    /// The use of each card. The id of a card is its number, which is what `GPU_ID` is
    /// by default.
    pub(super) fn measure(&mut self) -> Vec<DeviceUsage> {
        if let Self::Unknown = self {
            *self = match Nvml::init() {
                Ok(nvml) => Self::Found(Box::new(nvml)),
                Err(error) => {
                    info!(%error, "no NVIDIA cards: their use is not told");
                    Self::None
                }
            };
        }
        let Self::Found(nvml) = self else {
            return Vec::new();
        };
        let count = nvml.device_count().unwrap_or(0);
        let cards = (0..count).filter_map(|number| match card(nvml, number) {
            Ok(usage) => Some(usage),
            Err(error) => {
                debug!(number, %error, "an NVIDIA card does not tell its use");
                None
            }
        });
        cards.collect()
    }
}

fn card(nvml: &Nvml, number: u32) -> Result<DeviceUsage, NvmlError> {
    let device = nvml.device_by_index(number)?;
    let load = device.utilization_rates()?.gpu;
    let mut metrics = BTreeMap::new();
    if let Ok(memory) = device.memory_info() {
        #[allow(clippy::cast_precision_loss, reason = "exact below 8 PiB")]
        let used = memory.used as f64;
        metrics.insert("memory_used_gb".to_owned(), hundredths(used / GIB));
    }
    if let Ok(degrees) = device.temperature(TemperatureSensor::Gpu) {
        metrics.insert("temperature_celsius".to_owned(), f64::from(degrees));
    }
    Ok(DeviceUsage {
        unit_id: number.to_string(),
        load_percent: f64::from(load),
        metrics,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_looked_for_once() {
        let mut cards = Cards::default();
        let first = cards.measure();
        assert!(!matches!(cards, Cards::Unknown));
        if let Cards::None = cards {
            assert_eq!(first, []);
            assert_eq!(cards.measure(), []);
        }
    }
}
