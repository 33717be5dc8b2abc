//! Limits hold at every instant, and heartbeats tell how much room there is.

use crate::RELEASE;
use crate::support::{Release, Stage, Storage, Value, Worker, json};

/// How long each task of these tests takes.
const SECONDS: f64 = 1.0;
/// The time between two tasks that ran one after the other, as seen from outside: results may
/// overtake the clock a little on a busy machine.
const LEAST_GAP: f64 = 0.7;

on_both_storages! {
    the_limit_of_a_type_is_never_exceeded,
    the_global_limit_is_never_exceeded_and_a_full_worker_says_busy,
}

mod scenario {
    use super::*;

    pub(super) async fn the_limit_of_a_type_is_never_exceeded(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let _worker = stage.started_worker().await;
        // One burst: most are dispatched before a heartbeat can say that the type is full, and
        // the Redis storage does not listen to it at all.
        let mut video = Vec::new();
        let mut audio = Vec::new();
        for _ in 0..2 {
            video.push(submit(&stage, "video_a").await);
            video.push(submit(&stage, "video_b").await);
        }
        for _ in 0..9 {
            audio.push(submit(&stage, "audio").await);
        }
        never_more_than(1, &finishing_times(&stage, &video).await);
        never_more_than(4, &finishing_times(&stage, &audio).await);
    }

    pub(super) async fn the_global_limit_is_never_exceeded_and_a_full_worker_says_busy(
        storage: Storage,
    ) {
        let stage = Stage::new(RELEASE, storage).await;
        let worker = stage.worker().set("MAX_CONCURRENT_TASKS", "2").start();
        stage.orchestrator.registered(worker.id()).await;
        let mut jobs = Vec::new();
        for _ in 0..5 {
            jobs.push(submit(&stage, "sleep").await);
        }
        never_more_than(2, &finishing_times(&stage, &jobs).await);

        let told = heartbeats(&stage, &worker).await;
        assert!(
            told.iter().all(|record| running(record).len() <= 2),
            "{told:#?}"
        );
        let full: Vec<_> = told
            .iter()
            .filter(|record| running(record).len() == 2)
            .collect();
        assert!(
            !full.is_empty(),
            "no heartbeat told of two running tasks: {told:#?}"
        );
        for record in full {
            match RELEASE {
                Release::V1_0b12 => {
                    assert_eq!(record["status"], "busy", "{record:#}");
                    assert_eq!(record["supported_tasks"], json!([]), "{record:#}");
                    assert_eq!(record["load"].as_f64(), Some(2.0), "{record:#}");
                }
                Release::V1_0b30 => {
                    assert_eq!(record["status"], "full", "{record:#}");
                    assert!(record["available_skills"] == json!([]), "{record:#}");
                }
            }
        }
        stage
            .orchestrator
            .worker_shows(worker.id(), "is idle again", |record| {
                let load = &record["load"];
                record["status"] == "idle"
                    && (RELEASE != Release::V1_0b12 || load.as_f64() == Some(0.0))
                    && record["current_tasks"] == json!([])
                    && offers(record, "sleep")
            })
            .await;
    }
}

#[actix_rt::test]
async fn a_type_at_its_limit_is_not_offered_while_the_rest_is() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let worker = stage.started_worker().await;
    let job = stage
        .orchestrator
        .submit_task("video_a", json!({ "seconds": 2.0 }))
        .await;
    let record = stage
        .orchestrator
        .worker_shows(worker.id(), "is at the limit of videos", |it| {
            !offers(it, "video_a")
        })
        .await;
    assert_eq!(record["status"], "idle");
    assert!(!offers(&record, "video_b"), "{record:#}");
    assert!(offers(&record, "audio"), "{record:#}");
    stage.orchestrator.end_of(&job).await;
    stage
        .orchestrator
        .worker_shows(worker.id(), "offers videos again", |it| {
            offers(it, "video_a") && offers(it, "video_b")
        })
        .await;
}

async fn submit(stage: &Stage, task: &str) -> String {
    let order = json!({ "task": task, "params": { "seconds": SECONDS }, "wait": 50 });
    stage.orchestrator.submit("single", order).await
}

/// The tasks that the worker says it runs. For 1.0b30 it names their jobs beside them, as
/// only these can be called off in the answer.
fn running(record: &Value) -> Vec<&str> {
    let named = record["current_tasks"].as_array().into_iter().flatten();
    named
        .filter_map(Value::as_str)
        .filter(|id| RELEASE == Release::V1_0b12 || id.starts_with("task-"))
        .collect()
}

/// Whether the worker says that it could take such a task now.
fn offers(record: &Value, task: &str) -> bool {
    let offered = match RELEASE {
        Release::V1_0b12 => &record["supported_tasks"],
        Release::V1_0b30 => &record["available_skills"],
    };
    offered
        .as_array()
        .is_some_and(|tasks| tasks.contains(&json!(task)))
}

/// When the result of each job came in, in seconds, earliest first.
async fn finishing_times(stage: &Stage, jobs: &[String]) -> Vec<f64> {
    let mut times = Vec::new();
    for job in jobs {
        let record = stage.orchestrator.end_of(job).await;
        assert_eq!(record["status"], "finished", "{record:#}");
        times.push(stage.orchestrator.result_time(job).await);
    }
    times.sort_by(f64::total_cmp);
    times
}

/// Of tasks that all take `SECONDS`, no more than `limit` ran at once: the one that ended `limit`
/// places after another began when that other, or an earlier one, was over.
fn never_more_than(limit: usize, finished: &[f64]) {
    for (earlier, later) in finished.iter().zip(&finished[limit..]) {
        let gap = later - earlier;
        assert!(
            gap >= LEAST_GAP,
            "more than {limit} at once, {gap:.2} s apart: {finished:?}"
        );
    }
}

/// The record of the worker after each heartbeat, in order.
async fn heartbeats(stage: &Stage, worker: &Worker) -> Vec<Value> {
    let events = stage.orchestrator.worker_events(worker.id()).await;
    events
        .into_iter()
        .filter(|event| event["event_type"] == "status_update")
        .map(|event| event["worker_info_snapshot"].clone())
        .collect()
}
