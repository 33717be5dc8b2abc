//! `check` of settings that are fine.

use axon_worker::dev::{DevOrchestrator, Dialect, Endpoint, JobSpec, JobState};
use axon_worker::{TaskError, Worker};
use serde_json::{Value, json};

use crate::program::{Program, TOKEN};
use crate::server::{ACCESS_KEY, SECRET_KEY, Server};

async fn started(dialect: Dialect) -> DevOrchestrator {
    let builder = DevOrchestrator::builder().dialect(dialect);
    builder.start().await.unwrap()
}

#[actix_rt::test]
async fn everything_is_looked_at_and_nothing_is_left_behind() {
    for dialect in [Dialect::V1_0b2, Dialect::V1_0b17] {
        let orchestrator = started(dialect).await;
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start();
        let report = Program::check(&orchestrator.url(), folder.path())
            .env("WORKER_ENABLE_WEBSOCKETS", "true")
            .env("S3_ENDPOINT_URL", &server.url())
            .env("S3_ACCESS_KEY", ACCESS_KEY)
            .env("S3_SECRET_KEY", SECRET_KEY)
            .env("S3_DEFAULT_BUCKET", "results")
            .report();
        assert_eq!(report.code, Some(0), "{:#}", report.json["checks"]);
        assert_eq!(report.json["outcome"], "ok");
        let mut expected = vec![
            "orchestrator route",
            "orchestrator TCP",
            "orchestrator HTTP",
            "orchestrator token",
            "orchestrator dialect",
            "orchestrator clock",
            "orchestrator signature",
            "orchestrator WebSocket",
            "storage route",
            "storage put",
            "storage get",
            "storage list",
            "storage delete",
            "TASK_FILES_DIR writable",
            "TASK_FILES_DIR free space",
            "journal writable",
            "port free",
        ];
        if dialect == Dialect::V1_0b2 {
            expected.retain(|line| *line != "orchestrator signature");
        }
        // Whether the disk of this machine is nearly full is not ours to say.
        let mut fine = report.with("ok");
        fine.extend(report.with("warn"));
        fine.sort_by_key(|line| expected.iter().position(|it| it == line));
        assert_eq!(fine, expected);
        report.says("orchestrator", "dialect", "ok", dialect.version());

        assert!(orchestrator.workers().is_empty());
        for unwanted in [Endpoint::Register, Endpoint::Poll, Endpoint::Result] {
            assert_eq!(orchestrator.request_count(unwanted), 0, "{unwanted:?}");
        }
        assert_eq!(server.memory.keys("results"), [""; 0]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[actix_rt::test]
async fn people_read_lines_without_colours_where_no_terminal_is() {
    let orchestrator = started(Dialect::V1_0b17).await;
    let folder = tempfile::tempdir().unwrap();
    let run = Program::check(&orchestrator.url(), folder.path()).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    for line in [
        "WORKER_ID ",
        "doctor  [environment WORKER_ID]",
        "(set, not shown)  [environment WORKER_TOKEN]",
        "  ok    token",
        "  ok    signature",
        "speaks RXON 1.0b17",
        " 0 fail",
    ] {
        assert!(run.stdout.contains(line), "{line}\n{}", run.stdout);
    }
    assert!(!run.stdout.contains('\u{1b}'), "{}", run.stdout);
    assert_eq!(run.stderr, "");
}

async fn quick(_: Value) -> Result<Value, TaskError> {
    Ok(json!({}))
}

#[actix_rt::test]
async fn a_worker_that_runs_is_left_in_peace() {
    let orchestrator = started(Dialect::V1_0b2).await;
    let folder = tempfile::tempdir().unwrap();
    let mut settings = orchestrator.worker_settings();
    settings.enable_websockets = true;
    settings.worker_id = axon_worker::WorkerId::try_new("doctor").unwrap();
    let worker = Worker::builder("test")
        .settings(settings)
        .task("quick", quick)
        .spawn()
        .unwrap();
    orchestrator
        .wait_until(|view| {
            let known = view.worker("doctor");
            known.is_some_and(|it| it.has_socket && it.open_polls > 0)
        })
        .await;
    let counts = || {
        let of = |endpoint| orchestrator.request_count(endpoint);
        (of(Endpoint::Socket), of(Endpoint::Register))
    };
    let before = counts();

    let report = Program::check(&orchestrator.url(), folder.path())
        .env("WORKER_ENABLE_WEBSOCKETS", "true")
        .report();
    assert_eq!(report.code, Some(0), "{:#}", report.json["checks"]);
    report.says("orchestrator", "token", "ok", "is registered");
    report.says("orchestrator", "WebSocket", "ok", "not tried");

    assert_eq!(counts(), before);
    assert!(orchestrator.worker("doctor").unwrap().has_socket);
    let job = orchestrator.submit(JobSpec::task("quick", json!({})));
    let ended = job.await.unwrap().finished().await;
    assert_eq!(ended.state, JobState::Finished);
    worker.shutdown().await;
}

#[test]
fn settings_come_from_where_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.toml");
    std::fs::write(
        &file,
        "worker_port = 1234\nworker_type = \"of-file\"\n[timing]\npoll_timeout = 7\n",
    )
    .unwrap();
    let report = Program::new(&["check", "--offline", "--config", file.to_str().unwrap()])
        .env("WORKER_TOKEN", TOKEN)
        .env("WORKER_TYPE", "of-environment")
        .report();
    assert_eq!(report.code, Some(0), "{:#}", report.json["checks"]);
    assert_eq!(report.json["checks"], Value::Null);
    assert_eq!(report.setting("WORKER_PORT"), ("1234", "file"));
    assert_eq!(report.setting("TASK_POLL_TIMEOUT"), ("7", "file"));
    let of_type = report.setting("WORKER_TYPE");
    assert_eq!(of_type, ("of-environment", "environment"));
    assert_eq!(report.setting("HEARTBEAT_INTERVAL"), ("15", "default"));
    let named = report.setting("AXON_WORKER_CONFIG");
    assert_eq!(named, (file.to_str().unwrap(), "program"));
    let warning = report.json["warnings"][0].as_str().unwrap();
    assert!(warning.contains("default token"), "{warning}");
}

/// The file of a worker without Rust is one of settings, and its programs are looked for.
#[test]
fn a_file_with_programs_is_looked_at_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.toml");
    let count = "worker_type = \"texts\"\n[tasks.count]\ncommand = [\"wc\", \"-c\"]\n";
    let check = |text: String| {
        std::fs::write(&file, text).unwrap();
        Program::new(&["check", "--offline", "--config", file.to_str().unwrap()]).report()
    };
    let report = check(count.to_owned());
    assert_eq!(report.code, Some(0), "{:#}", report.json["problems"]);
    assert_eq!(report.json["programs"], 1);
    assert_eq!(report.setting("WORKER_TYPE"), ("texts", "file"));

    let report = check(format!(
        "{count}[tasks.lost]\ncommand = [\"no-such-program\"]\n"
    ));
    assert_eq!(report.code, Some(2));
    let problem = report.json["problems"][0]["text"].as_str().unwrap();
    assert!(
        problem.contains("no-such-program") && problem.contains("lost"),
        "{problem}"
    );
}
