//! Trouble below the requests, and trouble everywhere at once.

use std::time::Duration;

use serde_json::json;

use crate::proxy::{Fault, Kind};
use crate::stage::{LIMIT, Stage};

#[actix_rt::test]
async fn connections_that_are_reset_while_idle_cost_nothing() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    for _ in 0..5 {
        stage.all_is_well().await;
        stage.proxy.reset_idle();
    }
    stage.all_is_well().await;
    stage.proxy.until("a reset", |it| it.idle_resets > 0).await;
    let again = stage.proxy.look(crate::proxy::Ledger::accepted_again);
    assert_eq!(again, 0, "no result arrived twice");
}

#[actix_rt::test]
async fn connections_that_rarely_serve_twice_cost_no_task_and_no_result() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    stage.proxy.storm(0.7, &[(Fault::ResetIdle, 1)]);
    let load = stage.orchestrator.load("noop", json!({}), 50);
    let report = tokio::time::timeout(LIMIT, load.finished()).await;
    assert_eq!(report.expect("all end").finished, 50);
}

#[actix_rt::test]
async fn a_storm_of_503_is_waited_out() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    let slow = stage.submit("sleep", json!({ "seconds": 0.5 })).await;
    stage.is_running(&slow).await;
    stage.proxy.storm(1.0, &[(Fault::Unavailable, 1)]);
    stage.spoiled(Kind::Result, Fault::Unavailable, 3).await;
    stage.proxy.calm();
    assert!(stage.end_of(&slow).await.is_success());
    stage.all_is_well().await;
    assert_eq!(stage.accepted(&slow), 1);
}

#[actix_rt::test]
async fn a_slow_line_is_only_slow() {
    let stage = Stage::new().await;
    let pause = Fault::Drip(Duration::from_millis(20));
    stage.proxy.storm(1.0, &[(pause, 1)]);
    let _worker = stage.started_worker().await;
    let load = stage.orchestrator.load("noop", json!({}), 30);
    let report = tokio::time::timeout(LIMIT, load.finished()).await;
    assert_eq!(report.expect("all end").finished, 30);
    assert_eq!(stage.orchestrator.stale_results(), 0);
}

#[actix_rt::test]
async fn a_line_that_goes_silent_for_every_request_is_given_up_and_tried_again() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    stage.proxy.storm(1.0, &[(Fault::Hang, 1)]);
    stage.spoiled(Kind::Beat, Fault::Hang, 3).await;
    stage.proxy.calm();
    stage.all_is_well().await;
}

#[actix_rt::test]
async fn a_registration_that_meets_every_fault_is_made_in_the_end() {
    let stage = Stage::new().await;
    for fault in [
        Fault::DropRequest,
        Fault::Unavailable,
        Fault::Truncate,
        Fault::DropAnswer,
        Fault::Hang,
        Fault::Swallow,
    ] {
        stage.proxy.next(Kind::Register, fault, 1);
    }
    let _worker = stage.started_worker().await;
    stage.all_is_well().await;
}

#[actix_rt::test]
async fn heartbeats_that_get_lost_keep_no_task_from_the_worker() {
    let stage = Stage::new().await;
    let setup = stage.worker().set("MAX_CONCURRENT_TASKS", "1");
    let _worker = stage.started(setup).await;
    // At its limit the worker is busy, until a heartbeat says otherwise.
    stage.proxy.next(Kind::Beat, Fault::Unavailable, 3);
    stage.proxy.next(Kind::Beat, Fault::DropRequest, 3);
    stage.proxy.next(Kind::Beat, Fault::DropAnswer, 3);
    stage.proxy.next(Kind::Beat, Fault::Swallow, 1);
    let load = stage.orchestrator.load("noop", json!({}), 20);
    let report = tokio::time::timeout(LIMIT, load.finished()).await;
    assert_eq!(report.expect("all end").finished, 20);
}
