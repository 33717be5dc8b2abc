//! Whatever is wrong, and whoever answers what, no secret is printed.

use crate::program::{Program, Run};
use crate::strangers;

/// Every secret that can be set, each with `hunter2` in it.
const SECRETS: [(&str, &str); 9] = [
    ("AXON_ADMIN_TOKEN", "admin-hunter2"),
    ("WORKER_TOKEN", "worker-hunter2"),
    ("WORKER_INDIVIDUAL_TOKEN", "individual-hunter2"),
    ("ORCHESTRATOR_SECRET_KEY", "task-hunter2"),
    ("DISTWORKER_WORKER_TOKEN", "dist-hunter2"),
    ("S3_ACCESS_KEY", "access-hunter2"),
    ("S3_SECRET_KEY", "secret-hunter2"),
    ("S3_SESSION_TOKEN", "session-hunter2"),
    ("AXON_CLIENT_TOKEN", "client-hunter2"),
];

fn with_secrets(mut program: Program) -> Program {
    for (name, secret) in SECRETS {
        program = program.env(name, secret);
    }
    program
}

#[track_caller]
fn assert_silent(run: &Run) {
    let all = format!("{}\n{}", run.stdout, run.stderr);
    assert!(!all.contains("hunter2"), "{all}");
    assert!(!run.stdout.is_empty());
}

/// Everything is reached, and everybody sends back all that was sent.
#[test]
fn a_server_that_repeats_what_it_hears_betrays_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}", strangers::echoing());
    let own = format!(r#"[{{"url":"{url}","token":"own-hunter2"}},{{"url":"{url}"}}]"#);
    let controller = format!("{url}/?key=query-hunter2");
    let program = |json: bool| {
        let program = Program::check(&url, folder.path())
            .env("ORCHESTRATORS_CONFIG", &own)
            .env("DISTWORKER_CONTROLLER_URL", &controller)
            .env("S3_ENDPOINT_URL", &url)
            .env("WORKER_ENABLE_WEBSOCKETS", "true")
            .arg("--register");
        let program = with_secrets(program);
        if json { program.arg("--json") } else { program }
    };
    for json in [false, true] {
        let run = program(json).run();
        assert_eq!(run.code, Some(1), "{run:?}");
        assert_silent(&run);
        // The servers did answer.
        assert!(run.stdout.contains("500"), "{}", run.stdout);
    }
}

#[test]
fn wrong_settings_betray_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.toml");
    std::fs::write(&file, "worker_token = \"file-hunter2\nworker_port = 1").unwrap();
    let path = file.to_str().unwrap();
    for (name, value) in [
        ("ORCHESTRATOR_URL", "http://user:hunter2@host"),
        ("S3_ENDPOINT_URL", "http://user:hunter2@host"),
        ("DISTWORKER_CONTROLLER_URL", "ftp://host?key=hunter2"),
        ("ORCHESTRATORS_CONFIG", r#"[{"url":"x","token":"hunter2"}]"#),
        ("WORKER_TOKEN", "bell\u{7}hunter2"),
        ("AXON_WORKER_CONFIG", path),
    ] {
        for json in [false, true] {
            let program = with_secrets(Program::check("http://127.0.0.1:1", folder.path()));
            let program = program.env(name, value);
            let program = if name == "ORCHESTRATOR_URL" {
                program
            } else {
                program.env("WORKER_PORT", "x")
            };
            let run = if json { program.arg("--json") } else { program }.run();
            assert_eq!(run.code, Some(2), "{name}: {run:?}");
            assert_silent(&run);
        }
    }
}

#[test]
fn a_client_keeps_its_token_to_itself() {
    let url = format!("http://127.0.0.1:{}", strangers::echoing());
    let run = with_secrets(Program::new(&["submit", "task", "--url", &url])).run();
    assert_eq!(run.code, Some(3), "{run:?}");
    let all = format!("{}\n{}", run.stdout, run.stderr);
    assert!(!all.contains("hunter2"), "{all}");
    let run = Program::new(&["dev", "--worker-token", "hunter2", "--port", "0"]).run();
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

#[test]
fn our_own_words_stay_whatever_somebody_has_chosen_for_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let run = Program::check("http://127.0.0.1:1", folder.path())
        .env("WORKER_TOKEN", "address")
        .env("AXON_ADMIN_TOKEN", "connection")
        .run();
    assert_eq!(run.code, Some(1), "{run:?}");
    for words in ["no connection to 127.0.0.1:1", "is the address right"] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    assert!(!run.stdout.contains("[REDACTED]"), "{}", run.stdout);
}
