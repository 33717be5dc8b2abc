//! `dev`, as a process that workers come to and that a signal ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::example;
use crate::program::{Program, command};

/// A running `axon-worker dev`, and what it has said so far.
pub struct Dev {
    child: Child,
    lines: BufReader<ChildStdout>,
    pub url: String,
    said: Vec<String>,
}

impl Dev {
    /// On a free port.
    pub fn start(more: &[&str]) -> Self {
        let mut child = command()
            .args(["dev", "--port", "0"])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().unwrap();
        let mut dev = Self {
            child,
            lines: BufReader::new(stdout),
            url: String::new(),
            said: Vec::new(),
        };
        let line = dev.until("export ORCHESTRATOR_URL=");
        dev.url = line.rsplit('=').next().unwrap().to_owned();
        dev
    }

    /// Waits for a line that says this.
    pub fn until(&mut self, text: &str) -> String {
        if let Some(line) = self.said.iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).expect("text");
            assert!(
                read > 0,
                "it ended without saying {text:?}: {:#?}",
                self.said
            );
            let line = line.trim_end().to_owned();
            self.said.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    pub fn has_said(&self, text: &str) -> bool {
        self.said.iter().any(|line| line.contains(text))
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The conformance worker as a process.
pub struct Worker(Child);

impl Worker {
    pub fn start(dev: &mut Dev, folder: &tempfile::TempDir) -> Self {
        let child = Command::new(example::program("conformance"))
            .env_clear()
            .env("ORCHESTRATOR_URL", &dev.url)
            .env("WORKER_ID", "worker-of-test")
            .env("WORKER_PORT", "0")
            .env("TASK_FILES_DIR", folder.path())
            .env("STATE_DIRECTORY", folder.path().join("state"))
            .stdout(Stdio::null())
            .spawn()
            .expect("the worker starts");
        let worker = Self(child);
        dev.until("worker worker-of-test registered, offers");
        worker
    }

    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn a_signal_ends_it_with_a_summary() {
    for signal in ["INT", "TERM"] {
        let mut dev = Dev::start(&[]);
        dev.signal(signal);
        let summary = dev.until("workers seen");
        assert!(summary.contains("jobs: 0 finished"), "{summary}");
        assert_eq!(dev.exit_code(), Some(0), "{signal}");
    }
}

#[test]
fn what_happens_is_told_as_it_happens() {
    let folder = tempfile::tempdir().unwrap();
    for version in ["1.0b2", "1.0b17"] {
        let mut dev = Dev::start(&["--rxon-version", version, "--fault", "result:503:2"]);
        assert!(dev.has_said(&format!("RXON {version}")));
        assert!(dev.has_said("for development only"));
        let _worker = Worker::start(&mut dev, &folder);
        let url = dev.url.clone();
        let submit = |task: &str, params: &str| {
            Program::new(&["submit", task, params, "--url", &url, "--wait"]).run()
        };
        assert_eq!(submit("echo", r#"{"a":1}"#).code, Some(0));
        let failing = r#"{"code":"PERMANENT_ERROR","message":"out of\nluck"}"#;
        assert_eq!(submit("fail", failing).code, Some(1));
        for line in [
            "submitted",
            ": echo goes to worker-of-test",
            ": result success",
            " finished after",
            "result failure PERMANENT_ERROR: out of\\nluck",
            "went into quarantine after",
        ] {
            dev.until(line);
        }
        dev.signal("INT");
        let summary = dev.until("workers seen");
        assert!(summary.contains("workers seen: 1"), "{summary}");
        assert!(summary.contains("tasks handed out: 2"), "{summary}");
        assert!(
            summary.contains("1 finished, 0 failed, 1 in quarantine"),
            "{summary}"
        );
        assert_eq!(dev.exit_code(), Some(0));
    }
}

#[test]
fn a_worker_that_dies_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut dev = Dev::start(&["--lease", "1"]);
    let mut worker = Worker::start(&mut dev, &folder);
    worker.kill();
    dev.until("worker worker-of-test is gone");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = Program::new(&["dev", "--port", &port]).run();
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains(&format!("port {port}")), "{run:?}");
    assert!(run.stderr.contains("--port"), "{run:?}");
    let run = Program::new(&["dev", "--fault", "poll:sideways"]).run();
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("drop-answer"), "{run:?}");
}

#[test]
fn a_controller_comes_along_when_asked_for() {
    let mut dev = Dev::start(&["--distworker"]);
    let line = dev.until("export DISTWORKER_CONTROLLER_URL=");
    let controller = line.rsplit('=').next().unwrap().to_owned();
    dev.until("export DISTWORKER_WORKER_TOKEN=");
    let report = Program::new(&["check", "--register"])
        .env("DISTWORKER_CONTROLLER_URL", &controller)
        .env("DISTWORKER_PROVISIONER", "example")
        .env("DISTWORKER_WORKER_TOKEN", "demo-token-123")
        .env("ORCHESTRATOR_URL", &dev.url)
        .env("WORKER_PORT", "0")
        .report();
    assert_eq!(report.code, Some(0), "{:#}", report.json["checks"]);
    report.says("controller", "registration", "ok", "accepted");
    report.says("orchestrator", "signature", "ok", "believed");
    dev.until("controller: ");
}
