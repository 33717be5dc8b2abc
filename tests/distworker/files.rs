//! The content of files that tasks come with.

use axon_worker::dev::{DistController, DistTask};
use axon_worker::{Attachment, QueueTask, RawJson, TaskError};
use serde_json::{Value, json};

use crate::support::{assert_failed, completed, outcome, worker, worker_1};

async fn read(_: RawJson, task: QueueTask) -> Result<Value, TaskError> {
    let mut texts = Vec::new();
    for file in task.files() {
        let content = task.fetch(file, 1000).await?;
        texts.push(String::from_utf8_lossy(&content).into_owned());
    }
    Ok(json!({ "texts": texts }))
}

fn file(id: &str, url: &str) -> DistTask {
    DistTask::new("files.read", &json!({})).file(Attachment {
        id: id.to_owned(),
        name: "a.txt".to_owned(),
        url: url.to_owned(),
        ..Attachment::default()
    })
}

#[actix_rt::test]
async fn a_worker_with_an_id_gets_files_with_a_signed_request() {
    let controller = DistController::builder()
        .session("w-1", "t-1")
        .start()
        .await
        .unwrap();
    controller.keep_file("3f0c6c1e", "hello");
    let worker = worker_1(&controller)
        .queue("files.#", read)
        .spawn()
        .unwrap();
    let task = controller.submit_task(file("3f0c6c1e", "files/3f0c6c1e/a.txt"));
    let expected = completed(json!({ "texts": ["hello"] }));
    assert_eq!(outcome(&controller, &task).await, expected);
    let task = controller.submit_task(file("unknown", "files/unknown/a.txt"));
    let (message, _) = assert_failed(outcome(&controller, &task).await, "DEPENDENCY_ERROR");
    assert!(
        message.contains("a.txt") && message.contains("404"),
        "{message}"
    );
    let task = controller.submit_task(file("../../api/v1/tasks", "files/x"));
    assert_failed(outcome(&controller, &task).await, "DEPENDENCY_ERROR");
    worker.shutdown().await;
}

#[actix_rt::test]
async fn an_address_is_read_as_it_is_and_without_an_id_nothing_else() {
    let controller = DistController::start().await.unwrap();
    let shop = axon_worker::dev::DevOrchestrator::start().await.unwrap();
    let worker = worker(&controller).queue("files.#", read).spawn().unwrap();
    let address = format!("{}/_public/status", shop.url());
    let task = controller.submit_task(file("f", &address));
    let axon_worker::dev::DistOutcome::Completed(result) = outcome(&controller, &task).await else {
        panic!("an address anybody can read")
    };
    assert_eq!(result["texts"].as_array().map(Vec::len), Some(1));
    let task = controller.submit_task(file("f", "files/f/a.txt"));
    let (message, _) = assert_failed(outcome(&controller, &task).await, "DEPENDENCY_ERROR");
    assert!(message.contains("DISTWORKER_WORKER_ID"), "{message}");
    worker.shutdown().await;
    shop.stop().await;
}
