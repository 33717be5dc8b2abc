//! `submit` against a running `dev`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::dev::{Dev, Worker};
use crate::program::{Program, Run};

/// The lines of the standard output.
fn lines(run: &Run) -> Vec<Value> {
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

struct Stage {
    dev: Dev,
    _worker: Worker,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut dev = Dev::start(more);
        let worker = Worker::start(&mut dev, &folder);
        Self {
            dev,
            _worker: worker,
            folder,
        }
    }

    fn submit(&self, arguments: &[&str]) -> Program {
        let program = Program::new(&["submit", "--url", &self.dev.url]);
        arguments.iter().fold(program, |it, next| it.arg(next))
    }
}

#[test]
fn a_result_is_a_line_of_json_and_progress_is_for_people() {
    let stage = Stage::new(&[]);
    let slow = r#"{"steps":3,"delay":0.6}"#;
    let run = stage.submit(&["progress", slow, "--wait"]).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    let told = lines(&run);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["status"], "finished");
    assert_eq!(told[0]["data"], json!({"steps_completed": 3}));
    assert_eq!(told[0]["error"], Value::Null);
    // Which of them are seen is a matter of time; that one is, is not.
    assert!(run.stderr.contains("% step "), "{run:?}");
    assert!(!run.stdout.contains("% step"), "{run:?}");
}

#[test]
fn parameters_come_from_files_and_from_the_standard_input() {
    let stage = Stage::new(&[]);
    let path = stage.folder.path().join("params.json");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(br#"{"a": 40, "b": 2}"#).unwrap();
    let named = format!("@{}", path.display());
    let run = stage.submit(&["add", &named, "--wait"]).run();
    assert_eq!(lines(&run)[0]["data"], json!({"sum": 42}), "{run:?}");
    let program = stage.submit(&["add", "-", "--wait"]);
    let run = program.input(r#"{"a": 1, "b": 2}"#).run();
    assert_eq!(lines(&run)[0]["data"], json!({"sum": 3}), "{run:?}");
}

#[test]
fn many_jobs_are_followed_to_the_end_of_the_last() {
    let stage = Stage::new(&[]);
    let run = stage.submit(&["echo", r#"{"x":1}"#, "--count", "20", "--wait"]);
    let run = run.run();
    assert_eq!(run.code, Some(0), "{run:?}");
    let told = lines(&run);
    assert_eq!(told.len(), 20);
    let mut ids: Vec<_> = told.iter().map(|it| it["job_id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    assert!(run.stderr.contains("20/20 ended"), "{run:?}");
}

#[test]
fn the_exit_code_says_how_it_ended() {
    let stage = Stage::new(&[]);
    let failing = r#"{"code":"INVALID_INPUT_ERROR","message":"no"}"#;
    let run = stage.submit(&["fail", failing, "--wait"]).run();
    assert_eq!(run.code, Some(1), "{run:?}");
    let told = &lines(&run)[0];
    assert_eq!(told["status"], "failed");
    assert_eq!(told["error"]["code"], "INVALID_INPUT_ERROR");

    let run = stage.submit(&["echo"]).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(lines(&run)[0]["status"], "accepted");

    let run = stage.submit(&["nobody-does-this", "--wait", "--timeout", "0.3"]);
    let run = run.run();
    assert_eq!(run.code, Some(3), "{run:?}");
    assert_eq!(lines(&run)[0]["status"], "open");
    assert!(run.stderr.contains("the time is over"), "{run:?}");

    for wrong in [
        ["echo", "{"],
        ["echo", "@/nowhere/at/all"],
        ["no name", "{}"],
    ] {
        let run = stage.submit(&wrong).run();
        assert_eq!(run.code, Some(2), "{run:?}");
        assert_eq!(run.stdout, "");
        assert!(run.stderr.starts_with("axon-worker: "), "{run:?}");
    }
    let run = Program::new(&["submit", "echo", "--url", "http://127.0.0.1:1"]).run();
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.stderr.contains("refused"), "{run:?}");
    let run = Program::new(&["submit", "echo", "--url", "nowhere"]).run();
    assert_eq!(run.code, Some(2), "{run:?}");
}

#[test]
fn an_orchestrator_may_want_to_see_a_token() {
    let stage = Stage::new(&["--client-token", "of-clients"]);
    let run = stage.submit(&["echo", "--wait"]).run();
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("--client-token"), "{run:?}");
    let run = stage.submit(&["echo", "--wait"]);
    let run = run.env("AXON_CLIENT_TOKEN", "of-clients").run();
    assert_eq!(run.code, Some(0), "{run:?}");
}

/// Answers one request after the other with these, and returns the address.
fn scripted(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim_end().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

#[test]
fn a_rate_limit_is_waited_out_and_the_rest_is_submitted() {
    let accepted = |id| answer("202 Accepted", "", &format!(r#"{{"job_id":"{id}"}}"#));
    let limited = r#"{"error":"Too Many Requests"}"#;
    let url = scripted(vec![
        accepted("one"),
        answer("429 Too Many Requests", "Retry-After: 1\r\n", limited),
        answer("503 Service Unavailable", "Retry-After: 0\r\n", "{}"),
        accepted("two"),
    ]);

    let run = Program::new(&["submit", "echo", "--count", "2", "--url", &url]).run();

    assert_eq!(run.code, Some(0), "{run:?}");
    let told = lines(&run);
    let ids: Vec<_> = told.iter().map(|line| &line["job_id"]).collect();
    assert_eq!(ids, ["one", "two"]);
    let waiting = "1 of 2 jobs are submitted; waiting 1 s: Too Many Requests";
    assert!(run.stderr.contains(waiting), "{run:?}");
}

#[test]
fn a_job_is_cancelled_unless_it_has_ended() {
    let stage = Stage::new(&[]);
    let id = |run: &Run| lines(run)[0]["job_id"].as_str().unwrap().to_owned();
    let cancel = |job: &str| Program::new(&["cancel", job, "--url", &stage.dev.url]).run();

    let job = id(&stage.submit(&["sleep", r#"{"seconds":60}"#]).run());
    let run = cancel(&job);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(id(&run), job);

    let job = id(&stage.submit(&["noop", "--wait"]).run());
    let run = cancel(&job);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(
        run.stderr
            .contains("404, Job not found or already terminal"),
        "{run:?}"
    );
}

#[test]
fn what_is_no_id_of_a_job_is_said() {
    let run = Program::new(&["cancel", "../jobs", "--url", "http://127.0.0.1:1"]).run();
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(
        run.stderr.contains(r#""../jobs" is no id of a job"#),
        "{run:?}"
    );
}
