//! Polls and the tasks in their answers.

use std::time::Duration;

use axon_worker::dev::{DevOrchestrator, JobState, Quirks};
use serde_json::json;

use crate::proxy::{Fault, Kind};
use crate::stage::Stage;

#[actix_rt::test]
async fn polls_that_do_not_arrive_are_sent_again() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    stage.proxy.next(Kind::Poll, Fault::DropRequest, 3);
    stage.proxy.next(Kind::Poll, Fault::Reset, 3);
    stage.proxy.next(Kind::Poll, Fault::Unavailable, 3);
    stage.spoiled(Kind::Poll, Fault::Unavailable, 3).await;
    stage.all_is_well().await;
}

#[actix_rt::test]
async fn a_task_in_an_answer_that_is_lost_is_the_orchestrators_to_notice() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    stage.proxy.next(Kind::Task, Fault::DropAnswer, 1);
    let job = stage.submit("echo", json!({})).await;
    stage.spoiled(Kind::Task, Fault::DropAnswer, 1).await;
    stage.all_is_well().await;
    // The worker never had it: nothing to run, nothing to report. The real
    // orchestrator has a time limit for this.
    let report = job.report();
    assert_eq!(report.state, JobState::Running, "{report:#?}");
    assert_eq!(stage.executions(&job), 0);
}

#[actix_rt::test]
async fn a_task_that_is_cut_off_goes_back_and_runs_when_it_comes_whole() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    stage.proxy.next(Kind::Task, Fault::Truncate, 1);
    let text = "long ".repeat(40);
    let job = stage.submit("echo", json!({ "text": text })).await;
    let report = stage.end_of(&job).await;
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(report.attempts(), 2, "{report:#?}");
    let error = report.history[0].error.as_ref().expect("a failure");
    assert_eq!(error["code"], "TRANSIENT_ERROR", "{error}");
    assert_eq!(stage.executions(&job), 1);
}

#[actix_rt::test]
async fn a_compressed_task_that_is_cut_off_goes_back_and_runs_when_it_comes_whole() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    stage.proxy.next(Kind::Task, Fault::Truncate, 1);
    let mut random = fastrand::Rng::with_seed(1);
    let text: String = (0..8000).map(|_| random.alphanumeric()).collect();
    let job = stage.submit("echo", json!({ "text": text })).await;
    let report = stage.end_of(&job).await;
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(report.attempts(), 2, "{report:#?}");
}

#[actix_rt::test]
async fn a_task_that_is_cut_off_inside_its_ids_disturbs_no_other() {
    let stage = Stage::new().await;
    let mut worker = stage.started_worker().await;
    stage.proxy.next(Kind::Task, Fault::Truncate, 1);
    let job = stage.submit("noop", json!({})).await;
    stage.spoiled(Kind::Task, Fault::Truncate, 1).await;
    stage.all_is_well().await;
    assert_eq!(job.report().state, JobState::Running);
    assert!(worker.is_running());
}

#[actix_rt::test]
async fn a_task_that_drips_in_is_run() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    let fault = Fault::Drip(Duration::from_millis(100));
    stage.proxy.next(Kind::Task, fault, 1);
    let job = stage.submit("echo", json!({ "n": 1 })).await;
    let report = stage.end_of(&job).await;
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(report.attempts(), 1, "{report:#?}");
    stage.spoiled(Kind::Task, fault, 1).await;
}

#[actix_rt::test]
async fn a_poll_that_is_cut_while_it_waits_costs_no_task_if_the_orchestrator_notices() {
    let stage = Stage::new().await;
    let setup = stage.worker().set("AXON_MAX_OPEN_POLLS", "1");
    let _worker = stage.started(setup).await;
    for round in 1..=5 {
        // A poll that is answered at this moment is not there to be cut.
        while stage.proxy.look(|ledger| ledger.cut_polls) < round {
            stage.proxy.cut();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        stage.all_is_well().await;
    }
}

#[actix_rt::test]
async fn a_poll_that_is_cut_while_it_waits_takes_one_task_along_if_nobody_notices() {
    let builder = DevOrchestrator::builder().poll_hold(Duration::from_secs(1));
    let stage = Stage::with(builder.quirks(Quirks {
        aborted_polls_lose_tasks: true,
        ..Quirks::default()
    }))
    .await;
    let _worker = stage.started_worker().await;
    stage.proxy.next(Kind::Poll, Fault::DropRequest, 1);
    stage.proxy.cut();
    stage.spoiled(Kind::Poll, Fault::DropRequest, 1).await;
    // The worker could not know: its poll is gone, and the task with it.
    let job = stage.submit("echo", json!({})).await;
    stage.is_running(&job).await;
    stage.all_is_well().await;
    assert_eq!(job.report().state, JobState::Running);
    assert_eq!(stage.executions(&job), 0);
}

#[actix_rt::test]
async fn polls_that_went_silent_are_given_up_after_their_time_limit() {
    let stage = Stage::new().await;
    let setup = stage.worker().set("AXON_MAX_OPEN_POLLS", "1");
    let _worker = stage.started(setup).await;
    // There is no other: nothing else can bring a task meanwhile.
    stage.proxy.next(Kind::Poll, Fault::Hang, 1);
    stage.spoiled(Kind::Poll, Fault::Hang, 1).await;
    stage.all_is_well().await;
}
