//! Logs as the environment wants them, of a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use axon_worker::dev::{DevOrchestrator, JobSpec, JobState};
use axon_worker::logging;
use serde_json::{Value, json};

#[path = "support/example.rs"]
mod example;

/// Runs the conformance worker until it cannot start.
fn run(variables: &[(&str, &str)]) -> Output {
    Command::new(example::program("conformance"))
        .env_clear()
        .env("WORKER_PORT", "0")
        .envs(variables.iter().copied())
        .output()
        .expect("it starts")
}

/// A running worker that cannot outlive its test.
struct Running(Child);

impl Running {
    fn start(orchestrator: &DevOrchestrator, variables: &[(&str, &str)]) -> Self {
        let child = Command::new(example::program("conformance"))
            .env_clear()
            .env("ORCHESTRATOR_URL", orchestrator.url())
            .env("WORKER_PORT", "0")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.expect("the worker starts"))
    }

    fn terminate(&self) {
        let sent = Command::new("kill").arg(self.0.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

#[actix_rt::test]
async fn a_log_that_nobody_reads_holds_up_no_task_no_health_and_no_end() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let port = free_port().to_string();
    // Standard output is a pipe of 64 KiB that is never read: far less than is logged.
    let variables = [("WORKER_PORT", port.as_str()), ("LOG_LEVEL", "debug")];
    let mut worker = Running::start(&orchestrator, &variables);

    let params = json!({ "code": "PERMANENT_ERROR", "message": "x".repeat(200) });
    let mut jobs = Vec::new();
    for _ in 0..600 {
        let spec = JobSpec::task("fail", params.clone());
        jobs.push(orchestrator.submit(spec).await.unwrap());
    }
    for job in jobs {
        assert_ne!(job.finished().await.state, JobState::Finished);
    }
    let url = format!("http://127.0.0.1:{port}/health");
    let answer = awc::Client::default().get(url).send().await;
    assert_eq!(answer.expect("an answer").status(), 200);

    worker.terminate();
    let status = tokio::task::spawn_blocking(move || worker.0.wait());
    let status = tokio::time::timeout(std::time::Duration::from_mins(1), status).await;
    let status = status.expect("it ends although nobody reads");
    assert_eq!(status.unwrap().unwrap().code(), Some(0));
}

#[actix_rt::test]
async fn a_panic_is_a_line_of_the_log_with_the_ids_of_the_task() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let mut worker = Running::start(&orchestrator, &[("LOG_FORMAT", "json")]);
    let spec = JobSpec::task("panic", json!({ "message": "ouch" }));
    let _job = orchestrator.submit(spec).await.unwrap();

    let output = worker.0.stdout.take().expect("piped");
    let line = tokio::task::spawn_blocking(move || {
        let lines = BufReader::new(output).lines();
        let mut lines = lines.map(|line| {
            let line = line.expect("text");
            serde_json::from_str::<Value>(&line).unwrap_or_else(|_| panic!("no JSON: {line}"))
        });
        lines.find(|line| line["message"] == "panicked")
    });
    let line = line.await.unwrap().expect("a line about the panic");
    assert_eq!(
        (&line["level"], &line["panic"], &line["kind"]),
        (&json!("ERROR"), &json!("ouch"), &json!("panic")),
        "{line}"
    );
    assert!(
        line["task_id"].is_string() && line["job_id"].is_string(),
        "{line}"
    );
    assert!(line["place"].as_str().unwrap().contains(".rs:"), "{line}");

    let mut errors = worker.0.stderr.take().expect("piped");
    drop(worker);
    let mut told = String::new();
    errors.read_to_string(&mut told).unwrap();
    assert_eq!(told, "", "nothing beside the log");
}

#[test]
fn mistakes_stop_the_start_and_name_their_variable() {
    let output = run(&[("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml")]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("LOG_LEVEL: expected off, error,"), "{text}");
    assert!(
        text.contains("LOG_FORMAT: expected one of text, json, got \"xml\""),
        "{text}"
    );
}

#[test]
fn lines_have_the_form_that_was_asked_for_and_the_level() {
    // Its port is taken: it tells what is odd about its settings, and ends.
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let log = |format, level| {
        let output = run(&[
            ("LOG_FORMAT", format),
            ("LOG_LEVEL", level),
            ("OTEL_METRIC_EXPORT_INTERVAL", "soon"),
            ("WORKER_PORT", &port),
        ]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let lines = log("json", "WARNING");
    assert!(
        lines.contains("OTEL_METRIC_EXPORT_INTERVAL: expected a whole number"),
        "{lines}"
    );
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        assert_eq!(line["level"], "WARN");
    }
    let text = log("text", "warn");
    assert!(
        text.contains("WARN") && !text.contains('{') && !text.contains('\u{1b}'),
        "{text}"
    );
    assert_eq!(log("text", "off"), "");
}

#[test]
fn a_program_with_a_subscriber_keeps_it_and_is_told() {
    // The only test of this file that sets one up.
    logging::init_with(&axon_worker::config::Settings::default()).unwrap();
    let error = logging::init_with(&axon_worker::config::Settings::default()).unwrap_err();
    assert!(
        matches!(error, axon_worker::Error::SubscriberSet),
        "{error}"
    );
    assert!(error.to_string().contains("LOG_LEVEL"), "{error}");
}
