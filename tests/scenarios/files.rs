//! Files: from a real S3 server to handlers and back, and what can go wrong on the way.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::RELEASE;
use crate::proxy::{Fault, Kind, Proxy};
use crate::support::{BUCKET, S3, Stage, Storage, Value, WorkerSetup, eventually, json};

/// More than any test sends.
const ALWAYS: usize = 100_000;

async fn stage() -> (Stage, S3) {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let s3 = S3::start(stage.folder()).await;
    (stage, s3)
}

/// A worker of the stage that reaches the server at `endpoint`.
fn worker_of(stage: &Stage, endpoint: &str) -> WorkerSetup {
    S3::known_to(stage.worker(), endpoint)
        .set("AXON_CONFORMANCE_LOG", trace(stage).to_str().unwrap())
        .set("WORKER_ENABLE_WEBSOCKETS", "true")
}

fn trace(stage: &Stage) -> PathBuf {
    stage.folder().join("handlers.log")
}

/// How many handlers of that name began.
fn began(stage: &Stage, handler: &str) -> usize {
    let log = std::fs::read_to_string(trace(stage)).unwrap_or_default();
    let begin = |line: &&str| line.starts_with("begin") && line.contains(handler);
    log.lines().filter(begin).count()
}

/// The folders of tasks that the workers of the stage have.
fn task_folders(stage: &Stage) -> Vec<PathBuf> {
    let inside = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let processes = inside(&stage.folder().join("task-files"));
    let all = processes.iter().flat_map(|process| inside(process));
    all.filter(|path| path.is_dir()).collect()
}

async fn no_folder_is_left(stage: &Stage) {
    eventually("the folders are gone", Duration::from_secs(20), || async {
        let left = task_folders(stage);
        if left.is_empty() {
            Ok(())
        } else {
            Err(json!(left))
        }
    })
    .await;
}

#[actix_rt::test]
async fn a_file_comes_from_the_storage_and_its_answer_goes_there() {
    let (stage, s3) = stage().await;
    let worker = worker_of(&stage, &s3.endpoint()).start();
    let record = stage.orchestrator.registered(worker.id()).await;
    let hash = &record["capabilities"]["s3_config_hash"];
    assert_eq!(hash.as_str().map(str::len), Some(16), "{record:#}");
    let input = s3.put("texts/paper-one.txt", "grüße".as_bytes()).await;
    let params = json!({ "input": input });
    let job = stage.orchestrator.run_task("file_upper", params).await;
    assert_eq!(job["status"], "finished", "{job:#}");
    let data = &job["state_history"];
    let output = data["output"].as_str().expect("a URI");
    let task = &stage
        .orchestrator
        .results(job["id"].as_str().unwrap(), 1)
        .await[0];
    let (id, task_id) = (
        job["id"].as_str().unwrap(),
        task["task_id"].as_str().unwrap(),
    );
    assert_eq!(
        output,
        format!("s3://{BUCKET}/{id}/{task_id}/upper_paper-one.txt")
    );
    assert_eq!(s3.content(output).await.as_deref(), Some("GRÜSSE"));
    assert_eq!(data["size"], "GRÜSSE".len());
    let told = &task["data_metadata"]["output"];
    assert_eq!(told["uri"], output);
    assert_eq!(told["size"], "GRÜSSE".len());
    assert!(told["etag"].is_string(), "{told}");
    no_folder_is_left(&stage).await;
}

