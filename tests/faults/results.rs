//! Results on a bad way.

use std::time::Duration;

use axon_worker::dev::JobHandle;
use serde_json::json;

use crate::proxy::{Fault, Kind, Ledger};
use crate::stage::Stage;
use crate::support::Worker;

/// Runs one task whose result meets this fault; what came of it.
async fn result_meets(fault: Fault, times: usize) -> (Stage, JobHandle, Worker) {
    let stage = Stage::new().await;
    let worker = stage.started_worker().await;
    stage.proxy.next(Kind::Result, fault, times);
    let job = stage.submit("echo", json!({ "n": 1 })).await;
    let report = stage.end_of(&job).await;
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(report.attempts(), 1, "{report:#?}");
    stage.spoiled(Kind::Result, fault, times).await;
    stage.was_accepted(&job, 1).await;
    stage.all_is_well().await;
    assert_eq!(stage.executions(&job), 1);
    (stage, job, worker)
}

#[actix_rt::test]
async fn a_result_that_did_not_arrive_is_sent_until_it_does() {
    let (stage, job, _worker) = result_meets(Fault::DropRequest, 5).await;
    assert_eq!(stage.accepted(&job), 1);
}

#[actix_rt::test]
async fn a_result_whose_connection_is_reset_is_sent_until_it_arrives() {
    let (stage, job, _worker) = result_meets(Fault::Reset, 5).await;
    assert_eq!(stage.accepted(&job), 1);
}

#[actix_rt::test]
async fn a_result_whose_answer_is_lost_arrives_twice_and_ends_its_job_once() {
    let (stage, job, _worker) = result_meets(Fault::DropAnswer, 1).await;
    stage.was_accepted(&job, 2).await;
    stage.all_is_well().await;
    assert_eq!(stage.accepted(&job), 2);
    assert_eq!(stage.orchestrator.stale_results(), 1);
}

#[actix_rt::test]
async fn a_result_whose_answer_never_comes_is_sent_again_after_the_time_limit() {
    let (stage, job, _worker) = result_meets(Fault::Swallow, 1).await;
    stage.was_accepted(&job, 2).await;
    stage.all_is_well().await;
    assert_eq!(stage.accepted(&job), 2);
}

#[actix_rt::test]
async fn a_result_on_a_connection_that_went_silent_is_sent_again_after_the_time_limit() {
    let (stage, job, _worker) = result_meets(Fault::Hang, 2).await;
    assert_eq!(stage.accepted(&job), 1);
}

#[actix_rt::test]
async fn a_result_whose_answer_is_cut_off_counts_as_delivered() {
    let (stage, job, _worker) = result_meets(Fault::Truncate, 1).await;
    assert_eq!(stage.accepted(&job), 1, "the status has said it");
}

#[actix_rt::test]
async fn a_result_whose_answer_drips_is_delivered_once() {
    let (stage, job, _worker) = result_meets(Fault::Drip(Duration::from_millis(50)), 1).await;
    assert_eq!(stage.accepted(&job), 1);
}

#[actix_rt::test]
async fn a_result_that_is_doubled_on_the_way_ends_its_job_once() {
    let (stage, job, _worker) = result_meets(Fault::Duplicate, 1).await;
    stage.proxy.until("the copy", |it| it.copies == 1).await;
    assert_eq!(stage.accepted(&job), 2);
    assert_eq!(stage.orchestrator.stale_results(), 1);
}

#[actix_rt::test]
async fn more_503_than_result_max_retries_lose_no_result() {
    let (stage, job, _worker) = result_meets(Fault::Unavailable, 8).await;
    assert_eq!(stage.accepted(&job), 1);
}

#[actix_rt::test]
async fn where_nothing_may_arrive_twice_an_answer_that_is_lost_ends_the_matter() {
    let stage = Stage::new().await;
    let setup = stage.worker().set("AXON_RESULT_AMBIGUOUS", "drop");
    let _worker = stage.started(setup).await;
    stage.proxy.next(Kind::Result, Fault::DropAnswer, 1);
    let job = stage.submit("echo", json!({})).await;
    assert!(stage.end_of(&job).await.is_success());
    stage.all_is_well().await;
    assert_eq!(stage.accepted(&job), 1);
    assert_eq!(stage.orchestrator.stale_results(), 0);
}

#[actix_rt::test]
async fn many_results_behind_one_that_fails_arrive_all() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    stage.proxy.next(Kind::Result, Fault::DropAnswer, 3);
    stage.proxy.next(Kind::Result, Fault::DropRequest, 3);
    stage.proxy.next(Kind::Result, Fault::Unavailable, 3);
    let load = stage.orchestrator.load("noop", json!({}), 60);
    let report = tokio::time::timeout(crate::stage::LIMIT, load.finished()).await;
    assert_eq!(report.expect("all end").finished, 60);
    let again = |it: &Ledger| it.accepted_again() >= 3;
    stage.proxy.until("three come again", again).await;
    stage.all_is_well().await;
    let again = stage.proxy.look(Ledger::accepted_again);
    assert_eq!(again, 3, "those whose answers were lost, and no others");
}
