//! A task and its answer.

use std::time::Duration;

use axon_worker::dev::{DistController, DistTask};
use axon_worker::{
    Attachment, ErrorCode, QueueTask, RawJson, Reply, TaskContext, TaskError, blocking,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{assert_failed, assert_works, completed, outcome, soon, worker};

#[derive(Deserialize)]
struct Pair {
    a: i64,
    b: f64,
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
async fn add(pair: Pair) -> Result<Value, TaskError> {
    Ok(json!({ "sum": pair.a as f64 + pair.b }))
}

#[actix_rt::test]
async fn whole_numbers_arrive_whole_and_mistakes_are_named() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).queue("math.add", add).spawn().unwrap();
    let task = controller.submit("math.add", &json!({ "a": 2, "b": 3.5 }));
    assert_eq!(
        outcome(&controller, &task).await,
        completed(json!({ "sum": 5.5 }))
    );
    let task = controller.submit("math.add", &json!({ "a": "two", "b": 3 }));
    let (message, _) = assert_failed(outcome(&controller, &task).await, "INVALID_INPUT_ERROR");
    assert!(message.contains('a'), "{message}");
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_task_without_input_has_an_empty_object() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).spawn().unwrap();
    let task = controller.submit_task(DistTask::without_input("echo.any"));
    assert_eq!(outcome(&controller, &task).await, completed(Value::Null));
    worker.shutdown().await;
}

#[actix_rt::test]
async fn failures_have_the_codes_of_the_protocol_or_of_the_handler() {
    async fn fail(input: RawJson) -> Result<(), TaskError> {
        let what: Value = input.parse().unwrap();
        match what["how"].as_str().unwrap() {
            "question mark" => Err(std::io::Error::other("boom"))?,
            "panic" => panic!("oh no"),
            "own" => {
                let error = TaskError::new("TEAPOT", "short and stout");
                return Err(error.with_details(&json!({ "spout": true })));
            }
            _ => return Err(TaskError::from(ErrorCode::Permanent)),
        }
        Ok(())
    }
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).queue("fail.#", fail).spawn().unwrap();
    for (how, code, text) in [
        ("question mark", "HANDLER_ERROR", "boom"),
        ("panic", "HANDLER_ERROR", "oh no"),
        ("own", "TEAPOT", "short and stout"),
        ("for good", "PERMANENT_ERROR", "PERMANENT_ERROR"),
    ] {
        let task = controller.submit("fail.now", &json!({ "how": how }));
        let (message, details) = assert_failed(outcome(&controller, &task).await, code);
        assert!(message.contains(text), "{message}");
        if how == "own" {
            assert_eq!(details, json!({ "spout": true }));
        }
    }
    assert_works(&controller).await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_queue_that_nobody_is_for_has_no_handler_unless_there_is_a_default() {
    async fn name(_: RawJson, task: QueueTask) -> Result<String, TaskError> {
        Ok(task.queue().to_owned())
    }
    let controller = DistController::start().await.unwrap();
    let without = worker(&controller).spawn().unwrap();
    let task = controller.submit("nobody/here", &json!({}));
    assert_failed(outcome(&controller, &task).await, "NO_HANDLER");
    assert_works(&controller).await;
    without.shutdown().await;
    let with = worker(&controller).default_handler(name).spawn().unwrap();
    let task = controller.submit("nobody/here", &json!({}));
    let expected = completed(json!({ "result": "nobody/here" }));
    assert_eq!(outcome(&controller, &task).await, expected);
    with.shutdown().await;
}

#[actix_rt::test]
async fn the_most_specific_handler_gets_the_task() {
    let named = |name: &'static str| move |_: RawJson| async move { Ok::<_, TaskError>(name) };
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller)
        .queue("#", named("all"))
        .queue("math.*", named("math"))
        .queue("math.add", named("add"))
        .task("plain", named("task"))
        .spawn()
        .unwrap();
    for (queue, handler) in [
        ("math.add", "add"),
        ("math.sub", "math"),
        ("math.sub.more", "all"),
        ("plain", "task"),
    ] {
        let task = controller.submit(queue, &json!({}));
        let expected = completed(json!({ "result": handler }));
        assert_eq!(outcome(&controller, &task).await, expected, "{queue}");
    }
    worker.shutdown().await;
}

#[actix_rt::test]
async fn progress_comes_in_percent_in_order_and_before_the_end() {
    async fn steps(_: RawJson, task: TaskContext) -> Result<(), TaskError> {
        for (value, text) in [(0.25, "a quarter"), (0.5, "half"), (0.9, "almost")] {
            task.progress(value, text).await;
        }
        Ok(())
    }
    let blocking_steps = blocking(|_: RawJson, task: TaskContext| {
        task.progress_now(0.25, "a quarter");
        task.progress_now(0.5, "half");
        task.progress_now(0.9, "almost");
        Ok::<_, TaskError>(())
    });
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller)
        .queue("steps.async", steps)
        .queue("steps.blocking", blocking_steps)
        .spawn()
        .unwrap();
    for queue in ["steps.async", "steps.blocking"] {
        let task = controller.submit(queue, &json!({}));
        outcome(&controller, &task).await;
        let progress = controller.task(&task).unwrap().progress;
        let told: Vec<_> = progress
            .iter()
            .map(|p| (p.progress, p.message.as_str()))
            .collect();
        // What follows too closely is not told; the last one always is.
        assert_eq!(told.last(), Some(&(90.0, "almost")), "{queue}");
        assert!(told.is_sorted_by(|a, b| a.0 < b.0), "{queue}: {told:?}");
    }
    worker.shutdown().await;
}

