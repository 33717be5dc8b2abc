//! Registration and heartbeat.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Catalogue, Stamp};
use crate::config::{Artifact, Device};
use crate::id::{TaskName, WorkerId};
use crate::transport::{Availability, DeviceUsage, Report, Usage, WorkerCard};

#[derive(Serialize)]
struct Registration<'a> {
    worker_id: &'a WorkerId,
    worker_type: &'a str,
    supported_skills: &'a RawValue,
    available_skills: &'a [TaskName],
    hot_skills: Vec<&'a str>,
    resources: Resources<'a>,
    installed_software: &'a BTreeMap<String, String>,
    installed_artifacts: &'a [Artifact],
    capabilities: Capabilities<'a>,
    skills_hash: &'a str,
    timestamp: u64,
    nonce: &'a str,
}

#[derive(Serialize)]
struct Resources<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<Device>,
    properties: BTreeMap<&'a str, Value>,
}

#[derive(Serialize)]
struct Capabilities<'a> {
    hostname: &'a str,
    ip_address: &'a str,
    cost_per_skill: &'a BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s3_config_hash: Option<&'a str>,
    extra: BTreeMap<&'a str, Value>,
    /// What avtomatika 1.0b30 looks at before it sends a cancel command. It drops
    /// this from a registration and keeps it from a heartbeat.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    websockets: bool,
}

#[derive(Serialize)]
struct Heartbeat<'a> {
    worker_id: &'a WorkerId,
    status: &'static str,
    /// Ids of tasks and of their jobs: avtomatika 1.0b30 looks for jobs among them to
    /// tell which were cancelled.
    current_tasks: Vec<&'a str>,
    available_skills: &'a [TaskName],
    hot_skills: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supported_skills: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skills_hash: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<Capabilities<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<WireUsage<'a>>,
    timestamp: u64,
    nonce: &'a str,
}

#[derive(Serialize)]
struct WireUsage<'a> {
    cpu_load_percent: f64,
    ram_used_gb: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices_usage: Vec<WireDeviceUsage<'a>>,
}

#[derive(Serialize)]
struct WireDeviceUsage<'a> {
    unit_id: &'a str,
    load_percent: f64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metrics: &'a BTreeMap<String, f64>,
}

/// What a heartbeat tells besides the state, if it has to be told.
#[derive(Debug, Default, Clone, Copy)]
pub(in super::super) struct BeatParts<'a> {
    /// Told in full, or by its hash.
    pub(in super::super) catalogue: Option<&'a Catalogue>,
    pub(in super::super) whole_catalogue: bool,
    pub(in super::super) capabilities: bool,
    pub(in super::super) usage: Option<&'a Usage>,
}

/// A registration, not signed yet.
pub(in super::super) fn write_registration(
    card: &WorkerCard,
    catalogue: &Catalogue,
    report: &Report,
    stamp: &Stamp,
) -> Vec<u8> {
    write(&Registration {
        worker_id: &card.worker_id,
        worker_type: &card.worker_type,
        supported_skills: &catalogue.skills,
        available_skills: &report.available,
        hot_skills: hot_skills(Some(card), report, &report.available),
        resources: resources(card),
        installed_software: &card.installed_software,
        installed_artifacts: &card.installed_models,
        capabilities: capabilities(card),
        skills_hash: &catalogue.hash,
        timestamp: stamp.timestamp,
        nonce: &stamp.nonce,
    })
}

/// A heartbeat, not signed yet. The orchestrator keeps the old value of a field that is
/// not sent, so both lists of skills are there even if they are empty.
pub(in super::super) fn write_heartbeat(
    worker_id: &WorkerId,
    card: Option<&WorkerCard>,
    report: &Report,
    parts: BeatParts<'_>,
    stamp: &Stamp,
) -> Vec<u8> {
    let catalogue = parts.catalogue;
    write(&Heartbeat {
        worker_id,
        status: status(report.availability),
        current_tasks: current_tasks(report),
        available_skills: &report.available,
        hot_skills: hot_skills(card, report, &report.available),
        supported_skills: catalogue
            .filter(|_| parts.whole_catalogue)
            .map(|it| &*it.skills),
        // A catalogue that comes with the hash that it knows already is thrown away by
        // avtomatika 1.0b30, which then asks for it again.
        skills_hash: catalogue
            .filter(|_| !parts.whole_catalogue)
            .map(|it| it.hash.as_str()),
        capabilities: card.filter(|_| parts.capabilities).map(capabilities),
        usage: parts.usage.map(usage),
        timestamp: stamp.timestamp,
        nonce: &stamp.nonce,
    })
}

