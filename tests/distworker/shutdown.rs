//! The end of the worker.

use std::sync::Arc;
use std::time::Duration;

use axon_worker::dev::{DistController, DistEvent, DistTask};
use axon_worker::{Data, RawJson, TaskError};
use serde_json::json;
use tokio::sync::Notify;

use crate::support::{assert_failed, completed, outcome, soon, until, worker};

#[actix_rt::test]
async fn an_idle_worker_says_goodbye() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).spawn().unwrap();
    until("it is registered", || worker.status().registered == 1).await;
    let report = worker.shutdown().await;
    assert!(report.is_clean(), "{report}");
    let gone = controller.event_where(|e| matches!(e, DistEvent::Gone(_)));
    assert_eq!(soon("it is gone", gone).await, DistEvent::Gone(Some(1000)));
    let last_beat = |e: &DistEvent| matches!(e, DistEvent::Heartbeat { health: "DOWN", .. });
    assert!(controller.events().iter().any(last_beat));
}

#[actix_rt::test]
async fn running_tasks_finish_and_their_results_are_delivered() {
    async fn soon_done(_: RawJson, gate: Data<Arc<Notify>>) -> Result<&'static str, TaskError> {
        gate.notified().await;
        Ok("done")
    }
    let gate = Arc::new(Notify::new());
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller)
        .queue("work", soon_done)
        .data(gate.clone())
        .spawn()
        .unwrap();
    let task = controller.submit("work", &json!({}));
    until("it runs", || worker.status().tasks.len() == 1).await;
    // Nobody else is there, so it is for the next worker.
    let next = controller.submit("echo.any", &json!({}));
    let later = async {
        let draining = |e: &DistEvent| matches!(e, DistEvent::Heartbeat { health: "DOWN", .. });
        soon("it says that it ends", controller.event_where(draining)).await;
        gate.notify_one();
    };
    let (report, ()) = tokio::join!(worker.shutdown(), later);
    assert!(report.is_clean(), "{report}");
    let expected = completed(json!({ "result": "done" }));
    assert_eq!(outcome(&controller, &task).await, expected);
    soon("the worker is gone", controller.connected(0)).await;
    let next = controller.task(&next).unwrap();
    let was_sent_back = next.outcome.is_some_and(|outcome| {
        assert_failed(outcome, "CANCELLED");
        true
    });
    assert!(next.assigned == 0 || was_sent_back, "neither run nor lost");
}

#[actix_rt::test]
async fn tasks_that_do_not_end_are_told_to_be_cancelled_and_can_be_tried_elsewhere() {
    let controller = DistController::start().await.unwrap();
    let builder = || {
        worker(&controller).configure(|settings| {
            settings.timing.shutdown_timeout = Duration::from_millis(100);
        })
    };
    let first = builder().spawn().unwrap();
    let task = controller.submit("slow.down", &json!({}));
    let retried = DistTask::new("slow.down", &json!({})).retries(1);
    until("it runs", || first.status().tasks.len() == 1).await;
    let report = first.shutdown().await;
    assert_eq!((report.interrupted, report.unsent), (1, 0), "{report}");
    assert_failed(outcome(&controller, &task).await, "CANCELLED");
    let second = builder().spawn().unwrap();
    let task = controller.submit_task(retried);
    until("it runs", || second.status().tasks.len() == 1).await;
    second.shutdown().await;
    let view = controller.task(&task).unwrap();
    assert_eq!(
        (view.assigned, view.outcome),
        (1, None),
        "it waits for another worker"
    );
}
