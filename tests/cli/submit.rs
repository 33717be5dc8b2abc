//! `submit` against a running `dev`.

use std::io::Write;

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
