//! Programs for the queues of a `DistWorker` controller.

use super::support::*;
use axon_worker::dev::{DistController, DistOutcome};

#[actix_rt::test]
async fn a_program_serves_queues() {
    let controller = DistController::builder().provisioner("local", "t0ken");
    let controller = controller.start().await.unwrap();
    let stage = Stage::new().await;
    let file = stage.puppets(
        "[tasks.sums]\nqueue = \"math.*\"\ncommand = [PUPPET, \"pool\"]\nmode = \"pool\"\n\
         [tasks.files]\nqueue = \"files.#\"\ncommand = [PUPPET]\n",
    );
    let mut worker = command(&file)
        .env("DISTWORKER_CONTROLLER_URL", controller.url())
        .env("DISTWORKER_PROVISIONER", "local")
        .env("DISTWORKER_WORKER_TOKEN", "t0ken")
        .env("TASK_FILES_DIR", stage.path("task-files"))
        .spawn()
        .expect("the worker starts");
    let count = controller.submit("math.add", &json!({"do": "count"}));
    let DistOutcome::Completed(data) = controller.outcome_of(&count).await else {
        panic!("a result")
    };
    assert_eq!(data["served"], 1);
    let wrong = json!({"do": "error", "code": "INVALID_INPUT_ERROR", "message": "no"});
    let wrong = controller.submit("files.a.b", &wrong);
    let outcome = controller.outcome_of(&wrong).await;
    assert!(matches!(outcome, DistOutcome::Failed { .. }), "{outcome:?}");
    worker.kill().expect("it runs");
    worker.wait().expect("a child");
}
