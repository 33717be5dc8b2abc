//! What we send is what the reference worker sends.

mod events;
mod heartbeats;
mod registrations;
mod results;

use serde_json::json;

use super::*;
use crate::config::{Artifact, Device, Gpu};

fn worker_id() -> WorkerId {
    WorkerId::try_new("probe-worker-1").unwrap()
}

fn full_card() -> WorkerCard {
    let mut card = card();
    card.resources.ram_gb = 8.0;
    card.resources.gpu = Some(Gpu {
        model: "RTX 4090".to_owned(),
        vram_gb: 24,
        id: "0".to_owned(),
    });
    card.resources.devices = vec![Device {
        kind: "npu".to_owned(),
        id: Some("n1".to_owned()),
        ..Device::default()
    }];
    card.resources.properties = BTreeMap::from([("rack".to_owned(), json!("b"))]);
    card.installed_models = vec![Artifact {
        name: "m".to_owned(),
        version: "1".to_owned(),
        kind: Some("model".to_owned()),
        properties: Some(json!({"size": 2})),
    }];
    card.cost_per_skill = BTreeMap::from([("echo".to_owned(), 0.5)]);
    card.storage_hash = Some("abc".to_owned());
    card.extra = BTreeMap::from([("region".to_owned(), json!("eu"))]);
    card.takes_commands = true;
    card
}
