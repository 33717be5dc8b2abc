//! Files that are not as announced, and others that do not answer.

use axon_worker::transport::TransportError;
use axon_worker::transport::memory::Call;

use super::*;

#[actix_rt::test]
async fn files_that_are_missing_or_not_the_announced_ones_end_the_task() {
    let stage = Stage::new();
    let worker = stage.worker().spawn().unwrap();
    let result = stage
        .run("upper", &json!({ "input": "s3://in/none" }))
        .await;
    assert_eq!(error(&result).code(), &ErrorCode::Transient);
    let text = error(&result).message();
    assert_eq!(text, "field `input`: s3://in/none does not exist");
    stage.shelf.put("s3://in/a", "hello");
    for (said, what) in [
        (json!({ "size": 6, "etag": null }), "size"),
        (json!({ "size": 5, "etag": "\"other\"" }), "ETag"),
    ] {
        let metadata = RawJson::from_serialize(&json!({ "input": said })).unwrap();
        let params = RawJson::from_serialize(&json!({ "input": "s3://in/a" })).unwrap();
        let task = stage
            .orchestrator
            .submit_with("upper", params, move |task| {
                task.params_metadata = Some(metadata);
            });
        let result = stage.orchestrator.result_of(&task).await;
        assert_eq!(error(&result).code(), &ErrorCode::IntegrityMismatch);
        assert!(error(&result).message().contains(what), "{result:?}");
    }
    assert_eq!(stage.calls.load(Ordering::SeqCst), 0);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_storage_that_is_down_is_tried_again_and_then_a_transient_failure() {
    let stage = Stage::new();
    let worker = stage.worker().spawn().unwrap();
    stage.shelf.put("s3://in/a", "hello");
    stage.shelf.gets(Mood::Down);
    let result = stage.run("upper", &json!({ "input": "s3://in/a" })).await;
    assert_eq!(error(&result).code(), &ErrorCode::Transient);
    assert_eq!(stage.shelf.begun(), 3, "two retries");
    stage.shelf.gets(Mood::Willing);
    stage.shelf.puts(Mood::Down);
    let result = stage.run("upper", &json!({ "input": "s3://in/a" })).await;
    assert_eq!(error(&result).code(), &ErrorCode::Transient);
    let text = error(&result).message();
    assert!(text.starts_with("result `output`: "), "{text}");
    // Back in time: nothing was lost.
    let task = stage
        .orchestrator
        .submit("upper", &json!({ "input": "s3://in/a" }));
    let before = stage.shelf.begun();
    until("an attempt", || stage.shelf.begun() >= before + 2).await;
    stage.shelf.puts(Mood::Willing);
    let result = stage.orchestrator.result_of(&task).await;
    let uri = data(&result)["output"].as_str().unwrap().to_owned();
    assert_eq!(stage.shelf.content(&uri).as_deref(), Some("HELLO"));
    worker.shutdown().await;
}

#[actix_rt::test]
async fn the_folder_stays_until_the_result_is_delivered() {
    let stage = Stage::new();
    let worker = stage.worker().spawn().unwrap();
    let down = TransportError::Unreachable {
        reason: "down".to_owned(),
    };
    stage.orchestrator.fail_next(Call::Deliver, &down, 10_000);
    let task = stage.orchestrator.submit("end", &"success");
    stage.orchestrator.called(Call::Deliver, 2).await;
    assert_eq!(stage.task_folders().len(), 1);
    stage.orchestrator.clear_faults();
    stage.orchestrator.result_of(&task).await;
    until("the folder is gone", || stage.task_folders().is_empty()).await;
    worker.shutdown().await;
}
