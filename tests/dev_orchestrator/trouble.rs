//! Quirks, faults, restarts: everything that goes wrong on purpose.

use std::time::Duration;

use axon_worker::dev::{
    DevError, DevOrchestrator, Endpoint, Fault, JobSpec, JobState, Keep, Quirks, RateLimits,
};
use serde_json::json;

use super::client::{Client, with_quirks};

fn echo() -> JobSpec {
    JobSpec::task("echo", json!({}))
}

#[actix_rt::test]
async fn faults_hit_the_next_requests_and_no_more() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let job = orchestrator.submit(echo()).await.unwrap();
    let task = worker.task().await;
    orchestrator.fail_next(Endpoint::Result, Fault::Status(503), 2);
    orchestrator.fail_next(Endpoint::Result, Fault::Garbage("{not json".to_owned()), 1);
    assert_eq!(worker.answer(&task, &json!({})).await.status, 503);
    assert_eq!(worker.answer(&task, &json!({})).await.status, 503);
    assert!(worker.answer(&task, &json!({})).await.body.is_null());
    assert_eq!(job.report().state, JobState::Running);
    assert_eq!(worker.answer(&task, &json!({})).await.status, 200);
    assert_eq!(job.finished().await.state, JobState::Finished);
    let results = orchestrator.requests_to(Endpoint::Result);
    let statuses: Vec<_> = results
        .iter()
        .map(|request| request.status.unwrap())
        .collect();
    assert_eq!(statuses, [503, 503, 200, 200]);
    assert_eq!(results[0].json()["task_id"], task["task_id"]);
}

#[actix_rt::test]
async fn a_dropped_request_is_not_handled_and_a_dropped_answer_is() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let record = json!({"worker_id": "w", "supported_tasks": ["echo"]});
    let register = || worker.try_send("POST", "/_worker/workers/register", Some(&record));
    orchestrator.fail_next(Endpoint::Register, Fault::Drop, 1);
    assert!(register().await.is_none());
    assert!(orchestrator.workers().is_empty());
    orchestrator.fail_next(Endpoint::Register, Fault::DropAnswer, 1);
    assert!(register().await.is_none());
    assert_eq!(orchestrator.workers()[0].id, "w");
    orchestrator
        .wait_within(Duration::from_secs(10), |view| {
            view.requests(Endpoint::Register) == 2
        })
        .await
        .unwrap();
}

#[actix_rt::test]
async fn an_answer_that_is_cut_off_does_not_arrive_whole() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    orchestrator.submit(echo()).await.unwrap();
    worker.register(&["echo"]).await;
    orchestrator.fail_next(Endpoint::Poll, Fault::CutOff, 1);
    let path = "/_worker/workers/w/tasks/next";
    let answer = worker.try_send("GET", path, None).await;
    assert!(answer.is_none_or(|answer| answer.body.is_null()));
    assert_eq!(orchestrator.counts().running, 1);
}

#[actix_rt::test]
async fn delays_come_before_or_after_the_handling() {
    let time = Duration::from_millis(100);
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    orchestrator.fail_next(Endpoint::Register, Fault::DelayAnswer(time), 1);
    let known = orchestrator.wait_until(|view| view.worker("w").is_some());
    let register = worker.register(&[]);
    let ((), answer) = futures_util::future::join(known, register).await;
    assert_eq!(answer.status, 200);
    orchestrator.fail_next(Endpoint::Register, Fault::Delay(time), 1);
    assert_eq!(worker.register(&[]).await.status, 200);
    for request in orchestrator.requests_to(Endpoint::Register) {
        assert!(request.took >= time, "{:?}", request.took);
    }
}

#[actix_rt::test]
async fn rate_limits_refuse_and_can_be_lifted() {
    let limits = RateLimits {
        heartbeats: 2,
        retry_after: true,
        ..RateLimits::default()
    };
    let orchestrator = DevOrchestrator::start().await.unwrap();
    orchestrator.set_quirks(Quirks {
        rate_limits: Some(limits),
        ..Quirks::default()
    });
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    for expected in [200, 200, 429, 429] {
        let answer = worker.heartbeat(&json!({})).await;
        assert_eq!(answer.status, expected);
        if expected == 429 {
            assert_eq!(answer.body, json!({"error": "Too Many Requests"}));
        }
    }
    let url = format!("{}/_worker/workers/w", orchestrator.url());
    let refused = worker.http.patch(url).send().await.unwrap();
    assert_eq!(refused.headers().get("retry-after").unwrap(), "60");
    assert_eq!(worker.register(&["echo"]).await.status, 200);
    orchestrator.set_quirks(Quirks::default());
    assert_eq!(worker.heartbeat(&json!({})).await.status, 200);
}

