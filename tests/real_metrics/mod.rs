//! A worker that has seen every end of a task is scraped over HTTP.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::storage::LocalStore;
use axon_worker::transport::TransportError;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{
    Cancellation, ErrorCode, RawJson, TaskError, TaskFiles, Worker, WorkerEvent, WorkerHandle,
};
use serde_json::{Value, json};

type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// The samples, as the parser of `prometheus_client` reads them.
fn parsed(text: &str) -> Samples {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = project.join(".venv-metrics/bin/python");
    let hint = "run `./test`, which installs what these tests need";
    assert!(python.exists(), "{} is missing: {hint}", python.display());
    let mut parser = Command::new(python)
        .arg(project.join("tests/real/scrape.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the parser starts");
    let mut input = parser.stdin.take().expect("piped");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = parser.wait_with_output().expect("it ends");
    assert!(output.status.success(), "the parser refuses\n{text}");
    let samples: Vec<(String, BTreeMap<String, String>, f64)> =
        serde_json::from_slice(&output.stdout).expect("a list of samples");
    let count = samples.len();
    let samples: Samples = samples
        .into_iter()
        .map(|(name, labels, value)| ((name, labels), value))
        .collect();
    assert_eq!(samples.len(), count, "a sample stands there twice");
    samples
}

async fn scrape(worker: &WorkerHandle) -> Samples {
    let port = worker.health_address().expect("a health server").port();
    let url = format!("http://127.0.0.1:{port}/metrics");
    let mut answer = awc::Client::default()
        .get(url)
        .send()
        .await
        .expect("an answer");
    let kind = answer
        .headers()
        .get("content-type")
        .expect("a type")
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    let body = answer.body().await.expect("a body");
    parsed(std::str::from_utf8(&body).expect("text"))
}

fn sample(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let found = samples.get(&(name.to_owned(), labels));
    *found.unwrap_or_else(|| panic!("{name} {:?} is missing", labels_of(samples, name)))
}

fn labels_of<'a>(samples: &'a Samples, name: &str) -> Vec<&'a BTreeMap<String, String>> {
    samples
        .keys()
        .filter(|(it, _)| it == name)
        .map(|(_, labels)| labels)
        .collect()
}

async fn does(
    what: String,
    files: TaskFiles,
    cancellation: Cancellation,
) -> Result<Value, TaskError> {
    match what.as_str() {
        "well" => Ok(json!({ "file": files.write("a.txt", "twelve bytes").await? })),
        "badly" => Err(TaskError::permanent("no")),
        "oddly" => Err(TaskError::new(ErrorCode::from("MY_OWN_CODE"), "odd")),
        "panic" => panic!("as asked"),
        _ => {
            cancellation.cancelled().await;
            Err(TaskError::transient("called off"))
        }
    }
}

async fn echo(params: RawJson) -> Result<RawJson, TaskError> {
    Ok(params)
}

