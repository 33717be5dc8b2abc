//! Models in memory, and the skills that are hot because of them.

use crate::RELEASE;
use crate::support::{Release, Stage, Storage, Value, json};

on_both_storages! {
    a_skill_is_hot_while_all_its_models_are_loaded,
}

mod scenario {
    use super::*;

    pub(super) async fn a_skill_is_hot_while_all_its_models_are_loaded(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let worker = stage.started_worker().await;
        let diffusion = "stable_diffusion_v1.5";
        let decoder = "vae-ft-mse";
        let steps = [
            ("warm", diffusion, json!([diffusion]), vec![]),
            (
                "warm",
                decoder,
                json!([diffusion, decoder]),
                vec!["image_generation".to_owned()],
            ),
            ("cool", decoder, json!([diffusion]), vec![]),
        ];
        let start = stage.orchestrator.worker(worker.id()).await;
        assert!(hot(&start).is_empty(), "{start:#}");
        if RELEASE == Release::V1_0b12 {
            assert_eq!(start["hot_cache"], json!([]), "{start:#}");
        }
        for (task, model, loaded, skills) in steps {
            let job = stage
                .orchestrator
                .run_task(task, json!({ "model": model }))
                .await;
            assert_eq!(job["state_history"]["hot_cache"], loaded, "{job:#}");
            let record = stage
                .orchestrator
                .worker_shows(worker.id(), "tells what is hot", |record| match RELEASE {
                    Release::V1_0b12 => sorted(&record["hot_cache"]) == sorted(&loaded),
                    Release::V1_0b30 => hot(record) == skills,
                })
                .await;
            assert_eq!(hot(&record), skills, "after {task} {model}: {record:#}");
            if RELEASE == Release::V1_0b12 {
                let needs = json!({
                    "image_generation": [diffusion, decoder],
                    "upscale": ["realesrgan_x4"],
                });
                assert_eq!(record["skill_dependencies"], needs);
            }
        }
        let job = stage
            .orchestrator
            .run_task("image_generation", json!({}))
            .await;
        assert_eq!(job["state_history"], json!({ "ok": true }));
    }
}

/// The skills that the worker says are hot. The older release hears null when none is.
fn hot(record: &Value) -> Vec<String> {
    let skills = record["hot_skills"].as_array();
    let names = skills.into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

fn sorted(list: &Value) -> Vec<String> {
    let items = list.as_array().cloned().unwrap_or_default();
    let mut items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.sort();
    items
}
