//! Controllers that want no more of us, or nothing from the beginning.

use std::time::{Duration, Instant};

use axon_worker::dev::{DistController, DistEvent};
use serde_json::json;

use crate::support::{Log, assert_works, soon, worker, worker_1};

#[actix_rt::test]
async fn an_id_whose_session_is_gone_is_given_up() {
    let (log, _guard) = Log::begin();
    let controller = DistController::builder()
        .session("w-1", "t-1")
        .start()
        .await
        .unwrap();
    let worker = worker_1(&controller)
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
