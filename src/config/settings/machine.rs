//! The machine, as told to the orchestrators.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The hardware, as told to the orchestrators.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Resources {
    /// `CPU_CORES`.
    pub cpu_cores: u32,
    /// `GPU_MODEL` and `GPU_VRAM_GB`.
    pub gpu: Option<Gpu>,
    /// `RAM_GB`; 0 when not told.
    pub ram_gb: f64,
    /// `WORKER_DEVICES`: accelerators and other devices beyond `gpu`.
    pub devices: Vec<Device>,
    /// Whatever else dispatch rules may look at.
    pub properties: BTreeMap<String, Value>,
}

impl Resources {
    /// All devices, as RXON 1.0b17 lists them: the graphics card of `gpu` first, then
    /// `devices`.
    #[must_use]
    pub fn all_devices(&self) -> Vec<Device> {
        let card = self.gpu.iter().map(|gpu| Device {
            kind: "gpu".to_owned(),
            model: Some(gpu.model.clone()),
            id: Some(gpu.id.clone()),
            properties: Some(serde_json::json!({ "memory_gb": gpu.vram_gb })),
        });
        card.chain(self.devices.iter().cloned()).collect()
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            cpu_cores: 4,
            gpu: None,
            ram_gb: 0.0,
            devices: Vec::new(),
            properties: BTreeMap::new(),
        }
    }
}

/// A device, as told to the orchestrators.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Device {
    /// What it is, for example `gpu`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tells it from others of this worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What does not change, for example `memory_gb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Value>,
}

/// A graphics card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// `GPU_MODEL`, for example `RTX 4090`.
    pub model: String,
    /// `GPU_VRAM_GB`, in GiB as the protocol counts.
    pub vram_gb: u32,
    /// `GPU_ID`.
    pub id: String,
}

/// A model or other artifact that is installed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default = "unknown")]
    pub version: String,
    /// What it is, for example `model`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whatever else dispatch rules may look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Value>,
}

fn unknown() -> String {
    "unknown".to_owned()
}
