//! A line that spoils exchanges, between the worker and the published orchestrator.

use std::time::Duration;

use crate::RELEASE;
use crate::proxy::{Fault, Kind, Proxy};
use crate::support::{OrchestratorSetup, Release, Stage, Storage, Worker, json};

/// A stage whose worker comes through a proxy, with short waits.
async fn behind_a_proxy() -> (Stage, Proxy, Worker) {
    let stage = Stage::new(RELEASE, Storage::Redis).await;
    with_a_proxy(stage).await
}

/// A stage whose orchestrator looks often for tasks whose time is up.
async fn watchful() -> Stage {
    let setup = OrchestratorSetup::new(RELEASE).set("WATCHER_INTERVAL_SECONDS", "5");
    Stage::with(Storage::Redis, setup).await
}

async fn with_a_proxy(stage: Stage) -> (Stage, Proxy, Worker) {
    let proxy = Proxy::start(stage.orchestrator.address().1, 1);
    let worker = start(&stage, &proxy);
    stage.orchestrator.registered(worker.id()).await;
    (stage, proxy, worker)
}

fn start(stage: &Stage, proxy: &Proxy) -> Worker {
    stage
        .worker()
        .set("ORCHESTRATOR_URL", &proxy.url())
        .set("AXON_REQUEST_TIMEOUT", "2")
        .set("TASK_POLL_TIMEOUT", "2")
        .set("POLL_BACKOFF_INITIAL", "0.1")
        .set("RESULT_RETRY_INITIAL_DELAY", "0.1")
        .set("REGISTRATION_RETRY_INITIAL_DELAY", "0.1")
        .start()
}

#[actix_rt::test]
async fn results_that_did_not_arrive_are_sent_until_they_do() {
    let (stage, proxy, _worker) = behind_a_proxy().await;
    proxy.next(Kind::Result, Fault::DropRequest, 3);
    proxy.next(Kind::Result, Fault::Unavailable, 3);
    proxy.next(Kind::Result, Fault::Hang, 1);
    let sum = json!({ "a": 40, "b": 2 });
    let job = stage.orchestrator.run_task("add", sum).await;
    assert_eq!(job["status"], "finished", "{job:#}");
    assert_eq!(job["state_history"]["sum"], 42, "{job:#}");
    assert_eq!(job["retry_count"], 0, "{job:#}");
}

#[actix_rt::test]
async fn a_result_whose_answer_was_lost_arrives_twice_and_leaves_a_finished_job() {
    let (stage, proxy, _worker) = behind_a_proxy().await;
    proxy.next(Kind::Result, Fault::DropAnswer, 1);
    let job = stage
        .orchestrator
        .submit_task("echo", json!({ "n": 7 }))
        .await;
    // The newer release refuses the second copy, which shows that it has the first.
    let twice = |it: &crate::proxy::Ledger| match RELEASE {
        Release::V1_0b12 => it.accepted_again() == 1,
        Release::V1_0b30 => it.seen(Kind::Result) == 2,
    };
    proxy.until("the second arrival", twice).await;
    let record = stage.orchestrator.end_of(&job).await;
    assert_eq!(record["status"], "finished", "{record:#}");
    assert_eq!(record["state_history"]["n"], 7, "{record:#}");
    // Only the newer release can tell them apart.
    let taken = match RELEASE {
        Release::V1_0b12 => 2,
        Release::V1_0b30 => 1,
    };
    stage.orchestrator.results(&job, taken).await;
}

#[actix_rt::test]
async fn a_task_that_is_cut_off_is_handed_out_again() {
    let (stage, proxy, _worker) = with_a_proxy(watchful().await).await;
    proxy.next(Kind::Task, Fault::Truncate, 1);
    let params = json!({ "text": "long ".repeat(40) });
    let mut order = json!({ "task": "echo", "params": params });
    if RELEASE == Release::V1_0b30 {
        // The id of its task comes last, so what is left does not say what failed. It takes
        // the orchestrator's time limit.
        order["timeout"] = json!(1);
    }
    let job = stage.orchestrator.run("single", order).await;
    assert_eq!(job["status"], "finished", "{job:#}");
    assert_eq!(job["retry_count"], 1, "{job:#}");
}

#[actix_rt::test]
async fn a_task_in_an_answer_that_was_lost_is_seen_to_by_the_orchestrators_time_limit() {
    let (stage, proxy, _worker) = with_a_proxy(watchful().await).await;
    proxy.next(Kind::Task, Fault::DropAnswer, 1);
    let order = json!({ "task": "echo", "params": {}, "timeout": 1 });
    let job = stage.orchestrator.submit("single", order).await;
    let record = stage
        .orchestrator
        .end_of_within(&job, Duration::from_mins(2))
        .await;
    match RELEASE {
        Release::V1_0b12 => {
            assert_eq!(record["status"], "failed", "{record:#}");
            let message = &record["error_message"];
            assert_eq!(message, "Worker task timed out.", "{record:#}");
        }
        // Hands it out again.
        Release::V1_0b30 => {
            assert_eq!(record["status"], "finished", "{record:#}");
            assert_eq!(record["retry_count"], 1, "{record:#}");
        }
    }
    let next = stage.orchestrator.run_task("echo", json!({})).await;
    assert_eq!(next["status"], "finished", "{next:#}");
}

#[actix_rt::test]
async fn a_killed_worker_has_its_results_and_its_tasks_seen_to_by_the_next() {
    let (stage, proxy, mut worker) = behind_a_proxy().await;
    proxy.next(Kind::Result, Fault::Unavailable, 1000);
    let done = stage
        .orchestrator
        .submit_task("echo", json!({ "n": 1 }))
        .await;
    let kept = |it: &crate::proxy::Ledger| it.spoiled(Kind::Result, Fault::Unavailable) >= 2;
    proxy.until("the result meets 503", kept).await;
    let order = json!({ "seconds": 3.0 });
    let running = stage.orchestrator.submit_task("sleep", order).await;
    stage
        .orchestrator
        .job_is_running(&running, worker.id())
        .await;
    worker.kill();
    proxy.calm();
    // The polls of the killed process are held on, and each would take a task along:
    // the orchestrator does not notice that nobody waits for it.
    actix_rt::time::sleep(Duration::from_millis(2500)).await;

    let _next = start(&stage, &proxy);
    let record = stage.orchestrator.end_of(&done).await;
    assert_eq!(record["status"], "finished", "{record:#}");
    assert_eq!(record["retry_count"], 0, "{record:#}");
    let record = stage.orchestrator.end_of(&running).await;
    assert_eq!(record["status"], "finished", "{record:#}");
    assert_eq!(record["retry_count"], 1, "{record:#}");
}
