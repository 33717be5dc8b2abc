//! Workers under a limit of open files.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axon_worker::dev::{DevOrchestrator, JobSpec, JobState};
use serde_json::json;

#[path = "support/example.rs"]
mod example;

/// The conformance worker under limits that a shell sets; it cannot outlive its test.
struct Worker(Child);

impl Worker {
    fn start(limits: &str, variables: &[(&str, &str)]) -> Self {
        let program = example::program("conformance");
        let child = Command::new("sh")
            .args(["-c", &format!("{limits} && exec \"$0\"")])
            .arg(program)
            .env_clear()
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.expect("a shell starts"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// Has a task done.
async fn noop(orchestrator: &DevOrchestrator) {
    let spec = JobSpec::task("noop", json!({}));
    let job = orchestrator.submit(spec).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_mins(1), job.finished()).await;
    assert_eq!(ended.expect("done in time").state, JobState::Finished);
}

#[actix_rt::test]
async fn hundreds_of_streams_take_no_files_from_the_tasks_and_health_answers() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let url = orchestrator.url();
    let port = free_port();
    let text = port.to_string();
    let variables = [("ORCHESTRATOR_URL", url.as_str()), ("WORKER_PORT", &text)];
    let _worker = Worker::start("ulimit -n 256", &variables);
    noop(&orchestrator).await;

    let mut streams = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let request = format!("GET /stream HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        streams.push(stream);
    }
    let answers = tokio::task::spawn_blocking(move || {
        for stream in &mut streams {
            stream
                .set_read_timeout(Some(Duration::from_mins(1)))
                .unwrap();
        }
        let status = |stream: &mut TcpStream| {
            let mut line = [0; 12];
            stream.read_exact(&mut line).expect("an answer");
            String::from_utf8_lossy(&line[9..]).into_owned()
        };
        let answers: Vec<_> = streams.iter_mut().map(status).collect();
        (streams, answers)
    });
    let (_streams, answers) = answers.await.unwrap();
    let of = |status: &str| answers.iter().filter(|it| *it == status).count();
    assert_eq!((of("200"), of("503")), (16, 284));

    let url = format!("http://127.0.0.1:{port}/health");
    let answer = awc::Client::default().get(url).send().await;
    assert_eq!(answer.expect("an answer").status(), 200);
    noop(&orchestrator).await;
}

#[actix_rt::test]
async fn the_soft_limit_is_raised_to_the_hard_one() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let url = orchestrator.url();
    let variables = [("ORCHESTRATOR_URL", url.as_str()), ("WORKER_PORT", "0")];
    let limits = "ulimit -Sn 100 && ulimit -Hn 2000";
    let worker = Worker::start(limits, &variables);
    noop(&orchestrator).await;

    let limits = std::fs::read_to_string(format!("/proc/{}/limits", worker.0.id())).unwrap();
    let line = limits.lines().find(|it| it.starts_with("Max open files"));
    let words: Vec<_> = line.unwrap().split_whitespace().collect();
    assert_eq!(words[3..5], ["2000", "2000"]);
}

#[test]
fn a_limit_that_is_too_low_is_an_error_that_names_it() {
    let variables = [("AXON_HANDLER_THREADS", "64"), ("WORKER_PORT", "0")];
    let mut worker = Worker::start("ulimit -n 48", &variables);
    let mut told = String::new();
    let errors = worker.0.stderr.as_mut().expect("piped");
    errors.read_to_string(&mut told).unwrap();
    assert_eq!(worker.0.wait().unwrap().code(), Some(1));
    let expected =
        "the limit of open files (ulimit -n) is 48, and a worker with 64 handler threads";
    assert!(told.contains(expected), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}
