//! A worker as a process of its own, ended by signals.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use axon_worker::dev::{DevOrchestrator, Endpoint, Fault, JobSpec, JobState};
use serde_json::json;

#[path = "support/example.rs"]
mod example;

/// The conformance worker; its log goes on so that it can be read.
struct Process {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(orchestrator: &DevOrchestrator, variables: &[(&str, &str)]) -> Self {
        // Without a terminal, whose end would end the worker.
        let mut child = Command::new("setsid")
            .arg(example::program("conformance"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("ORCHESTRATOR_URL", orchestrator.url())
            .env("WORKER_PORT", "0")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the worker starts");
        let log = child.stdout.take().expect("piped");
        let log = BufReader::new(log).lines();
        Self { child, log }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for a line of the log.
    fn says(&mut self, text: &str) {
        let lines = self.log.by_ref();
        let found = lines.any(|line| line.expect("text").contains(text));
        assert!(found, "the worker ended without saying {text:?}");
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
    // Within a second it counts as the same signal.
    let began = std::time::Instant::now();
    let ended = loop {
        worker.signal("TERM");
        if let Some(ended) = worker.child.try_wait().expect("it can be waited for") {
            break ended;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(ended.code(), Some(130));
    assert!(began.elapsed() > std::time::Duration::from_millis(500));
}

#[actix_rt::test]
async fn signals_that_come_together_count_as_one() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let mut worker = Process::start(&orchestrator, &[]);
    let job = sleeping(&orchestrator, 0.5).await;
    // As those who signal a process and its group do.
    let pid = worker.child.id();
    let both = format!("kill -TERM {pid}; kill -TERM {pid}; kill -INT {pid}");
    let sent = Command::new("sh").args(["-c", &both]).status();
    assert!(sent.expect("kill runs").success());
    assert_eq!(job.finished().await.state, JobState::Finished);
    assert_eq!(worker.exit_code(), Some(0));
}

#[actix_rt::test]
async fn the_service_manager_is_told_and_its_watchdog_fed() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let variables = [
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "200000"),
    ];
    let mut worker = Process::start(&orchestrator, &variables);
    let hears = |wanted: &str| {
        let mut heard = [0; 64];
        loop {
            let length = manager.recv(&mut heard).expect("a message");
            if &heard[..length] == wanted.as_bytes() {
                break;
            }
        }
    };
    hears("READY=1");
    for _ in 0..3 {
        hears("WATCHDOG=1");
    }
    worker.signal("TERM");
    hears("STOPPING=1");
    assert_eq!(worker.exit_code(), Some(0));
}

#[actix_rt::test]
async fn a_hangup_without_a_terminal_ends_nothing() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let mut worker = Process::start(&orchestrator, &[]);
    worker.says("registered");
    worker.signal("HUP");
    worker.says("told to read secrets and certificates again");
    let job = orchestrator.submit(JobSpec::task("noop", json!({}))).await;
    assert_eq!(job.unwrap().finished().await.state, JobState::Finished);
    worker.signal("TERM");
    assert_eq!(worker.exit_code(), Some(0));
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

/// Asks a running worker to pause, as whoever has this admin token.
async fn pause(port: u16, token: &str) -> u16 {
    let request = awc::Client::default()
        .post(format!("http://127.0.0.1:{port}/pause"))
        .insert_header(("authorization", format!("Bearer {token}")));
    let answer = request.send().await.expect("an answer");
    answer.status().as_u16()
}

#[actix_rt::test]
async fn a_hangup_has_secrets_read_again_from_their_files() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "first-secret\n").unwrap();
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let variables = [
        ("AXON_ADMIN_TOKEN_FILE", file.path().to_str().unwrap()),
        ("WORKER_PORT", &port.to_string()),
    ];
    let mut worker = Process::start(&orchestrator, &variables);
    worker.says("registered");
    assert_eq!(pause(port, "first-secret").await, 202);

    std::fs::write(file.path(), "second-secret\n").unwrap();
    assert_eq!(pause(port, "second-secret").await, 401);
    worker.signal("HUP");
    worker.says("secrets have changed in their files");
    assert_eq!(pause(port, "second-secret").await, 202);
    assert_eq!(pause(port, "first-secret").await, 401);
    worker.signal("TERM");
    assert_eq!(worker.exit_code(), Some(0));
}

#[actix_rt::test]
async fn a_token_that_is_refused_is_read_again_from_its_file() {
    let builder = DevOrchestrator::builder().token("second-secret");
    let orchestrator = builder.start().await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "first-secret\n").unwrap();
    let variables = [
        ("WORKER_TOKEN_FILE", file.path().to_str().unwrap()),
        ("REGISTRATION_RETRY_MAX_DELAY", "0.1"),
    ];
    let mut worker = Process::start(&orchestrator, &variables);
    worker.says("registration failed");
    std::fs::write(file.path(), "second-secret\n").unwrap();
    worker.says("registered");
    let spec = JobSpec::task("noop", json!({}));
    let job = orchestrator.submit(spec).await.unwrap();
    assert_eq!(job.finished().await.state, JobState::Finished);
    worker.signal("TERM");
    assert_eq!(worker.exit_code(), Some(0));
}
