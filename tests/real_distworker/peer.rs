//! Our worker, the conformance worker as a program, against messages that the SDK's
//! protobuf module writes and reads.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::programs::{Program, soon};

/// The peer, and what it has said.
struct Peer {
    program: Program,
    lines: UnboundedReceiver<Value>,
    port: u64,
}

impl Peer {
    async fn start() -> Self {
        let mut program = Program::start("distworker_peer.py", &[]);
        let output = program.0.stdout.take().expect("it is piped");
        let (tell, mut lines) = unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let said = serde_json::from_str(&line).expect("the peer prints JSON");
                if tell.send(said).is_err() {
                    return;
                }
            }
        });
        let first: Option<Value> = soon("the peer listens", lines.recv()).await;
        let port = first.expect("the peer runs")["port"]
            .as_u64()
            .expect("a port");
        Self {
            program,
            lines,
            port,
        }
    }

    fn order(&mut self, order: &Value) {
        let input = self.program.0.stdin.as_mut().expect("it is piped");
        writeln!(input, "{order}").expect("the peer reads");
    }

    fn assign(&mut self, task: &Value) {
        self.order(&json!({ "assign": task }));
    }

    async fn line(&mut self, what: &str) -> Value {
        soon(what, self.lines.recv()).await.expect("the peer runs")
    }

    async fn registered(&mut self) -> Value {
        self.line("the worker registers").await["registered"].take()
    }

    /// What the worker says next of tasks.
    async fn said(&mut self) -> Value {
        loop {
            let said = self.line("the worker says something").await["said"].take();
            if said["type"] != "MESSAGE_TYPE_HEARTBEAT" {
                return said;
            }
        }
    }

    /// The progress of a task in percent, and what the worker says after it. Values that
    /// follow one another too closely may be left out.
    async fn progress(&mut self) -> (Vec<f64>, Value) {
        let mut percent = Vec::new();
        loop {
            let said = self.said().await;
            match said["task_progress"]["progress"].as_f64() {
                Some(value) => percent.push(value),
                None => return (percent, said),
            }
        }
    }
}

/// The conformance worker.
struct Worker(Child);

impl Worker {
    fn start(peer: &Peer) -> Self {
        let test = std::env::current_exe().expect("the path of this test");
        let profile = test.ancestors().nth(2).expect("target/<profile>/deps/test");
        let program: PathBuf = profile.join("examples/conformance");
        assert!(
            program.exists(),
            "{} is missing: run `./test`, which builds it",
            program.display()
        );
        let child = Command::new(program)
            .env_clear()
            .env(
                "DISTWORKER_CONTROLLER_URL",
                format!("http://127.0.0.1:{}/", peer.port),
            )
            .env("DISTWORKER_PROVISIONER", "example")
            .env("DISTWORKER_WORKER_TOKEN", "demo-token-123")
            .env("DISTWORKER_RECONNECT_INTERVAL", "0.2")
            .env("WORKER_PORT", "0")
            .stdout(Stdio::null())
            .spawn()
            .expect("the worker starts");
        Self(child)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[actix_rt::test]
async fn our_registration_tasks_and_results_are_those_of_the_sdk() {
    let mut peer = Peer::start().await;
    let _worker = Worker::start(&peer);
    let registered = peer.registered().await;
    assert_eq!(registered["provisioner_name"], "example");
    assert_eq!(registered["date"].as_str().map(str::len), Some(16));
    assert!(registered["resource_info"]["cpu_cores"].as_i64() > Some(0));

    peer.assign(&json!({ "task_id": "t-1", "queue": "math.add", "input": { "a": 2, "b": 3.5 } }));
    let said = peer.said().await;
    assert_eq!(said["type"], "MESSAGE_TYPE_TASK_COMPLETE");
    assert_eq!(
        said["task_complete"],
        json!({ "task_id": "t-1", "result": { "sum": 5.5 } })
    );

    let odd = json!({ "none": null, "list": [1.0, "two", false, {"x": [[]]}], "text": "ü 🦀" });
    peer.assign(&json!({ "task_id": "t-2", "queue": "echo.any", "input": odd }));
    assert_eq!(peer.said().await["task_complete"]["result"], odd);

    peer.assign(&json!({ "task_id": "t-3", "queue": "echo.any" }));
    let said = peer.said().await;
    assert_eq!(
        said["task_complete"],
        json!({ "task_id": "t-3" }),
        "nothing in, nothing out"
    );

    peer.assign(&json!({
        "task_id": "t-4", "queue": "slow.sleep", "input": { "seconds": 1 },
        "metadata": { "a": 1 }, "timeout_ms": "60000",
    }));
    let (progress, said) = peer.progress().await;
    assert!(progress.len() >= 2, "{progress:?}");
    assert!(progress.is_sorted() && progress.last() == Some(&100.0));
    assert_eq!(said["task_complete"]["result"], json!({ "slept": 1.0 }));

    let input = json!({ "code": "TEAPOT", "message": "short" });
    peer.assign(&json!({ "task_id": "t-5", "queue": "fail.now", "input": input }));
    let failed = json!({ "task_id": "t-5", "error_code": "TEAPOT", "error_message": "short" });
    assert_eq!(peer.said().await["task_failed"], failed);

    let file = json!({ "file_id": "f", "filename": "a.txt", "size": "3" });
    peer.assign(&json!({ "task_id": "t-6", "queue": "files.a.b", "files": [file] }));
    let named = json!({ "queue": "files.a.b", "files": ["a.txt"] });
    assert_eq!(peer.said().await["task_complete"]["result"], named);

    peer.assign(&json!({ "task_id": "t-7", "queue": "nobody/here" }));
    assert_eq!(peer.said().await["task_failed"]["error_code"], "NO_HANDLER");

    peer.assign(&json!({
        "task_id": "t-8", "queue": "slow.sleep", "input": { "seconds": 60 }, "timeout_ms": "100",
    }));
    assert_eq!(peer.said().await["task_failed"]["error_code"], "TIMEOUT");
}

#[actix_rt::test]
async fn our_worker_lives_through_what_the_sdk_does_not() {
    let mut peer = Peer::start().await;
    let _worker = Worker::start(&peer);
    peer.registered().await;
    // Garbage, an unknown type, an assignment without a payload.
    for raw in ["ffffffffff", "084d", "080a"] {
        peer.order(&json!({ "raw": raw }));
    }
    // Two at once: the SDK drops the second without a word.
    let slow = json!({ "task_id": "t-1", "queue": "slow.sleep", "input": { "seconds": 0.2 } });
    peer.assign(&slow);
    peer.assign(&json!({ "task_id": "t-2", "queue": "echo.any", "input": { "n": 2 } }));
    let (_, said) = peer.progress().await;
    assert_eq!(said["task_complete"]["task_id"], "t-1");
    assert_eq!(
        peer.said().await["task_complete"]["result"],
        json!({ "n": 2.0 })
    );
    // A polite end, after which it comes back.
    peer.order(&json!({ "close": 1001 }));
    loop {
        if peer.line("the connection ends").await["closed"] == 1001 {
            break;
        }
    }
    peer.registered().await;
    peer.assign(&json!({ "task_id": "t-3", "queue": "echo.any", "input": { "n": 3 } }));
    assert_eq!(
        peer.said().await["task_complete"]["result"],
        json!({ "n": 3.0 })
    );
}
