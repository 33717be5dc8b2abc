//! The worker of the SDK against our controller.

use axon_worker::Attachment;
use axon_worker::dev::{DistController, DistEvent, DistOutcome, DistTask};
use serde_json::{Value, json};

use crate::programs::{Program, soon};

fn sdk_worker(controller: &DistController) -> Program {
    let url = controller.url();
    Program::start("distworker_worker.py", &[&url, "example", "demo-token-123"])
}

async fn outcome(controller: &DistController, task: DistTask) -> DistOutcome {
    let id = controller.submit_task(task);
    soon("the task ends", controller.outcome_of(&id)).await
}

#[actix_rt::test]
async fn the_worker_of_the_sdk_does_the_tasks_of_our_controller() {
    let controller = DistController::start().await.unwrap();
    let _worker = sdk_worker(&controller);
    soon("it registers", controller.connected(1)).await;
    let add = DistTask::new("math.add", &json!({ "a": 2, "b": 3.5 }));
    let sum = DistOutcome::Completed(json!({ "sum": 5.5 }));
    assert_eq!(outcome(&controller, add).await, sum);

    let odd = json!({ "none": null, "list": [1, "two", false, {"x": [[]]}], "text": "ü 🦀" });
    let echo = DistTask::new("echo.any", &odd);
    assert_eq!(
        outcome(&controller, echo).await,
        DistOutcome::Completed(odd)
    );

    let fail = DistTask::new("fail.now", &json!({ "message": "boom" }));
    let DistOutcome::Failed { code, message, .. } = outcome(&controller, fail).await else {
        panic!("it fails")
    };
    assert_eq!((code.as_str(), message.as_str()), ("HANDLER_ERROR", "boom"));

    let file = Attachment {
        id: "f".to_owned(),
        name: "a.txt".to_owned(),
        ..Attachment::default()
    };
    let files = DistTask::new("files.x", &json!({})).file(file);
    let named = json!({ "queue": "files.x", "files": ["a.txt"] });
    assert_eq!(
        outcome(&controller, files).await,
        DistOutcome::Completed(named)
    );

    let slow = controller.submit("slow.sleep", &json!({ "seconds": 0.1 }));
    soon("the task ends", controller.outcome_of(&slow)).await;
    let progress = controller.task(&slow).unwrap().progress;
    let percent: Vec<_> = progress.iter().map(|step| step.progress).collect();
    assert_eq!(percent, [25.0, 50.0, 75.0, 100.0]);
    assert_eq!(progress[1].data, json!({ "part": 2 }));

    let empty = DistTask::without_input("echo.any");
    assert_eq!(
        outcome(&controller, empty).await,
        DistOutcome::Completed(Value::Null)
    );
    let beat = |event: &DistEvent| matches!(event, DistEvent::Heartbeat { health: "UP", .. });
    assert!(controller.events().iter().any(beat));
    let ignored = |event: &DistEvent| matches!(event, DistEvent::Ignored(_));
    assert!(!controller.events().iter().any(ignored));
}

#[actix_rt::test]
async fn the_worker_of_the_sdk_is_refused_as_by_the_real_controller_and_comes_back() {
    let controller = DistController::start().await.unwrap();
    controller.refuse_registrations(2);
    let _worker = sdk_worker(&controller);
    soon("it is taken at last", controller.connected(1)).await;
    assert_eq!(controller.connections_so_far(), 3);
    controller.drop_connections();
    soon("it is gone", controller.connected(0)).await;
    let add = DistTask::new("math.add", &json!({ "a": 1, "b": 1 }));
    let sum = DistOutcome::Completed(json!({ "sum": 2 }));
    assert_eq!(outcome(&controller, add).await, sum);
}
