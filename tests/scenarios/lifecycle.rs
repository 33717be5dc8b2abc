//! How a worker comes and goes.

use std::time::Duration;

use crate::RELEASE;
use crate::support::{Release, Stage, Storage, Value, json};

on_both_storages! {
    the_registration_is_stored_with_everything_the_worker_has,
    a_worker_told_to_end_delivers_what_runs_and_exits_with_0,
}

mod scenario {
    use super::*;

    pub(super) async fn the_registration_is_stored_with_everything_the_worker_has(
        storage: Storage,
    ) {
        let stage = Stage::new(RELEASE, storage).await;
        let worker = stage
            .worker()
            .set("MAX_CONCURRENT_TASKS", "7")
            .set("CPU_CORES", "16")
            .set("GPU_MODEL", "RTX 4090")
            .set("GPU_VRAM_GB", "24")
            .set("INSTALLED_SOFTWARE", r#"{"ffmpeg":"6.1"}"#)
            .set(
                "INSTALLED_MODELS",
                r#"[{"name":"realesrgan_x4","version":"1.1"}]"#,
            )
            .set("COST_PER_SKILL", r#"{"upscale":0.02}"#)
            .start();
        stage.orchestrator.registered(worker.id()).await;

        let events = stage.orchestrator.worker_events(worker.id()).await;
        assert_eq!(events[0]["event_type"], "registered");
        let stored = &events[0]["worker_info_snapshot"];
        assert_eq!(stored["worker_id"], worker.id());
        assert!(stored["worker_type"].is_string(), "{stored:#}");
        let tasks = tasks(stored);
        for task in [
            "add",
            "audio",
            "block",
            "cool",
            "echo",
            "fail",
            "image_generation",
            "info",
            "noop",
            "panic",
            "progress",
            "sleep",
            "spin",
            "status",
            "upscale",
            "video_a",
            "video_b",
            "warm",
        ] {
            assert!(tasks.contains(&task), "{task} is missing in {tasks:?}");
        }
        assert_eq!(stored["installed_software"], json!({ "ffmpeg": "6.1" }));
        let models = json!([{ "name": "realesrgan_x4", "version": "1.1" }]);
        let resources = &stored["resources"];
        let wanted = match RELEASE {
            Release::V1_0b12 => {
                // What only the newer release knows may be there, too.
                assert_eq!(resources["max_concurrent_tasks"], 7, "{resources:#}");
                assert_eq!(resources["cpu_cores"], 16, "{resources:#}");
                let gpu = json!({ "model": "RTX 4090", "vram_gb": 24 });
                assert_eq!(resources["gpu_info"], gpu, "{resources:#}");
                assert_eq!(stored["installed_models"], models);
                json!({
                    "gpu_info": { "model": "4090", "vram_gb": 20 },
                    "installed_models": ["realesrgan_x4"],
                })
            }
            Release::V1_0b30 => {
                assert_eq!(resources["properties"]["cpu_cores"], 16, "{resources:#}");
                let gpu = &resources["devices"][0];
                assert_eq!(gpu["type"], "gpu", "{resources:#}");
                assert_eq!(gpu["model"], "RTX 4090", "{resources:#}");
                assert_eq!(gpu["properties"]["memory_gb"], 24, "{resources:#}");
                assert_eq!(stored["installed_artifacts"], models);
                let hash = stored["skills_hash"].as_str().expect("a hash");
                assert_eq!(hash.len(), 64, "{hash}");
                json!({
                    "resources": { "devices": [{ "type": "gpu", "model": "4090" }] },
                    "installed_artifacts": ["realesrgan_x4"],
                })
            }
        };
        let capabilities = &stored["capabilities"];
        assert_eq!(capabilities["cost_per_skill"], json!({ "upscale": 0.02 }));
        assert!(capabilities["hostname"].is_string(), "{stored:#}");
        assert!(capabilities["ip_address"].is_string(), "{stored:#}");
        assert!(capabilities["s3_config_hash"].is_null(), "{stored:#}");

        let order = json!({ "task": "upscale", "params": {}, "requirements": wanted });
        let job = stage.orchestrator.run("single", order).await;
        assert_eq!(job["status"], "finished", "{job:#}");
    }

    pub(super) async fn a_worker_told_to_end_delivers_what_runs_and_exits_with_0(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let mut worker = stage.started_worker().await;
        let job = stage
            .orchestrator
            .submit_task("sleep", json!({ "seconds": 3.0 }))
            .await;
        stage.orchestrator.job_is_running(&job, worker.id()).await;

        worker.terminate();
        let status = worker.exit(Duration::from_secs(30)).await;
        assert_eq!(status.code(), Some(0), "{}", worker.output());
        let record = stage.orchestrator.job(&job).await;
        assert_eq!(
            record["state_history"]["slept"].as_f64(),
            Some(3.0),
            "{record:#}"
        );
        let ended = stage.orchestrator.end_of(&job).await;
        assert_eq!(ended["status"], "finished", "{ended:#}");
        let left = stage.orchestrator.worker(worker.id()).await;
        assert_ne!(
            left["status"], "idle",
            "an ended worker must not be offered: {left:#}"
        );
    }
}

#[actix_rt::test]
async fn an_idle_worker_told_to_end_does_so_at_once() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let mut worker = stage.started_worker().await;
    worker.terminate();
    let status = worker.exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{}", worker.output());
}

#[actix_rt::test]
async fn a_wrong_token_is_refused_and_not_printed() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let secret = "a-token-that-nobody-knows";
    let mut worker = stage.worker().set("WORKER_TOKEN", secret).start();
    crate::support::eventually(
        "the worker was refused",
        Duration::from_secs(20),
        || async {
            let answer = match RELEASE {
                Release::V1_0b12 => "\" 401 ",
                Release::V1_0b30 => "\" 403 ",
            };
            let refused = stage.orchestrator.output().contains(answer);
            if refused { Ok(()) } else { Err(json!(null)) }
        },
    )
    .await;
    assert!(stage.orchestrator.workers().await.is_empty());
    assert!(
        worker.is_running(),
        "a refusal may be mended by the operator: {}",
        worker.output()
    );
    assert!(!worker.output().contains(secret));
}

/// The names of what was registered, sorted.
fn tasks(stored: &Value) -> Vec<&str> {
    let list = match RELEASE {
        Release::V1_0b12 => &stored["supported_tasks"],
        Release::V1_0b30 => &stored["supported_skills"],
    };
    let list = list.as_array().expect("a list of tasks");
    let mut names: Vec<_> = list
        .iter()
        .filter_map(|it| it.get("name").unwrap_or(it).as_str())
        .collect();
    names.sort_unstable();
    names
}
