//! Registration and heartbeat.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use crate::config::Artifact;
use crate::id::{TaskId, TaskName, WorkerId};
use crate::transport::{Availability, Report, WorkerCard};

#[derive(Serialize)]
struct Registration<'a> {
    worker_id: &'a WorkerId,
    worker_type: &'a str,
    /// The whole catalogue, not what is free now: with Redis, avtomatika 1.0b12
    /// never hands out a task whose name was missing here.
    supported_tasks: Vec<&'a TaskName>,
    resources: Resources<'a>,
    installed_software: &'a BTreeMap<String, String>,
    installed_models: &'a [Artifact],
    capabilities: Capabilities<'a>,
    /// Not in the reference worker's registration. The orchestrator stores it like
    /// any field, and takes a worker without it for idle (avtomatika 1.0b12).
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
}

#[derive(Serialize)]
struct Resources<'a> {
    max_concurrent_tasks: usize,
    cpu_cores: u32,
    gpu_info: Option<GpuInfo<'a>>,
}

#[derive(Serialize)]
struct GpuInfo<'a> {
    model: &'a str,
    vram_gb: u32,
}

#[derive(Serialize)]
struct Capabilities<'a> {
    hostname: &'a str,
    ip_address: &'a str,
    cost_per_skill: &'a BTreeMap<String, f64>,
    s3_config_hash: Option<&'a str>,
    extra: Option<()>,
    /// Not sent by avtomatika-worker 1.0b4, but without it avtomatika 1.0b12 sends
    /// no cancel command.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    websockets: bool,
}

#[derive(Serialize)]
struct Heartbeat<'a> {
    worker_id: &'a WorkerId,
    status: &'static str,
    load: f64,
    current_tasks: Vec<&'a TaskId>,
    supported_tasks: &'a [TaskName],
    hot_cache: &'a [String],
    skill_dependencies: Option<&'a BTreeMap<String, Vec<String>>>,
    hot_skills: Option<&'a [String]>,
}

/// The body of a registration.
pub(in super::super) fn write_registration(card: &WorkerCard, report: &Report) -> Bytes {
    let idle = report.availability == Availability::Idle;
    write(&Registration {
        worker_id: &card.worker_id,
        worker_type: &card.worker_type,
        supported_tasks: card.tasks.iter().map(|task| &task.name).collect(),
        resources: Resources {
            max_concurrent_tasks: card.max_concurrent_tasks,
            cpu_cores: card.resources.cpu_cores,
            gpu_info: card.resources.gpu.as_ref().map(|gpu| GpuInfo {
                model: &gpu.model,
                vram_gb: gpu.vram_gb,
            }),
        },
        installed_software: &card.installed_software,
        installed_models: &card.installed_models,
        capabilities: Capabilities {
            hostname: &card.hostname,
            ip_address: &card.ip_address,
            cost_per_skill: &card.cost_per_skill,
            s3_config_hash: card.storage_hash.as_deref(),
            extra: None,
            websockets: card.takes_commands,
        },
        status: (!idle).then_some("busy"),
    })
}

/// The body of a heartbeat. The orchestrator keeps the old value of a field that
/// is not sent, so all of them are.
pub(in super::super) fn write_heartbeat(
    worker_id: &WorkerId,
    card: Option<&WorkerCard>,
    report: &Report,
) -> Bytes {
    let idle = report.availability == Availability::Idle;
    // As many tasks as a float cannot count do not fit into a machine.
    #[allow(clippy::cast_precision_loss)]
    let load = report.running.len() as f64;
    write(&Heartbeat {
        worker_id,
        // Only `idle` workers get tasks, and this dialect knows no third word.
        status: if idle { "idle" } else { "busy" },
        load,
        current_tasks: report.running.iter().map(|task| &task.task_id).collect(),
        supported_tasks: if idle { &report.available } else { &[] },
        hot_cache: &report.hot_cache,
        skill_dependencies: card
            .map(|card| &card.skill_dependencies)
            .filter(|all| !all.is_empty()),
        hot_skills: Some(&*report.hot_skills).filter(|all| !all.is_empty()),
    })
}

fn write(message: &impl Serialize) -> Bytes {
    serde_json::to_vec(message)
        .expect("structs of texts and numbers with text keys always have a JSON form")
        .into()
}
