//! One worker for orchestrators of both kinds at once.

use std::time::Duration;

use axon_worker::config::OrchestratorSettings;
use axon_worker::dev::{DevOrchestrator, DistController, JobSpec, JobState};
use axon_worker::{RawJson, TaskError, Worker, WorkerBuilder};
use serde_json::json;

use crate::support::{RECONNECT, completed, echo, outcome, soon};

async fn nap(_: RawJson) -> Result<(), TaskError> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    Ok(())
}

fn worker(orchestrator: &DevOrchestrator, controller: &DistController) -> WorkerBuilder {
    let rxon = OrchestratorSettings::new(orchestrator.url(), "your-secret-worker-token");
    Worker::builder("both")
        .settings(controller.settings())
        .configure(move |settings| {
            settings.orchestrators = vec![rxon];
            settings.distworker.reconnect_interval = RECONNECT;
            settings.distworker.connections = 2;
        })
        .task("echo", echo)
        .task("nap", nap)
        .queue("echo.*", echo)
        .queue("nap.*", nap)
}

#[actix_rt::test]
async fn tasks_of_both_kinds_are_done_side_by_side() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let controller = DistController::start().await.unwrap();
    let worker = worker(&orchestrator, &controller).spawn().unwrap();
    let mut jobs = Vec::new();
    let mut tasks = Vec::new();
    for n in 0..20 {
        let name = if n % 2 == 0 { "echo" } else { "nap" };
        let job = JobSpec::task(name, json!({ "n": n }));
        jobs.push(orchestrator.submit(job).await.unwrap());
        tasks.push(controller.submit(&format!("{name}.any"), &json!({ "n": n })));
    }
    for job in &jobs {
        let report = soon("the job ends", job.finished()).await;
        assert_eq!(report.state, JobState::Finished);
    }
    for (n, task) in tasks.iter().enumerate() {
        let expected = if n % 2 == 0 {
            json!({ "n": n })
        } else {
            json!(null)
        };
        assert_eq!(outcome(&controller, task).await, completed(expected));
    }
    assert_eq!(worker.status().registered, 2);
    let report = worker.shutdown().await;
    assert!(report.is_clean(), "{report}");
    orchestrator.stop().await;
}

#[actix_rt::test]
async fn orchestrators_are_told_of_tasks_and_not_of_queues() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let controller = DistController::start().await.unwrap();
    let worker = worker(&orchestrator, &controller).spawn().unwrap();
    let job = JobSpec::task("echo", json!({}));
    let job = orchestrator.submit(job).await.unwrap();
    soon("the job ends", job.finished()).await;
    let told = orchestrator
        .requests()
        .iter()
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .collect::<String>();
    assert!(
        told.contains("\"echo\"") && told.contains("\"nap\""),
        "{told}"
    );
    assert!(
        !told.contains("echo.*") && !told.contains("nap.*"),
        "{told}"
    );
    worker.shutdown().await;
    orchestrator.stop().await;
}

#[actix_rt::test]
async fn with_one_slot_both_get_their_turn() {
    let orchestrator = DevOrchestrator::builder()
        .poll_hold(Duration::from_millis(100))
        .start()
        .await
        .unwrap();
    let controller = DistController::start().await.unwrap();
    let worker = worker(&orchestrator, &controller)
        .max_concurrent_tasks(1)
        .configure(|settings| settings.timing.poll_timeout = Duration::from_millis(100))
        .spawn()
        .unwrap();
    for n in 0..3 {
        let job = JobSpec::task("echo", json!({ "n": n }));
        let job = orchestrator.submit(job).await.unwrap();
        soon("the job ends", job.finished()).await;
        let task = controller.submit("echo.any", &json!({ "n": n }));
        assert_eq!(
            outcome(&controller, &task).await,
            completed(json!({ "n": n }))
        );
    }
    worker.shutdown().await;
    orchestrator.stop().await;
}

#[actix_rt::test]
async fn when_one_of_them_is_away_the_other_goes_on() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let controller = DistController::start().await.unwrap();
    let worker = worker(&orchestrator, &controller).spawn().unwrap();
    soon("both connections", controller.connected(2)).await;
    controller.go_down().await;
    let job = JobSpec::task("echo", json!({}));
    let job = orchestrator.submit(job).await.unwrap();
    assert_eq!(
        soon("the job ends", job.finished()).await.state,
        JobState::Finished
    );
    controller.come_up().await;
    orchestrator.go_down().await.unwrap();
    let task = controller.submit("echo.any", &json!({ "n": 1 }));
    assert_eq!(
        outcome(&controller, &task).await,
        completed(json!({ "n": 1 }))
    );
    worker.shutdown().await;
    orchestrator.stop().await;
}

#[actix_rt::test]
async fn a_controller_that_lets_us_go_does_not_end_a_worker_with_others() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let controller = DistController::builder()
        .idle_time(1)
        .start()
        .await
        .unwrap();
    let worker = worker(&orchestrator, &controller).spawn().unwrap();
    soon("both connections", controller.connected(2)).await;
    soon("it leaves the controller", controller.connected(0)).await;
    let job = JobSpec::task("echo", json!({}));
    let job = orchestrator.submit(job).await.unwrap();
    assert_eq!(
        soon("the job ends", job.finished()).await.state,
        JobState::Finished
    );
    let report = worker.shutdown().await;
    assert!(report.is_clean(), "{report}");
    orchestrator.stop().await;
}
