//! `check` of a `DistWorker` controller.

use axon_worker::dev::{DistController, DistEvent, DistOutcome};
use serde_json::json;

use crate::program::{Program, Report};

fn check(controller: &DistController, token: &str, more: &[&str]) -> Report {
    let mut program = Program::new(&["check"])
        .env("DISTWORKER_CONTROLLER_URL", &controller.url())
        .env("DISTWORKER_PROVISIONER", "example")
        .env("DISTWORKER_WORKER_TOKEN", token)
        .env("WORKER_PORT", "0");
    for argument in more {
        program = program.arg(argument);
    }
    program.report()
}

fn registrations(controller: &DistController) -> usize {
    let events = controller.events();
    let registered = |event: &&DistEvent| matches!(event, DistEvent::Registered { .. });
    events.iter().filter(registered).count()
}

#[actix_rt::test]
async fn it_is_reached_without_a_registration_unless_that_is_asked_for() {
    let controller = DistController::start().await.unwrap();
    let report = check(&controller, "demo-token-123", &[]);
    assert_eq!(report.code, Some(0), "{:#}", report.json["checks"]);
    for line in ["route", "TCP", "HTTP", "clock", "WebSocket"] {
        report.says("controller", line, "ok", "");
    }
    report.says("controller", "registration", "ok", "--register");
    assert_eq!(registrations(&controller), 0);

    let report = check(&controller, "demo-token-123", &["--register"]);
    assert_eq!(report.code, Some(0), "{:#}", report.json["checks"]);
    report.says("controller", "registration", "ok", "accepted");
    assert_eq!(registrations(&controller), 1);
    controller.connected(0).await;
}

#[actix_rt::test]
async fn a_refusal_is_told_with_its_reason() {
    let controller = DistController::start().await.unwrap();
    let report = check(&controller, "wrong-token", &["--register"]);
    assert_eq!(report.code, Some(1));
    report.says("controller", "registration", "fail", "token");
    let line = report.line("controller", "registration");
    let hint = line["hint"].as_str().unwrap();
    assert!(hint.contains("DISTWORKER_WORKER_TOKEN"), "{hint}");

    controller.set_clock(400);
    let report = check(&controller, "demo-token-123", &["--register"]);
    report.says("controller", "clock", "fail", "behind");
    report.says("controller", "registration", "fail", "clocks");

    controller.answer_unavailable(1);
    let report = check(&controller, "demo-token-123", &[]);
    report.says("controller", "WebSocket", "fail", "503");
}

#[actix_rt::test]
async fn a_task_that_comes_at_once_goes_back_as_failed() {
    let controller = DistController::start().await.unwrap();
    let task = controller.submit("math.add", &json!({}));
    let report = check(&controller, "demo-token-123", &["--register"]);
    assert_eq!(report.code, Some(0), "{:#}", report.json["checks"]);
    let line = report.line("controller", "registration");
    // The answer to the registration may come before the task.
    if line["verdict"] == "warn" {
        match controller.outcome_of(&task).await {
            DistOutcome::Failed { code, .. } => assert_eq!(code, "CANCELLED"),
            other => panic!("{other:?}"),
        }
    }
}

#[actix_rt::test]
async fn the_session_of_a_worker_with_an_id_is_not_used_up() {
    let builder = DistController::builder().session("w-1", "its-token");
    let controller = builder.start().await.unwrap();
    let report = Program::new(&["check", "--register"])
        .env("DISTWORKER_CONTROLLER_URL", &controller.url())
        .env("DISTWORKER_PROVISIONER", "example")
        .env("DISTWORKER_WORKER_ID", "w-1")
        .env("DISTWORKER_WORKER_TOKEN", "its-token")
        .env("WORKER_PORT", "0")
        .report();
    assert_eq!(report.code, Some(0), "{:#}", report.json["checks"]);
    report.says("controller", "registration", "warn", "use up");
    assert_eq!(registrations(&controller), 0);
}
