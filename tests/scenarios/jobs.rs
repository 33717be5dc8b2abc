//! Jobs of several tasks.

use crate::RELEASE;
use crate::support::{Stage, Storage, Value, json};

on_both_storages! {
    a_two_step_pipeline_ends_with_its_state_history,
    a_fan_out_of_twenty_gathers_twenty_results,
}

mod scenario {
    use super::*;

    pub(super) async fn a_two_step_pipeline_ends_with_its_state_history(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let _worker = stage.started_worker().await;
        let job = stage
            .orchestrator
            .run("pipeline", json!({ "a": 19, "b": 23, "note": "añb" }))
            .await;
        assert_eq!(job["status"], "finished", "{job:#}");
        let history = json!({ "a": 19, "b": 23, "note": "añb", "sum": 42 });
        assert_eq!(job["state_history"], history);
    }

    pub(super) async fn a_fan_out_of_twenty_gathers_twenty_results(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        // The orchestrator hands the branches out one by one, and with Redis others act in between: a
        // worker that said it is full makes the rest fail, and results that come in are
        // forgotten. So there the worker has room for all, and none ends before all are out.
        let (room, seconds) = match storage {
            Storage::Memory => ("8", 0.5),
            Storage::Redis => ("20", 2.0),
        };
        let _worker = stage.worker().set("MAX_CONCURRENT_TASKS", room).start();
        let branches: Vec<_> = (0..20).map(|_| json!({ "seconds": seconds })).collect();
        let order = json!({ "task": "sleep", "branches": branches });
        let job = stage.orchestrator.run("fan_out", order).await;
        assert_eq!(job["status"], "finished", "{job:#}");
        let results = job["aggregation_results"]
            .as_object()
            .expect("results by task");
        assert_eq!(results.len(), 20);
        for (task, result) in results {
            let status = result.get("status").and_then(Value::as_str);
            assert_eq!(status.unwrap_or("success"), "success", "{result:#}");
            assert_eq!(result["task_id"], json!(task));
            assert_eq!(
                result["data"]["slept"].as_f64(),
                Some(seconds),
                "{result:#}"
            );
        }
    }
}

#[actix_rt::test]
async fn a_fan_out_of_quick_tasks_keeps_each_result_with_its_task() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.started_worker().await;
    let branches: Vec<_> = (0..20).map(|n| json!({ "n": n })).collect();
    let order = json!({ "task": "echo", "branches": branches });
    let job = stage.orchestrator.run("fan_out", order).await;
    assert_eq!(job["status"], "finished", "{job:#}");
    let results = job["aggregation_results"]
        .as_object()
        .expect("results by task");
    let mut seen: Vec<_> = results
        .values()
        .map(|it| it["data"]["n"].as_u64().unwrap())
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
}

#[actix_rt::test]
async fn sixty_jobs_at_once_all_finish_with_their_own_answers() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.worker().set("MAX_CONCURRENT_TASKS", "4").start();
    let mut jobs = Vec::new();
    for n in 0..60 {
        let order = json!({ "task": "add", "params": { "a": n, "b": 1 }, "wait": 60 });
        jobs.push((n, stage.orchestrator.submit("single", order).await));
    }
    for (n, job) in jobs {
        let record = stage.orchestrator.end_of(&job).await;
        assert_eq!(record["status"], "finished", "{record:#}");
        assert_eq!(record["state_history"]["sum"], n + 1);
    }
}
