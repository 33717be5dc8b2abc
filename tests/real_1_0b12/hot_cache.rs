//! Models in memory, and the skills that are hot because of them.

use crate::support::{Stage, Storage, Value, json};

on_both_storages! {
    a_skill_is_hot_while_all_its_models_are_loaded,
}

mod scenario {
    use super::*;

    pub(super) async fn a_skill_is_hot_while_all_its_models_are_loaded(storage: Storage) {
        let stage = Stage::new(storage).await;
        let worker = stage.started_worker().await;
        let diffusion = "stable_diffusion_v1.5";
        let decoder = "vae-ft-mse";
        let steps = [
            ("warm", diffusion, json!([diffusion]), Value::Null),
            (
                "warm",
                decoder,
                json!([diffusion, decoder]),
                json!(["image_generation"]),
            ),
            ("cool", decoder, json!([diffusion]), Value::Null),
        ];
        let start = stage.orchestrator.worker(worker.id()).await;
        assert_eq!(start["hot_cache"], json!([]), "{start:#}");
        assert_eq!(start["hot_skills"], Value::Null, "{start:#}");
        for (task, model, loaded, hot) in steps {
            let job = stage
                .orchestrator
                .run_task(task, json!({ "model": model }))
                .await;
            assert_eq!(job["state_history"]["hot_cache"], loaded, "{job:#}");
            let record = stage
                .orchestrator
                .worker_shows(worker.id(), "tells its models", |record| {
                    sorted(&record["hot_cache"]) == sorted(&loaded)
                })
                .await;
            assert_eq!(
                record["hot_skills"], hot,
                "after {task} {model}: {record:#}"
            );
            let needs = json!({
                "image_generation": [diffusion, decoder],
                "upscale": ["realesrgan_x4"],
            });
            assert_eq!(record["skill_dependencies"], needs);
        }
        let job = stage
            .orchestrator
            .run_task("image_generation", json!({}))
            .await;
        assert_eq!(job["state_history"], json!({ "ok": true }));
    }
}

fn sorted(list: &Value) -> Vec<String> {
    let items = list.as_array().cloned().unwrap_or_default();
    let mut items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.sort();
    items
}