#[actix_rt::test]
async fn a_folder_comes_from_the_storage_and_its_copy_goes_there() {
    let (stage, s3) = stage().await;
    let worker = worker_of(&stage, &s3.endpoint()).start();
    stage.orchestrator.registered(worker.id()).await;
    for key in [
        "in/set/a.txt",
        "in/set/sub/b.txt",
        "in/set/sub/deep/c.txt",
        "in/settings",
    ] {
        s3.put(key, key.as_bytes()).await;
    }
    // As some tools mark a folder.
    s3.put("in/set/", b"").await;
    let params = json!({ "input": format!("s3://{BUCKET}/in/set/") });
    let job = stage.orchestrator.run_task("dir_copy", params).await;
    assert_eq!(job["status"], "finished", "{job:#}");
    let data = &job["state_history"];
    assert_eq!(data["count"], 3);
    let output = data["output"].as_str().expect("a URI");
    assert!(output.ends_with("/out/"), "{output}");
    let prefix = output.strip_prefix(&format!("s3://{BUCKET}/")).unwrap();
    let expected = ["a.txt", "sub/b.txt", "sub/deep/c.txt"].map(|key| format!("{prefix}{key}"));
    assert_eq!(s3.keys(prefix).await, expected);
    let copy = s3.content(&format!("{output}sub/b.txt")).await;
    assert_eq!(copy.as_deref(), Some("in/set/sub/b.txt"));
    let results = stage
        .orchestrator
        .results(job["id"].as_str().unwrap(), 1)
        .await;
    let told = &results[0]["data_metadata"]["output"];
    let size = ["in/set/a.txt", "in/set/sub/b.txt", "in/set/sub/deep/c.txt"]
        .concat()
        .len();
    assert_eq!(told["uri"], output, "{told}");
    assert_eq!(told["size"], size, "{told}");
    assert!(told["etag"].is_null(), "{told}");
    no_folder_is_left(&stage).await;
}

#[actix_rt::test]
async fn a_result_of_one_step_is_the_input_of_the_next() {
    let (stage, s3) = stage().await;
    let worker = worker_of(&stage, &s3.endpoint()).start();
    stage.orchestrator.registered(worker.id()).await;
    let input = s3.put("a.txt", b"once more").await;
    let job = stage
        .orchestrator
        .run("relay", json!({ "input": input }))
        .await;
    assert_eq!(job["status"], "finished", "{job:#}");
    let output = job["state_history"]["output"].as_str().expect("a URI");
    assert!(output.ends_with("/upper_upper_a.txt"), "{output}");
    assert_eq!(s3.content(output).await.as_deref(), Some("ONCE MORE"));
}

#[actix_rt::test]
async fn a_missing_object_is_a_transient_failure_that_names_it() {
    let (stage, s3) = stage().await;
    let worker = worker_of(&stage, &s3.endpoint()).start();
    stage.orchestrator.registered(worker.id()).await;
    let params = json!({ "input": format!("s3://{BUCKET}/nowhere.txt") });
    let job = stage.orchestrator.run_task("file_upper", params).await;
    assert_eq!(job["status"], "quarantined", "{job:#}");
    let results = stage
        .orchestrator
        .results(job["id"].as_str().unwrap(), 4)
        .await;
    for result in results {
        assert_eq!(result["error"]["code"], "TRANSIENT_ERROR");
        let text = result["error"]["message"].as_str().unwrap();
        assert!(text.starts_with("field `input`: "), "{text}");
        assert!(text.contains("nowhere.txt does not exist"), "{text}");
    }
    assert_eq!(began(&stage, "file_upper"), 0, "no handler was called");
    no_folder_is_left(&stage).await;
}

#[actix_rt::test]
async fn an_object_that_is_not_the_announced_one_fails_the_job() {
    let (stage, s3) = stage().await;
    let worker = worker_of(&stage, &s3.endpoint()).start();
    stage.orchestrator.registered(worker.id()).await;
    let input = s3.put("a.txt", b"five!").await;
    let etag = |etag: Value| json!({ "input": { "uri": input, "size": 5, "etag": etag } });
    for (metadata, status) in [
        (
            json!({ "input": { "uri": input, "size": 6, "etag": null } }),
            "failed",
        ),
        (etag(json!("0123")), "failed"),
        (etag(json!(null)), "finished"),
        // Of an earlier step, about another object.
        (
            json!({ "input": { "uri": "s3://other/k", "size": 6, "etag": "x" } }),
            "finished",
        ),
    ] {
        let data = json!({ "task": "file_upper", "params": { "input": input } });
        let job = stage
            .orchestrator
            .submit_with_files(data, metadata.clone())
            .await;
        let job = stage.orchestrator.end_of(&job).await;
        assert_eq!(job["status"], status, "{metadata}: {job:#}");
        if status == "failed" {
            let text = job["error_message"].as_str().unwrap();
            assert!(text.contains("data integrity mismatch"), "{text}");
            assert!(text.contains("field `input`"), "{text}");
        }
    }
    assert_eq!(began(&stage, "file_upper"), 2);
}

