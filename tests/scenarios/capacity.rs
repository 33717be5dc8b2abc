//! Limits hold at every instant, and heartbeats tell how much room there is.

use crate::RELEASE;
use crate::support::{Release, Stage, Storage, Value, Worker, json};

/// How long each task of these tests takes.
const SECONDS: f64 = 1.0;

on_both_storages! {
    the_limit_of_a_type_is_never_exceeded,
    the_global_limit_is_never_exceeded_and_a_full_worker_says_busy,
}

mod scenario {
    use super::*;

    pub(super) async fn the_limit_of_a_type_is_never_exceeded(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let worker = stage.started_worker().await;
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
        assert_eq!(most_at_once(&stage, &worker, &video).await, 1);
        assert_eq!(most_at_once(&stage, &worker, &audio).await, 4);
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
        assert_eq!(most_at_once(&stage, &worker, &jobs).await, 2);

        let told = heartbeats(&stage, &worker).await;
        assert!(
            told.iter().all(|record| running(record).len() <= 2),
            "{told:#?}"
        );
        // A slot may be free a moment before its task is out of the books, so two tasks and
        // room for one more can be told at once.
        let is_full = |record: &&Value| {
            running(record).len() == 2
                && match RELEASE {
                    Release::V1_0b12 => {
                        record["status"] == "busy"
                            && record["supported_tasks"] == json!([])
                            && record["load"].as_f64() == Some(2.0)
                    }
                    Release::V1_0b30 => {
                        record["status"] == "full" && record["available_skills"] == json!([])
                    }
                }
        };
        assert!(
            told.iter().any(|record| is_full(&record)),
            "no heartbeat told that there is no room: {told:#?}"
        );
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

/// Waits for the end of the jobs; the most of their tasks that ran at one time, by the log
/// of the handlers.
async fn most_at_once(stage: &Stage, worker: &Worker, jobs: &[String]) -> usize {
    for job in jobs {
        let record = stage.orchestrator.end_of(job).await;
        assert_eq!(record["status"], "finished", "{record:#}");
    }
    let (mut running, mut most, mut begun) = (0_usize, 0, 0);
    for line in worker.trace().lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [what, _process, _name, _task, job] = words[..] else {
            panic!("{line:?} is not a line of the log");
        };
        match what {
            _ if !jobs.iter().any(|it| it == job) => {}
            "begin" => {
                running += 1;
                begun += 1;
                most = most.max(running);
            }
            _ => running -= 1,
        }
    }
    assert_eq!(begun, jobs.len(), "each ran once");
    most
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