#[actix_rt::test]
async fn handlers_see_metadata_time_limit_and_files() {
    async fn look(_: RawJson, task: QueueTask) -> Result<Value, TaskError> {
        let by_id = task.file_by_id("f2").map(|file| file.name.clone());
        Ok(json!({
            "priority": task.metadata::<String>("priority")?,
            "nothing": task.metadata::<String>("nothing")?,
            "seconds": task.timeout().map(|limit| limit.as_secs()),
            "by_id": by_id,
            "of_that_name": task.files_by_name("a.txt").count(),
        }))
    }
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).queue("files.#", look).spawn().unwrap();
    let file = |id: &str, name: &str| Attachment {
        id: id.to_owned(),
        name: name.to_owned(),
        ..Attachment::default()
    };
    let task = DistTask::new("files.some", &json!({}))
        .metadata(&json!({ "priority": "high" }))
        .timeout(Duration::from_mins(1))
        .file(file("f1", "a.txt"))
        .file(file("f2", "b.txt"))
        .file(file("f3", "a.txt"));
    let task = controller.submit_task(task);
    let expected = json!({
        "priority": "high", "nothing": null, "seconds": 60, "by_id": "b.txt", "of_that_name": 2,
    });
    assert_eq!(outcome(&controller, &task).await, completed(expected));
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_result_that_cannot_be_sent_is_a_failure_and_the_worker_goes_on() {
    async fn too_large(_: RawJson) -> Result<Value, TaskError> {
        Ok(json!({ "order": { "id": u64::MAX } }))
    }
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).queue("big", too_large).spawn().unwrap();
    let task = controller.submit("big", &json!({}));
    let (message, _) = assert_failed(outcome(&controller, &task).await, "PERMANENT_ERROR");
    assert!(message.contains("order.id"), "{message}");
    assert_works(&controller).await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn results_can_name_files() {
    async fn store(_: RawJson) -> Result<Reply, TaskError> {
        let file = Attachment {
            id: "f1".to_owned(),
            name: "out.txt".to_owned(),
            content_type: "text/plain".to_owned(),
            size: 3,
            url: "https://store.example/out.txt".to_owned(),
        };
        Ok(Reply::success(&json!({ "ok": true }))?.with_attachment(file))
    }
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).queue("store", store).spawn().unwrap();
    let task = controller.submit("store", &json!({}));
    assert_eq!(
        outcome(&controller, &task).await,
        completed(json!({ "ok": true }))
    );
    let files = controller.task(&task).unwrap().result_files;
    assert_eq!((files[0].name.as_str(), files[0].size), ("out.txt", 3));
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_retry_has_the_same_id_and_is_run_again() {
    async fn second_time(_: RawJson, task: TaskContext) -> Result<(), TaskError> {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let tries = task.data::<AtomicUsize>().expect("it was given");
        match tries.fetch_add(1, Ordering::SeqCst) {
            0 => Err(TaskError::transient("not yet")),
            _ => Ok(()),
        }
    }
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller)
        .data(std::sync::atomic::AtomicUsize::new(0))
        .queue("flaky", second_time)
        .spawn()
        .unwrap();
    let task = controller.submit_task(DistTask::new("flaky", &json!({})).retries(1));
    assert_eq!(outcome(&controller, &task).await, completed(Value::Null));
    assert_eq!(controller.task(&task).unwrap().assigned, 2);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn the_time_limit_of_a_task_is_enforced_here() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).spawn().unwrap();
    let task = DistTask::new("slow.down", &json!({})).timeout(Duration::from_millis(100));
    let task = controller.submit_task(task);
    assert_failed(outcome(&controller, &task).await, "TIMEOUT");
    assert_works(&controller).await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn registration_and_heartbeats_tell_of_the_machine() {
    use axon_worker::dev::DistEvent;
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller)
        .configure(|settings| {
            settings.distworker.heartbeat_interval = Duration::from_millis(20);
        })
        .spawn()
        .unwrap();
    let registered = controller.event_where(|e| matches!(e, DistEvent::Registered { .. }));
    let DistEvent::Registered { worker_id, about } = soon("registered", registered).await else {
        unreachable!()
    };
    assert!(worker_id.starts_with("example-"), "{worker_id}");
    assert!(about["cpu_cores"].as_i64().unwrap() > 0);
    assert!(about["memory_mb"].as_i64().unwrap() > 0);
    assert_eq!(about["additional"]["worker_type"], "test");
    let is_beat = |event: &&DistEvent| matches!(event, DistEvent::Heartbeat { health: "UP", memory_used_mb } if *memory_used_mb > 0);
    let beats = || controller.events().iter().filter(is_beat).count();
    crate::support::until("three heartbeats", || beats() >= 3).await;
    worker.shutdown().await;
}
