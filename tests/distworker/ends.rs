//! Connections that end, and what follows.

use std::time::{Duration, Instant};

use axon_worker::dev::DistController;
use serde_json::json;

use crate::support::{assert_works, completed, outcome, soon, until, worker};

#[actix_rt::test]
async fn polite_ends_make_no_hot_loop() {
    for code in [1000, 1001] {
        let controller = DistController::start().await.unwrap();
        let worker = worker(&controller)
            .configure(|settings| {
                settings.distworker.reconnect_interval = Duration::from_millis(400);
            })
            .spawn()
            .unwrap();
        soon("it connects", controller.connected(1)).await;
        let began = Instant::now();
        let ends = 4;
        for _ in 0..ends {
            controller.close_connections(code);
            soon("it is gone", controller.connected(0)).await;
            soon("it comes back", controller.connected(1)).await;
        }
        // Each wait is at least half of the interval.
        assert!(
            began.elapsed() >= Duration::from_millis(200) * ends,
            "{code}"
        );
        assert_eq!(controller.connections_so_far(), 1 + ends as usize);
        assert_works(&controller).await;
        worker.shutdown().await;
    }
}

#[actix_rt::test]
async fn a_controller_that_goes_and_comes_back_is_found_again() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).spawn().unwrap();
    assert_works(&controller).await;
    controller.go_down().await;
    until("it is missed", || worker.status().registered == 0).await;
    controller.answer_unavailable(2);
    controller.come_up().await;
    assert_works(&controller).await;
    assert_eq!(worker.status().registered, 1);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn an_assignment_before_the_answer_to_the_registration_is_run() {
    let controller = DistController::start().await.unwrap();
    controller.answer_registration_late(Duration::from_millis(300));
    let task = controller.submit("echo.any", &json!({ "n": 1 }));
    let worker = worker(&controller).spawn().unwrap();
    assert_eq!(
        outcome(&controller, &task).await,
        completed(json!({ "n": 1 }))
    );
    assert_works(&controller).await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_controller_that_falls_silent_is_noticed() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller)
        .build()
        .unwrap()
        .spawn_local()
        .await
        .unwrap();
    assert_works(&controller).await;
    controller.go_silent().await;
    // The socket stays open and nothing comes: only the clock can tell.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    // More often than the shortest wait before it is connected anew, which is 25 ms.
    while worker.status().registered == 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let noticed_after = began.elapsed();
    tokio::time::resume();
    assert!(
        noticed_after <= Duration::from_millis(15_300),
        "{noticed_after:?}"
    );
    until("there is another connection", || {
        controller.connections_so_far() > 1
    })
    .await;
    assert_works_beside(&controller).await;
    worker.shutdown().await;
}

/// The silent connection still counts as a worker to the controller, which may give it
/// a task; two tasks reach both.
async fn assert_works_beside(controller: &DistController) {
    soon("it is connected anew", controller.connected(2)).await;
    let tasks = [0, 1].map(|n| controller.submit("echo.any", &json!({ "n": n })));
    let ended = || {
        tasks
            .iter()
            .any(|task| controller.task(task).unwrap().outcome.is_some())
    };
    until("one of them reaches the worker", ended).await;
}
