//! The orchestrator goes away and comes back.

use std::time::Duration;

use axon_worker::dev::{JobState, Keep};
use serde_json::json;

use crate::stage::{LIMIT, Stage};

#[actix_rt::test]
async fn what_ends_during_an_outage_is_delivered_after_it() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    let job = stage.submit("sleep", json!({ "seconds": 0.3 })).await;
    stage.is_running(&job).await;
    stage.orchestrator.go_down().await.unwrap();
    let waiting = stage.submit("echo", json!({})).await;
    // The worker has knocked in vain for longer than the task takes.
    let before = stage.proxy.look(crate::proxy::Ledger::all_seen);
    stage
        .proxy
        .until("tries", |it| {
            it.seen(crate::proxy::Kind::Result) >= 3 && it.all_seen() > before
        })
        .await;
    stage.orchestrator.come_up().await.unwrap();
    assert!(stage.end_of(&job).await.is_success());
    assert!(stage.end_of(&waiting).await.is_success());
    assert_eq!(stage.executions(&job), 1);
    assert_eq!(stage.accepted(&job), 1);
}

#[actix_rt::test]
async fn a_restart_with_its_jobs_kept_loses_no_running_task() {
    let stage = Stage::new().await;
    let worker = stage.started_worker().await;
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.push(stage.submit("sleep", json!({ "seconds": 0.5 })).await);
    }
    for job in &jobs {
        stage.is_running(job).await;
    }
    stage.orchestrator.restart(Keep::Jobs).await.unwrap();
    for job in &jobs {
        let report = stage.end_of(job).await;
        assert!(report.is_success() && report.attempts() == 1, "{report:#?}");
    }
    let known = stage
        .orchestrator
        .wait_within(LIMIT, |view| view.worker("conformance-1").is_some());
    known.await.expect("registered again");
    stage.all_is_well().await;
    drop(worker);
}

#[actix_rt::test]
async fn results_for_jobs_that_a_restart_lost_do_not_stand_in_the_way() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    let job = stage.submit("sleep", json!({ "seconds": 0.3 })).await;
    stage.is_running(&job).await;
    stage.orchestrator.restart(Keep::Nothing).await.unwrap();
    stage.all_is_well().await;
    assert_eq!(job.report().state, JobState::Lost);
}

#[actix_rt::test]
async fn five_restarts_in_a_row_are_survived() {
    let stage = Stage::new().await;
    let _worker = stage.started_worker().await;
    let load = stage
        .orchestrator
        .load("sleep", json!({ "seconds": 0.05 }), 200);
    for _ in 0..5 {
        let ended = load.report().finished;
        let more = move |view: &axon_worker::dev::View<'_>| view.counts().ended() > ended;
        stage
            .orchestrator
            .wait_within(LIMIT, more)
            .await
            .expect("some end between two restarts");
        stage.orchestrator.restart(Keep::Jobs).await.unwrap();
    }
    let end = tokio::time::timeout(LIMIT, load.finished()).await;
    // A hand-out that was on the wire when the orchestrator went is nobody's.
    let (finished, lost) = match end {
        Ok(report) => (report.finished, 0),
        Err(_) => {
            let report = load.report();
            (report.finished, 200 - report.finished)
        }
    };
    let handed_out = stage.proxy.look(|ledger| ledger.handed_out.len());
    assert_eq!(finished, handed_out, "{lost} were never handed out whole");
    tokio::time::sleep(Duration::ZERO).await;
    stage.all_is_well().await;
}