#[actix_rt::test]
async fn without_a_queue_a_job_needs_a_worker_that_is_idle_now() {
    let orchestrator = with_quirks(Quirks {
        no_queue: true,
        ..Quirks::default()
    })
    .await;
    let job = orchestrator.submit(echo()).await.unwrap();
    assert_eq!(job.finished().await.state, JobState::Quarantined);

    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let job = orchestrator.submit(echo()).await.unwrap();
    let task = worker.task().await;
    worker.heartbeat(&json!({"status": "busy"})).await;
    let failure =
        json!({"status": "failure", "error": {"code": "TRANSIENT_ERROR", "message": "m"}});
    let answer = worker.answer(&task, &failure).await;
    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.body,
        json!({"error": "No suitable workers for task type 'echo'"})
    );
    assert_eq!(job.report().state, JobState::Waiting);
}

#[actix_rt::test]
async fn after_a_restart_the_workers_are_forgotten_and_jobs_go_on() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let job = orchestrator.submit(echo()).await.unwrap();
    let task = worker.task().await;
    let port = orchestrator.port();
    let poll = worker.try_send("GET", "/_worker/workers/w/tasks/next", None);
    let restart = async {
        orchestrator
            .wait_until(|view| view.open_polls("w") == 1)
            .await;
        orchestrator.restart(Keep::Jobs).await.unwrap();
    };
    let (answer, ()) = futures_util::future::join(poll, restart).await;
    assert!(answer.is_none(), "the open poll broke off");
    assert_eq!(orchestrator.port(), port);
    assert!(
        worker
            .heartbeat(&json!({"status": "idle"}))
            .await
            .body
            .is_null()
    );
    assert_eq!(worker.answer(&task, &json!({})).await.status, 200);
    assert_eq!(job.finished().await.state, JobState::Finished);
}

#[actix_rt::test]
async fn a_restart_without_memory_loses_jobs_and_says_so() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let job = orchestrator.submit(echo()).await.unwrap();
    let load = orchestrator.load("echo", json!({}), 3);
    let task = worker.task().await;
    let (lost, restarted) =
        futures_util::future::join(job.finished(), orchestrator.restart(Keep::Nothing)).await;
    restarted.unwrap();
    assert_eq!(lost.state, JobState::Lost);
    assert_eq!(load.finished().await.failed, 3);
    let answer = worker.answer(&task, &json!({})).await;
    assert_eq!(
        (answer.status, answer.body),
        (500, json!({"error": "Job not found"}))
    );
}

#[actix_rt::test]
async fn while_it_is_down_nobody_gets_through() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&[]).await;
    orchestrator.go_down().await.unwrap();
    assert!(
        worker
            .try_send("GET", "/_public/status", None)
            .await
            .is_none()
    );
    orchestrator.come_up().await.unwrap();
    let status = worker.send("GET", "/_public/status", None).await;
    assert_eq!(status.body, json!({"status": "ok"}));
    assert_eq!(orchestrator.workers().len(), 1, "only the network was gone");
}

#[actix_rt::test]
async fn a_stopped_orchestrator_takes_no_more_jobs() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    orchestrator.stop().await;
    orchestrator.stop().await;
    assert!(matches!(
        orchestrator.submit(echo()).await,
        Err(DevError::Stopped)
    ));
    assert!(matches!(
        orchestrator.go_down().await,
        Err(DevError::Stopped)
    ));
}

#[actix_rt::test]
async fn waiting_ends_in_time_even_when_the_clock_of_the_test_stands_still() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    tokio::time::pause();
    let job = orchestrator.submit(echo()).await.unwrap();
    let time = Duration::from_millis(50);
    assert!(matches!(
        job.finished_within(time).await,
        Err(DevError::TimedOut(_))
    ));
    assert!(
        orchestrator
            .wait_within(time, |view| view.counts().finished > 0)
            .await
            .is_err()
    );
}

#[test]
fn it_starts_without_an_async_runtime() {
    let orchestrator = DevOrchestrator::builder().start_blocking().unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", orchestrator.port())).is_ok());
    let port = orchestrator.port();
    let taken = DevOrchestrator::builder().port(port).start_blocking();
    assert!(matches!(taken, Err(DevError::Listen { port: p, .. }) if p == port));
}
