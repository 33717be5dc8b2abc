//! How many tasks at once.

use std::collections::BTreeSet;
use std::time::Duration;

use axon_worker::dev::{DistController, DistEvent, DistTask};
use axon_worker::{RawJson, TaskContext, TaskError, TaskSpec};
use serde_json::json;

use crate::support::{assert_works, completed, outcome, soon, until, worker};

#[actix_rt::test]
async fn each_connection_carries_one_task() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller)
        .configure(|settings| settings.distworker.connections = 3)
        .spawn()
        .unwrap();
    soon("three connections", controller.connected(3)).await;
    let tasks: Vec<_> = (0..4)
        .map(|_| controller.submit("slow.down", &json!({})))
        .collect();
    for task in &tasks[..3] {
        soon("it is assigned", controller.assigned(task)).await;
    }
    until("three run", || worker.status().tasks.len() == 3).await;
    assert_eq!(controller.task(&tasks[3]).unwrap().assigned, 0);
    worker.cancel(tasks[0].as_str());
    soon(
        "the fourth gets the free connection",
        controller.assigned(&tasks[3]),
    )
    .await;
    until("three run again", || {
        let running = worker.status().tasks;
        running.len() == 3 && running.iter().any(|task| task.task_id.as_str() == tasks[3])
    })
    .await;
    for task in &tasks {
        worker.cancel(task.as_str());
    }
    worker.shutdown().await;
}

#[actix_rt::test]
async fn limits_of_types_hold_for_queues() {
    let controller = DistController::start().await.unwrap();
    let wait = |_: RawJson, task: TaskContext| async move {
        task.progress(0.5, "begun").await;
        task.cancellation().cancelled().await;
        Ok::<_, TaskError>(())
    };
    let worker = worker(&controller)
        .configure(|settings| settings.distworker.connections = 3)
        .queue(TaskSpec::named("video.*").of_type("video"), wait)
        .task_type_limit("video", 1)
        .spawn()
        .unwrap();
    soon("three connections", controller.connected(3)).await;
    let first = controller.submit("video.a", &json!({}));
    let second = controller.submit("video.b", &json!({}));
    let begun = |task: &str| !controller.task(task).unwrap().progress.is_empty();
    until("one of them begins", || begun(&first) || begun(&second)).await;
    assert_works(&controller).await;
    assert!(!(begun(&first) && begun(&second)), "only one of the type");
    let (running, parked) = if begun(&first) {
        (first, second)
    } else {
        (second, first)
    };
    worker.cancel(running.as_str());
    until("the other begins", || begun(&parked)).await;
    worker.cancel(parked.as_str());
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_second_task_waits_for_the_first_and_a_repeated_one_is_run_once() {
    async fn short(_: RawJson, task: TaskContext) -> Result<(), TaskError> {
        task.progress(0.5, "begun").await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(())
    }
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).queue("short", short).spawn().unwrap();
    let first = controller.submit("short", &json!({}));
    until("it begins", || {
        !controller.task(&first).unwrap().progress.is_empty()
    })
    .await;
    controller.assign_beside(&first, DistTask::new("short", &json!({})), true);
    let beside = DistTask::new("echo.any", &json!({ "n": 2 }));
    let second = controller.assign_beside(&first, beside, false).unwrap();
    assert_eq!(
        outcome(&controller, &second).await,
        completed(json!({ "n": 2 }))
    );
    let view = controller.task(&first).unwrap();
    assert!(
        view.outcome.is_some(),
        "the first was answered before the second"
    );
    assert_eq!((view.assigned, view.progress.len()), (2, 1));
    worker.shutdown().await;
    let ignored = |e: &&DistEvent| matches!(e, DistEvent::Ignored(_));
    assert_eq!(controller.events().iter().filter(ignored).count(), 0);
}

#[actix_rt::test]
async fn hundreds_of_tasks_over_several_connections_are_each_done_once() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller)
        .configure(|settings| settings.distworker.connections = 4)
        .spawn()
        .unwrap();
    let tasks: Vec<_> = (0..400)
        .map(|n| (n, controller.submit("echo.any", &json!({ "n": n }))))
        .collect();
    for (n, task) in &tasks {
        assert_eq!(
            outcome(&controller, task).await,
            completed(json!({ "n": n }))
        );
        assert_eq!(controller.task(task).unwrap().assigned, 1);
    }
    let distinct: BTreeSet<_> = tasks.iter().map(|(_, task)| task).collect();
    assert_eq!(distinct.len(), 400);
    until("all are delivered", || {
        worker.status().totals.delivered == 400
    })
    .await;
    let report = worker.shutdown().await;
    assert!(report.is_clean(), "{report}");
}