#[actix_rt::test]
async fn a_cancel_during_a_download_ends_it_at_once() {
    let (stage, s3) = stage().await;
    let proxy = Proxy::start(s3.port(), 1);
    let input = s3.put("a.txt", b"text").await;
    let worker = worker_of(&stage, &proxy.url()).start();
    stage.orchestrator.registered(worker.id()).await;
    proxy.next(Kind::Other, Fault::Hang, ALWAYS);
    let params = json!({ "input": input });
    let job = stage
        .orchestrator
        .submit_task("file_upper", params.clone())
        .await;
    stage.orchestrator.job_is_running(&job, worker.id()).await;
    proxy
        .until("the download hangs", |ledger| {
            ledger.spoiled(Kind::Other, Fault::Hang) > 0
        })
        .await;
    stage.orchestrator.cancel(&job).await;
    let record = stage.orchestrator.end_of(&job).await;
    assert_eq!(record["status"], "cancelled", "{record:#}");
    // The worker says so as well, long before the request would have timed out.
    stage
        .orchestrator
        .worker_shows(worker.id(), "has let it go", |record| {
            record["current_tasks"] == json!([])
        })
        .await;
    assert_eq!(began(&stage, "file_upper"), 0, "no handler was called");
    no_folder_is_left(&stage).await;
    proxy.calm();
    let next = stage.orchestrator.run_task("file_upper", params).await;
    assert_eq!(next["status"], "finished", "{next:#}");
}

#[actix_rt::test]
async fn a_worker_that_is_killed_during_an_upload_does_the_task_again() {
    let (stage, s3) = stage().await;
    let proxy = Proxy::start(s3.port(), 1);
    let input = s3.put("a.txt", b"text").await;
    // The first request is the download; everything after it hangs.
    proxy.next(Kind::Other, Fault::Delay(Duration::from_millis(1)), 1);
    proxy.next(Kind::Other, Fault::Hang, ALWAYS);
    let mut worker = worker_of(&stage, &proxy.url()).start();
    stage.orchestrator.registered(worker.id()).await;
    let job = stage
        .orchestrator
        .submit_task("file_upper", json!({ "input": input }))
        .await;
    proxy
        .until("the upload hangs", |ledger| {
            ledger.spoiled(Kind::Other, Fault::Hang) > 0
        })
        .await;
    assert_eq!(began(&stage, "file_upper"), 1);
    assert_eq!(task_folders(&stage).len(), 1, "it stays for the upload");
    worker.kill();
    proxy.calm();
    // The polls of the killed process are held on, and one would take the task along:
    // 1.0b12 does not notice that nobody waits for it.
    actix_rt::time::sleep(Duration::from_millis(2500)).await;
    let _again = worker_of(&stage, &proxy.url()).start();
    let record = stage.orchestrator.end_of(&job).await;
    assert_eq!(record["status"], "finished", "{record:#}");
    let output = record["state_history"]["output"].as_str().expect("a URI");
    assert_eq!(s3.content(output).await.as_deref(), Some("TEXT"));
    assert_eq!(began(&stage, "file_upper"), 2);
    no_folder_is_left(&stage).await;
}

#[actix_rt::test]
async fn without_a_storage_the_names_of_objects_pass_as_they_are() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let worker = stage.started_worker().await;
    let params = json!({ "input": "s3://bucket/key", "all": ["s3://bucket/folder/"] });
    for _ in 0..2 {
        let job = stage.orchestrator.run_task("echo", params.clone()).await;
        assert_eq!(job["state_history"], params);
    }
    let warnings = worker
        .output()
        .matches("no object storage is configured")
        .count();
    assert_eq!(warnings, 1, "{}", worker.output());
}
