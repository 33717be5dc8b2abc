//! Results at the end of a connection: whether they still count.

use std::sync::Arc;
use std::time::Duration;

use axon_worker::dev::{DistController, DistEvent};
use axon_worker::{Data, RawJson, TaskContext, TaskError};
use serde_json::json;
use tokio::sync::Notify;

use crate::support::{assert_works, completed, outcome, soon, until, worker, worker_1};

#[actix_rt::test]
async fn a_task_goes_with_its_connection_and_the_worker_comes_back() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).spawn().unwrap();
    let task = controller.submit("slow.down", &json!({}));
    soon("it is assigned", controller.assigned(&task)).await;
    until("it runs", || worker.status().tasks.len() == 1).await;
    controller.drop_connections();
    until("it is called off", || worker.status().tasks.is_empty()).await;
    assert_works(&controller).await;
    let view = controller.task(&task).unwrap();
    assert_eq!(
        (view.outcome, view.assigned),
        (None, 1),
        "stuck there, as in the real one"
    );
    assert_eq!(worker.status().totals.lost, 1);
    let foreign = |e: &DistEvent| matches!(e, DistEvent::Ignored(_));
    assert!(
        !controller.events().iter().any(foreign),
        "nothing was said of it elsewhere"
    );
    let report = worker.shutdown().await;
    assert!(report.is_clean(), "{report}");
}

#[actix_rt::test]
async fn a_result_that_nobody_will_take_is_in_the_report_of_the_end() {
    async fn stubborn(_: RawJson, task: TaskContext) -> Result<(), TaskError> {
        task.cancellation().cancelled().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(())
    }
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller)
        .configure(|settings| settings.timing.cancel_grace = Duration::from_secs(5))
        .queue("stubborn", stubborn)
        .spawn()
        .unwrap();
    let task = controller.submit("stubborn", &json!({}));
    until("it runs", || worker.status().tasks.len() == 1).await;
    soon("it is assigned", controller.assigned(&task)).await;
    controller.drop_connections();
    let report = worker.shutdown().await;
    assert_eq!((report.lost, report.unsent), (1, 0), "{report}");
    assert!(!report.is_clean());
}

#[actix_rt::test]
async fn a_result_that_no_task_follows_is_asked_for() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).spawn().unwrap();
    for count in 1..=3 {
        assert_works(&controller).await;
        until("it is delivered", || {
            worker.status().totals.delivered == count
        })
        .await;
    }
    assert_eq!(worker.status().unsent, 0);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_result_that_was_written_and_perhaps_not_read_does_not_count_as_delivered() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).spawn().unwrap();
    assert_works(&controller).await;
    until("it is delivered", || worker.status().totals.delivered == 1).await;
    let task = controller.submit("slow.down", &json!({}));
    until("it runs", || worker.status().tasks.len() == 1).await;
    // From here on nothing is read.
    controller.go_silent().await;
    worker.cancel(task);
    until("its result is written", || worker.status().unsent == 1).await;
    controller.go_down().await;
    until("it is given up", || worker.status().totals.lost == 1).await;
    assert_eq!(worker.status().totals.delivered, 1);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn with_an_id_of_its_own_a_worker_brings_its_results_over_the_next_connection() {
    async fn gated(_: RawJson, gate: Data<Arc<Notify>>) -> Result<&'static str, TaskError> {
        gate.notified().await;
        Ok("done")
    }
    let gate = Arc::new(Notify::new());
    let controller = DistController::builder()
        .session("w-1", "t-1")
        .keep_sessions()
        .start()
        .await
        .unwrap();
    let worker = worker_1(&controller)
        .data(gate.clone())
        .queue("work", gated)
        .spawn()
        .unwrap();
    let task = controller.submit("work", &json!({}));
    until("it runs", || worker.status().tasks.len() == 1).await;
    controller.drop_connections();
    until("it comes back", || controller.connections_so_far() == 2).await;
    soon("it is known again", controller.connected(1)).await;
    gate.notify_one();
    let expected = completed(json!({ "result": "done" }));
    assert_eq!(outcome(&controller, &task).await, expected);
    let report = worker.shutdown().await;
    assert!(report.is_clean(), "{report}");
}