#[actix_rt::test]
async fn the_published_parser_reads_what_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let task_files = folder.path().join("tasks");
    let orchestrator = MemoryOrchestrator::new();
    let away = TransportError::Unreachable {
        reason: "gone".into(),
    };
    let limited = TransportError::RateLimited {
        retry_after: Some(Duration::from_millis(1)),
    };
    orchestrator.fail_next(Call::Deliver, &away, 1);
    orchestrator.fail_next(Call::Register, &limited, 1);
    let hostile = "a \"quoted\\name\"";
    let worker = Worker::builder("test")
        .settings(Settings::default())
        .configure(move |settings| {
            settings.worker_port = 0;
            settings.storage.task_files_dir = task_files;
            settings.timing.registration_retry_initial_delay = Duration::from_millis(1);
            settings.results.retry_initial_delay = Duration::from_millis(1);
        })
        .storage(LocalStore::new(folder.path().join("objects")))
        .transport(hostile, orchestrator.connect())
        .task(axon_worker::TaskSpec::named("does").of_type("work"), does)
        .queue("echo.*", echo)
        .task_type_limit("work", 4)
        .build()
        .unwrap()
        .with_health_check()
        .spawn()
        .unwrap();
    let mut events = worker.events();
    for what in ["well", "well", "badly", "oddly", "panic"] {
        let id = orchestrator.submit("does", &what);
        orchestrator.result_of(&id).await;
    }
    // Whatever queues there are, there is one name for them.
    for queue in ["echo.a", "echo.b"] {
        let id = orchestrator.submit(queue, &1);
        orchestrator.result_of(&id).await;
    }
    let called_off = orchestrator.submit("does", &"wait");
    loop {
        match events.next().await.expect("events") {
            WorkerEvent::TaskStarted { task_id, .. } if task_id == called_off => break,
            _ => {}
        }
    }
    let during = scrape(&worker).await;
    assert_eq!(sample(&during, "axon_slots", &[("state", "tasks")]), 1.0);
    assert_eq!(
        sample(
            &during,
            "axon_type_slots",
            &[("type", "work"), ("state", "running")]
        ),
        1.0
    );
    worker.cancel(called_off.as_str());
    let mut delivered = 0;
    while delivered < 8 {
        delivered = worker.status().totals.delivered;
        if delivered < 8 {
            events.next().await.expect("events");
        }
    }

    let samples = scrape(&worker).await;
    let at = ("orchestrator", hostile);
    let ended = |task, outcome| {
        sample(
            &samples,
            "axon_tasks_total",
            &[("task", task), ("outcome", outcome)],
        )
    };
    assert_eq!(
        ["completed", "failed", "cancelled"].map(|outcome| ended("does", outcome)),
        [2.0, 3.0, 1.0]
    );
    assert_eq!(ended("echo.*", "completed"), 2.0);
    let failed = |code| {
        sample(
            &samples,
            "axon_task_errors_total",
            &[("task", "does"), ("code", code)],
        )
    };
    assert_eq!(
        ["PERMANENT_ERROR", "custom", "TRANSIENT_ERROR"].map(failed),
        [1.0, 1.0, 1.0]
    );
    for (name, labels, expected) in [
        ("axon_task_run_seconds_count", vec![("task", "does")], 6.0),
        ("axon_task_queue_seconds_count", vec![("task", "does")], 6.0),
        (
            "axon_task_run_seconds_bucket",
            vec![("task", "does"), ("le", "+Inf")],
            6.0,
        ),
        ("axon_results_total", vec![("end", "delivered")], 8.0),
        ("axon_results_total", vec![("end", "put_off")], 1.0),
        ("axon_results_total", vec![("end", "lost")], 0.0),
        ("axon_results_unsent", vec![], 0.0),
        ("axon_polls_total", vec![at, ("answer", "task")], 8.0),
        ("axon_registrations_total", vec![at, ("answer", "ok")], 1.0),
        (
            "axon_registrations_total",
            vec![at, ("answer", "rate_limited")],
            1.0,
        ),
        (
            "axon_result_requests_total",
            vec![at, ("answer", "ok")],
            8.0,
        ),
        (
            "axon_result_requests_total",
            vec![at, ("answer", "error")],
            1.0,
        ),
        ("axon_registered", vec![at], 1.0),
        ("axon_slots", vec![("state", "limit")], 10.0),
        ("axon_slots", vec![("state", "tasks")], 0.0),
        (
            "axon_type_slots",
            vec![("type", "work"), ("state", "limit")],
            4.0,
        ),
        ("axon_objects_stored_total", vec![], 2.0),
        ("axon_stored_bytes_total", vec![], 24.0),
        ("axon_transfer_retries_total", vec![], 0.0),
        ("axon_threads_stuck", vec![], 0.0),
        ("axon_paused", vec![], 0.0),
        (
            "axon_build_info",
            vec![("version", env!("CARGO_PKG_VERSION"))],
            1.0,
        ),
    ] {
        assert_eq!(
            sample(&samples, name, &labels),
            expected,
            "{name} {labels:?}"
        );
    }
    assert!(sample(&samples, "axon_heartbeats_total", &[at, ("answer", "ok")]) >= 1.0);
    assert!(sample(&samples, "axon_loop_lag_seconds", &[("thread", "control")]) < 1.0);
    // Labels are names of the program, so there are as many series as it has names.
    let tasks = labels_of(&samples, "axon_tasks_total");
    assert!(
        tasks
            .iter()
            .all(|labels| ["does", "echo.*"].contains(&labels["task"].as_str())),
        "{tasks:?}"
    );
    worker.shutdown().await;
}
