//! Who gets a task, when, and what becomes of it when nobody takes it.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use axon_worker::dev::{DevOrchestrator, Endpoint, JobSpec, JobState, Quirks};
use serde_json::json;

use super::client::{Client, TOKEN, with_quirks};

fn echo(n: usize) -> JobSpec {
    JobSpec::task("echo", json!({"n": n}))
}

/// Sends a poll over a connection of its own and leaves it open.
fn raw_poll(orchestrator: &DevOrchestrator, worker: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", orchestrator.port())).unwrap();
    write!(
        stream,
        "GET /_worker/workers/{worker}/tasks/next HTTP/1.1\r\nHost: x\r\nX-Worker-Token: {TOKEN}\r\n\r\n"
    )
    .unwrap();
    stream
}

#[actix_rt::test]
async fn tasks_go_out_in_the_order_they_came() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    for n in 0..20 {
        orchestrator.submit(echo(n)).await.unwrap();
    }
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["other", "echo"]).await;
    for n in 0..20 {
        assert_eq!(worker.task().await["params"]["n"], n);
    }
    assert_eq!(orchestrator.look(|view| view.running("w")).peak, 20);
}

#[actix_rt::test]
async fn only_idle_workers_that_know_the_task_get_it() {
    let orchestrator = DevOrchestrator::builder()
        .poll_hold(Duration::from_millis(20))
        .start()
        .await
        .unwrap();
    let job = orchestrator.submit(echo(1)).await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    assert_eq!(worker.poll().await.status, 204, "not registered");
    worker.register(&["else"]).await;
    assert_eq!(worker.poll().await.status, 204, "does not know the task");
    worker
        .heartbeat(&json!({"supported_tasks": ["echo"], "status": "busy"}))
        .await;
    assert_eq!(worker.poll().await.status, 204, "busy");
    worker.heartbeat(&json!({"status": "draining"})).await;
    assert_eq!(worker.poll().await.status, 204, "any word but idle");
    worker.heartbeat(&json!({"status": "idle"})).await;
    assert_eq!(worker.task().await["job_id"], job.id().as_str());
}

#[actix_rt::test]
async fn a_heartbeat_lets_the_poll_that_is_already_open_have_a_task() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&[]).await;
    orchestrator.submit(echo(1)).await.unwrap();
    let change = async {
        orchestrator
            .wait_until(|view| view.open_polls("w") == 1)
            .await;
        worker
            .heartbeat(&json!({"supported_tasks": ["echo"]}))
            .await;
    };
    futures_util::future::join(worker.task(), change).await;
}

#[actix_rt::test]
async fn the_hot_worker_is_preferred() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let (cold, hot) = (
        Client::new(&orchestrator, "cold"),
        Client::new(&orchestrator, "hot"),
    );
    cold.register(&["echo"]).await;
    hot.register(&["echo"]).await;
    hot.heartbeat(&json!({"hot_cache": ["echo"]})).await;
    let submit = async {
        orchestrator
            .wait_until(|view| view.open_polls("cold") == 1)
            .await;
        let _second = raw_poll(&orchestrator, "hot");
        orchestrator
            .wait_until(|view| view.open_polls("hot") == 1)
            .await;
        let job = orchestrator.submit(echo(1)).await.unwrap();
        orchestrator.submit(echo(2)).await.unwrap();
        orchestrator
            .wait_until(|view| view.counts().running == 2)
            .await;
        job.report().history[0].worker.clone()
    };
    let (task, first) = futures_util::future::join(cold.task(), submit).await;
    assert_eq!(task["params"]["n"], 2);
    assert_eq!(first.as_deref(), Some("hot"));
}

#[actix_rt::test]
async fn a_poll_whose_client_is_gone_takes_no_task_with_it() {
    for threads in [1, 2] {
        let builder = DevOrchestrator::builder().threads(threads);
        let orchestrator = builder.start().await.unwrap();
        let worker = Client::new(&orchestrator, "w");
        worker.register(&["echo"]).await;
        // Many times, as the task and the end of the connection race.
        for n in 0..100 {
            let gone = raw_poll(&orchestrator, "w");
            orchestrator
                .wait_until(|view| view.open_polls("w") == 1)
                .await;
            drop(gone);
            let job = orchestrator.submit(echo(n)).await.unwrap();
            let task = worker.task().await;
            assert_eq!(task["job_id"], job.id().as_str());
            worker.answer(&task, &json!({})).await;
            assert_eq!(job.finished().await.attempts(), 1);
            orchestrator
                .wait_until(|view| view.open_polls("w") == 0)
                .await;
        }
    }
}

#[actix_rt::test]
async fn with_the_quirk_an_aborted_poll_loses_the_next_task() {
    let orchestrator = with_quirks(Quirks {
        aborted_polls_lose_tasks: true,
        ..Quirks::default()
    })
    .await;
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let gone = raw_poll(&orchestrator, "w");
    orchestrator
        .wait_until(|view| view.open_polls("w") == 1)
        .await;
    drop(gone);
    orchestrator
        .wait_until(|view| view.open_polls("w") == 0)
        .await;
    let lost = orchestrator.submit(echo(1)).await.unwrap();
    let next = orchestrator.submit(echo(2)).await.unwrap();
    assert_eq!(worker.task().await["job_id"], next.id().as_str());
    assert_eq!(lost.report().state, JobState::Running);
    assert_eq!(orchestrator.look(|view| view.running("w")).now, 1);
}

#[actix_rt::test]
async fn a_poll_is_held_as_long_as_it_was_set() {
    let hold = Duration::from_millis(300);
    let orchestrator = DevOrchestrator::builder()
        .poll_hold(hold)
        .start()
        .await
        .unwrap();
    let worker = Client::new(&orchestrator, "w");
    assert_eq!(worker.poll().await.status, 204);
    let polls = orchestrator.requests_to(Endpoint::Poll);
    assert!(polls[0].took >= hold, "{:?}", polls[0].took);
    assert_eq!(
        (polls[0].status, polls[0].worker.as_deref()),
        (Some(204), Some("w"))
    );
}

#[actix_rt::test]
async fn a_lease_that_ran_out_ends_in_null_and_no_tasks() {
    let orchestrator = DevOrchestrator::builder()
        .lease(Duration::ZERO)
        .poll_hold(Duration::from_millis(20))
        .start()
        .await
        .unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    orchestrator.submit(echo(1)).await.unwrap();
    assert!(orchestrator.workers().is_empty());
    assert!(
        worker
            .heartbeat(&json!({"status": "idle"}))
            .await
            .body
            .is_null()
    );
    assert_eq!(worker.poll().await.status, 204);
}

#[actix_rt::test]
async fn a_load_is_done_when_its_last_job_is() {
    let orchestrator = DevOrchestrator::builder()
        .record(false)
        .start()
        .await
        .unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["noop"]).await;
    let load = orchestrator.load("noop", json!({}), 300);
    for _ in 0..300 {
        let task = worker.task().await;
        worker.answer(&task, &json!({"data": {}})).await;
    }
    let report = load.finished().await;
    assert_eq!((report.finished, report.failed), (300, 0));
    assert_eq!(orchestrator.counts().finished, 300);
    assert!(orchestrator.requests().is_empty());
    assert_eq!(orchestrator.request_count(Endpoint::Result), 300);
}
