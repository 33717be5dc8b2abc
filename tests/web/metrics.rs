//! Numbers for Prometheus.

use std::collections::BTreeMap;

use axon_worker::config::Settings;
use axon_worker::storage::LocalStore;
use axon_worker::transport::TransportError;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{RawJson, TaskError, TaskFiles, Worker};
use serde_json::json;

use crate::until::until;
use crate::{get, worker};

/// All samples by name and labels. Every line has to be one of the format.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut families = Vec::new();
    let (body, end) = text.rsplit_once("# EOF").expect("an end mark");
    assert_eq!(end.trim(), "");
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            let (keyword, name) = (words.next().unwrap(), words.next().unwrap());
            match keyword {
                "TYPE" => families.push(name.to_owned()),
                "HELP" => assert!(words.next().is_some(), "{line}"),
                "UNIT" => assert!(name.ends_with(words.next().unwrap()), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        let family = name.split('{').next().unwrap();
        assert!(
            families
                .last()
                .is_some_and(|it| family.starts_with(it.as_str())),
            "{line} after {families:?}"
        );
        let value = value.parse().expect("a number");
        assert!(
            samples.insert(name.to_owned(), value).is_none(),
            "{name} twice"
        );
    }
    samples
}

#[actix_rt::test]
async fn what_happened_is_counted() {
    let orchestrator = MemoryOrchestrator::new();
    let away = TransportError::Unreachable {
        reason: "gone".into(),
    };
    orchestrator.fail_next(Call::Deliver, &away, 1);
    let worker = worker(&orchestrator, 0).unwrap();
    for _ in 0..3 {
        let id = orchestrator.submit("echo", &json!({}));
        orchestrator.result_of(&id).await;
    }
    let delivered = || worker.status().totals.delivered == 3;
    until("all are delivered", delivered).await;
    let (status, text) = get(&worker, "/metrics").await;
    assert_eq!(status, 200);
    let samples = samples(&text);
    let at = "orchestrator=\"memory\"";
    for (name, expected) in [
        (
            "axon_tasks_total{task=\"echo\",outcome=\"completed\"}".to_owned(),
            3.0,
        ),
        (
            "axon_tasks_total{task=\"echo\",outcome=\"failed\"}".to_owned(),
            0.0,
        ),
        ("axon_task_run_seconds_count{task=\"echo\"}".to_owned(), 3.0),
        (
            "axon_task_queue_seconds_count{task=\"echo\"}".to_owned(),
            3.0,
        ),
        ("axon_results_total{end=\"delivered\"}".to_owned(), 3.0),
        ("axon_results_total{end=\"put_off\"}".to_owned(), 1.0),
        ("axon_results_unsent".to_owned(), 0.0),
        (format!("axon_polls_total{{{at},answer=\"task\"}}"), 3.0),
        (
            format!("axon_registrations_total{{{at},answer=\"ok\"}}"),
            1.0,
        ),
        (
            format!("axon_result_requests_total{{{at},answer=\"error\"}}"),
            1.0,
        ),
        (
            format!("axon_result_requests_total{{{at},answer=\"ok\"}}"),
            3.0,
        ),
        (format!("axon_registered{{{at}}}"), 1.0),
        ("axon_slots{state=\"limit\"}".to_owned(), 10.0),
        ("axon_threads_stuck".to_owned(), 0.0),
    ] {
        assert_eq!(samples.get(&name), Some(&expected), "{name} in\n{text}");
    }
    assert!(samples["axon_loop_lag_seconds{thread=\"control\"}"] < 1.0);
    // Names from outside are no labels.
    let stranger = orchestrator.submit("no such task", &json!({}));
    orchestrator.result_of(&stranger).await;
    assert!(!worker.metrics().await.contains("no such task"));
    worker.shutdown().await;
}

async fn writes(_: RawJson, files: TaskFiles) -> Result<serde_json::Value, TaskError> {
    let path = files.write("a.txt", "twelve bytes").await?;
    Ok(json!({ "file": path }))
}

#[actix_rt::test]
async fn what_is_moved_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let task_files = folder.path().join("tasks");
    let orchestrator = MemoryOrchestrator::new();
    let worker = Worker::builder("test")
        .settings(Settings::default())
        .configure(move |settings| settings.storage.task_files_dir = task_files)
        .storage(LocalStore::new(folder.path().join("objects")))
        .transport("memory", orchestrator.connect())
        .task("writes", writes)
        .spawn()
        .unwrap();
    let id = orchestrator.submit("writes", &json!({}));
    orchestrator.result_of(&id).await;
    let samples = samples(&worker.metrics().await);
    assert_eq!(samples.get("axon_objects_stored_total"), Some(&1.0));
    assert_eq!(samples.get("axon_stored_bytes_total"), Some(&12.0));
    assert_eq!(samples.get("axon_objects_fetched_total"), Some(&0.0));
    assert_eq!(worker.transfers().map(|it| it.counts().stored), Some(1));
    worker.shutdown().await;
}
