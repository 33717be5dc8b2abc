//! The worker's process is killed, and another one takes its place.

use serde_json::json;

use crate::proxy::{Fault, Kind};
use crate::stage::{LIMIT, Stage};

#[actix_rt::test]
async fn a_result_that_was_not_out_when_the_worker_was_killed_goes_out_before_anything_else() {
    let stage = Stage::new().await;
    let worker = stage.started_worker().await;
    stage.proxy.next(Kind::Result, Fault::Unavailable, 1000);
    let job = stage.submit("echo", json!({ "kept": true })).await;
    // By the second attempt the journal has it, whatever the disk.
    stage.spoiled(Kind::Result, Fault::Unavailable, 2).await;
    stage.kill(worker).await;
    stage.proxy.calm();

    let _next = stage.worker().start();
    let report = stage.end_of(&job).await;
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(report.attempts(), 1, "{report:#?}");
    assert_eq!(report.data["kept"], true);
    assert_eq!(stage.executions(&job), 1, "the work was not done again");
    stage.all_is_well().await;
}

#[actix_rt::test]
async fn a_task_that_ran_when_the_worker_was_killed_is_handed_out_again() {
    let stage = Stage::new().await;
    let worker = stage.started_worker().await;
    let job = stage.submit("sleep", json!({ "seconds": 0.5 })).await;
    while stage.executions(&job) == 0 {
        tokio::task::yield_now().await;
    }
    stage.kill(worker).await;

    let _next = stage.worker().start();
    let report = stage.end_of(&job).await;
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(report.attempts(), 2, "{report:#?}");
    let error = report.history[0].error.as_ref().expect("a failure");
    assert_eq!(error["code"], "TRANSIENT_ERROR", "{error}");
    assert_eq!(stage.executions(&job), 2);
}

#[actix_rt::test]
async fn a_result_whose_answer_was_lost_with_the_worker_ends_its_job_once() {
    let stage = Stage::new().await;
    let worker = stage.started_worker().await;
    stage.proxy.next(Kind::Result, Fault::Swallow, 1);
    let job = stage.submit("echo", json!({})).await;
    stage.spoiled(Kind::Result, Fault::Swallow, 1).await;
    assert!(stage.end_of(&job).await.is_success());
    stage.was_accepted(&job, 1).await;
    stage.kill(worker).await;

    let _next = stage.worker().start();
    stage.all_is_well().await;
    assert_eq!(stage.accepted(&job), 2, "it could not know");
    assert_eq!(stage.executions(&job), 1);
}

#[actix_rt::test]
async fn unsent_results_go_out_through_the_same_bad_line_that_kept_them() {
    let stage = Stage::new().await;
    let worker = stage.started_worker().await;
    stage.proxy.next(Kind::Result, Fault::DropRequest, 1000);
    let load = stage.orchestrator.load("noop", json!({}), 20);
    // A task on the last piece of its way to a process that is killed is nobody's.
    while stage.all_executions() < 20 {
        tokio::task::yield_now().await;
    }
    stage.spoiled(Kind::Result, Fault::DropRequest, 5).await;
    stage.kill(worker).await;
    stage.proxy.calm();
    for fault in [Fault::DropRequest, Fault::DropAnswer, Fault::Reset] {
        stage.proxy.next(Kind::Result, fault, 3);
        stage.proxy.next(Kind::Register, fault, 1);
    }

    let _next = stage.worker().start();
    let report = tokio::time::timeout(LIMIT, load.finished()).await;
    assert_eq!(report.expect("all end").finished, 20);
    assert!(
        stage.all_executions() <= 20 + 10,
        "only what ran is run again"
    );
}
