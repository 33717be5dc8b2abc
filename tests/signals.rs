//! A worker as a process of its own, ended by signals.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use axon_worker::dev::{DevOrchestrator, Endpoint, Fault, JobSpec, JobState};
use serde_json::json;

#[path = "support/example.rs"]
mod example;

/// The conformance worker; its log goes on so that it can be read.
struct Process(Child);

impl Process {
    fn start(orchestrator: &DevOrchestrator, variables: &[(&str, &str)]) -> Self {
        let child = Command::new(example::program("conformance"))
            .env_clear()
            .env("ORCHESTRATOR_URL", orchestrator.url())
            .env("WORKER_PORT", "0")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the worker starts");
        Self(child)
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.0.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for a line of the log.
    fn says(&mut self, text: &str) {
        let log = self.0.stdout.as_mut().expect("piped");
        let mut lines = BufReader::new(log).lines();
        let found = lines.any(|line| line.expect("text").contains(text));
        assert!(found, "the worker ended without saying {text:?}");
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.0.wait().expect("it ends").code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn sleeping(orchestrator: &DevOrchestrator, seconds: f64) -> axon_worker::dev::JobHandle {
    let spec = JobSpec::task("sleep", json!({ "seconds": seconds }));
    let job = orchestrator.submit(spec).await.unwrap();
    orchestrator
        .wait_until(|view| view.running_tasks("sleep").now == 1)
        .await;
    job
}

#[actix_rt::test]
async fn the_first_signal_lets_the_task_finish_and_ends_with_0() {
    for signal in ["TERM", "INT"] {
        let orchestrator = DevOrchestrator::start().await.unwrap();
        let mut worker = Process::start(&orchestrator, &[]);
        let job = sleeping(&orchestrator, 0.5).await;
        worker.signal(signal);
        assert_eq!(job.finished().await.state, JobState::Finished);
        assert_eq!(worker.exit_code(), Some(0), "{signal}");
    }
}

#[actix_rt::test]
async fn the_second_signal_ends_the_process_at_once() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let mut worker = Process::start(&orchestrator, &[]);
    let _job = sleeping(&orchestrator, 3600.0).await;
    worker.signal("TERM");
    worker.says("shutting down");
    worker.signal("TERM");
    assert_eq!(worker.exit_code(), Some(130));
}

#[actix_rt::test]
async fn a_result_that_stays_unsent_makes_an_exit_code() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let short = [("AXON_DRAIN_RESULTS_WAIT", "0.2")];
    let mut worker = Process::start(&orchestrator, &short);
    orchestrator.fail_next(Endpoint::Result, Fault::Status(503), 1000);
    let spec = JobSpec::task("noop", json!({}));
    let _job = orchestrator.submit(spec).await.unwrap();
    orchestrator
        .wait_until(|view| view.requests(Endpoint::Result) > 0)
        .await;
    worker.signal("TERM");
    assert_eq!(worker.exit_code(), Some(1));
}