fn status(availability: Availability) -> &'static str {
    match availability {
        Availability::Idle => "idle",
        Availability::Busy => "busy",
        Availability::Full => "full",
        Availability::Draining => "draining",
        Availability::Offline => "offline",
    }
}

/// The skills that are available and hot: all models that they need are in memory, or,
/// if nothing is said of their needs, what is in memory has their name.
pub(in super::super) fn hot_skills<'a>(
    card: Option<&'a WorkerCard>,
    report: &Report,
    available: &'a [TaskName],
) -> Vec<&'a str> {
    let is_in_memory = |model: &str| report.hot_cache.iter().any(|hot| hot == model);
    let is_hot = |name: &str| match card.and_then(|card| card.skill_dependencies.get(name)) {
        Some(models) => !models.is_empty() && models.iter().all(|model| is_in_memory(model)),
        None => is_in_memory(name),
    };
    let names = available.iter().map(TaskName::as_str);
    names.filter(|name| is_hot(name)).collect()
}

fn current_tasks(report: &Report) -> Vec<&str> {
    let mut ids: Vec<&str> = Vec::with_capacity(2 * report.running.len());
    ids.extend(report.running.iter().map(|task| task.task_id.as_str()));
    // Tasks of one job would name it more than once.
    let mut jobs: Vec<&str> = report.running.iter().map(|it| it.job_id.as_str()).collect();
    jobs.sort_unstable();
    jobs.dedup();
    ids.extend(jobs);
    ids
}

fn resources(card: &WorkerCard) -> Resources<'_> {
    let told = &card.resources;
    let gpu = told.gpu.as_ref().map(|gpu| Device {
        kind: "gpu".to_owned(),
        model: Some(gpu.model.clone()),
        id: Some(gpu.id.clone()),
        properties: Some(json!({ "memory_gb": gpu.vram_gb })),
    });
    let mut properties = BTreeMap::from([("cpu_cores", told.cpu_cores.into())]);
    if told.ram_gb > 0.0 {
        properties.insert("ram_gb", told.ram_gb.into());
    }
    let more = told.properties.iter();
    properties.extend(more.map(|(name, value)| (name.as_str(), value.clone())));
    Resources {
        devices: gpu.into_iter().chain(told.devices.clone()).collect(),
        properties,
    }
}

fn capabilities(card: &WorkerCard) -> Capabilities<'_> {
    let mut extra = BTreeMap::from([("websockets", card.takes_commands.into())]);
    let more = card.extra.iter();
    extra.extend(more.map(|(name, value)| (name.as_str(), value.clone())));
    Capabilities {
        hostname: &card.hostname,
        ip_address: &card.ip_address,
        cost_per_skill: &card.cost_per_skill,
        s3_config_hash: card.storage_hash.as_deref(),
        extra,
        websockets: card.takes_commands,
    }
}

fn usage(usage: &Usage) -> WireUsage<'_> {
    WireUsage {
        cpu_load_percent: usage.cpu_load_percent,
        ram_used_gb: usage.ram_used_gb,
        devices_usage: usage.devices.iter().map(device_usage).collect(),
    }
}

fn device_usage(device: &DeviceUsage) -> WireDeviceUsage<'_> {
    WireDeviceUsage {
        unit_id: &device.unit_id,
        load_percent: device.load_percent,
        metrics: &device.metrics,
    }
}

fn write(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message)
        .expect("structs of texts and numbers with text keys always have a JSON form")
}
