//! Connections that end, and controllers that want no more of us.

use std::time::{Duration, Instant};

use axon_worker::dev::{DistController, DistEvent};
use axon_worker::{RawJson, TaskContext, TaskError};
use serde_json::json;

use crate::support::{Log, assert_works, completed, outcome, soon, until, worker};

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
    async fn half_a_second(_: RawJson) -> Result<&'static str, TaskError> {
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok("done")
    }
    let controller = DistController::builder()
        .session("w-1", "t-1")
        .keep_sessions()
        .start()
        .await
        .unwrap();
    let worker = worker(&controller)
        .configure(|settings| {
            settings.distworker.worker_id = "w-1".to_owned();
            settings.distworker.worker_token = "t-1".into();
        })
        .queue("work", half_a_second)
        .spawn()
        .unwrap();
    let task = controller.submit("work", &json!({}));
    until("it runs", || worker.status().tasks.len() == 1).await;
    controller.drop_connections();
    let expected = completed(json!({ "result": "done" }));
    assert_eq!(outcome(&controller, &task).await, expected);
    let report = worker.shutdown().await;
    assert!(report.is_clean(), "{report}");
}

#[actix_rt::test]
async fn an_id_whose_session_is_gone_is_given_up() {
    let (log, _guard) = Log::begin();
    let controller = DistController::builder()
        .session("w-1", "t-1")
        .start()
        .await
        .unwrap();
    let worker = worker(&controller)
        .configure(|settings| {
            settings.distworker.worker_id = "w-1".to_owned();
            settings.distworker.worker_token = "t-1".into();
        })
        .build()
        .unwrap()
        .spawn_local()
        .await
        .unwrap();
    soon("it connects", controller.connected(1)).await;
    controller.drop_connections();
    let report = soon("the worker ends", worker.wait()).await;
    assert_eq!(report.given_up, 1);
    assert!(!report.is_clean());
    let text = log.text();
    assert!(
        text.contains("\\\"w-1\\\" is not accepted any more"),
        "{text}"
    );
    assert!(!text.contains("t-1"), "{text}");
}

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
async fn attempts_come_to_an_end_when_they_are_limited() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller)
        .configure(|settings| settings.distworker.max_reconnect_attempts = Some(2))
        .spawn()
        .unwrap();
    soon("it connects", controller.connected(1)).await;
    controller.refuse_registrations(100);
    controller.drop_connections();
    let report = soon("the worker ends", worker.wait()).await;
    assert_eq!(report.given_up, 1);
    assert_eq!(
        controller.connections_so_far(),
        3,
        "one and two more attempts"
    );
}

#[actix_rt::test]
async fn a_worker_with_nothing_to_do_leaves_cleanly() {
    let controller = DistController::builder()
        .idle_time(1)
        .start()
        .await
        .unwrap();
    let worker = worker(&controller).spawn().unwrap();
    let began = Instant::now();
    assert_works(&controller).await;
    let report = soon("the worker leaves", worker.wait()).await;
    assert!(report.is_clean(), "{report}");
    assert!(began.elapsed() >= Duration::from_secs(1));
    let gone = controller.event_where(|e| matches!(e, DistEvent::Gone(_)));
    assert_eq!(soon("it is gone", gone).await, DistEvent::Gone(Some(1000)));
}

#[actix_rt::test]
async fn a_task_keeps_a_worker_from_leaving_and_a_setting_does_for_ever() {
    let controller = DistController::builder()
        .idle_time(1)
        .start()
        .await
        .unwrap();
    let busy = worker(&controller).spawn().unwrap();
    let task = controller.submit("slow.down", &json!({}));
    soon("it is assigned", controller.assigned(&task)).await;
    let patient = tokio::time::timeout(Duration::from_millis(1500), busy.wait());
    assert!(patient.await.is_err(), "it has a task");
    busy.cancel(task);
    soon("the worker leaves", busy.wait()).await;
    let staying = worker(&controller)
        .configure(|settings| settings.distworker.idle_exit = false)
        .spawn()
        .unwrap();
    let patient = tokio::time::timeout(Duration::from_millis(1500), staying.wait());
    assert!(patient.await.is_err(), "it was told to stay");
    staying.shutdown().await;
}

#[actix_rt::test]
async fn a_refusal_names_what_may_be_wrong() {
    let (log, _guard) = Log::begin();
    let controller = DistController::start().await.unwrap();
    let refused = |change: fn(&mut axon_worker::config::Settings)| {
        let worker = worker(&controller)
            .configure(|settings| settings.distworker.max_reconnect_attempts = Some(0))
            .configure(change);
        async move {
            let worker = worker.build().unwrap().spawn_local().await.unwrap();
            soon("the worker gives up", worker.wait()).await;
        }
    };
    refused(|settings| settings.distworker.worker_token = "hunter2".into()).await;
    refused(|settings| settings.distworker.provisioner = "other".to_owned()).await;
    refused(|settings| settings.distworker.worker_id = "nobody".to_owned()).await;
    let text = log.text();
    assert!(
        text.contains("does not accept the token, the provisioner"),
        "{text}"
    );
    assert!(text.contains("\\\"other\\\""), "{text}");
    assert!(text.contains("the worker id \\\"nobody\\\""), "{text}");
    assert!(
        !text.contains("hunter2") && !text.contains("demo-token"),
        "{text}"
    );
    let reasons: Vec<_> = controller.events().into_iter().collect();
    for reason in ["signature", "provisioner", "worker id"] {
        assert!(
            reasons.contains(&DistEvent::Refused(reason)),
            "{reason}: {reasons:?}"
        );
    }
}

#[actix_rt::test]
async fn clocks_that_are_apart_are_an_error_that_says_so() {
    for ahead in [301 + 60, -(301 + 60)] {
        let (log, _guard) = Log::begin();
        let controller = DistController::start().await.unwrap();
        controller.set_clock(ahead);
        let worker = worker(&controller)
            .configure(|settings| settings.distworker.max_reconnect_attempts = Some(0))
            .build()
            .unwrap()
            .spawn_local()
            .await
            .unwrap();
        soon("the worker gives up", worker.wait()).await;
        let text = log.text();
        assert!(text.contains("the clocks are 36"), "{text}");
        assert!(text.contains("at most 300 s are allowed"), "{text}");
    }
}

#[actix_rt::test]
async fn clocks_that_are_a_little_apart_do_not_matter() {
    let controller = DistController::start().await.unwrap();
    controller.set_clock(-290);
    let worker = worker(&controller).spawn().unwrap();
    assert_works(&controller).await;
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
