//! The program `axon-worker` and the published orchestrator: what `check` says of it, without
//! leaving a trace, and `submit` with a blueprint of its own.

use std::process::Command;

use crate::RELEASE;
use crate::support::{CLIENT_TOKEN, Release, Stage, Storage, Value, WORKER_TOKEN, json};

on_both_storages! {
    a_check_says_what_is_so_and_leaves_no_worker_behind,
    a_check_beside_a_worker_of_the_same_name_takes_nothing_from_it,
    a_submitted_job_is_followed_to_its_end,
}

/// Built by `cargo build --features cli` and `./test`.
const PROGRAM: Option<&str> = option_env!("CARGO_BIN_EXE_axon-worker");

/// The exit code, and verdict and text of each check.
fn check(stage: &Stage, id: &str, token: &str) -> (Option<i32>, Vec<(String, String, String)>) {
    let output = program()
        .args(["check", "--json"])
        .env("ORCHESTRATOR_URL", stage.orchestrator.url())
        .env("WORKER_ID", id)
        .env("WORKER_TOKEN", token)
        .env("WORKER_PORT", "0")
        .env("WORKER_ENABLE_WEBSOCKETS", "true")
        .env("AXON_JOURNAL", "off")
        .env("TASK_FILES_DIR", stage.folder().join("of-check"))
        .output()
        .expect("the program runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let checks = report["checks"].as_array().expect("checks").iter();
    let of_orchestrator = checks.filter(|it| {
        let subject = it["subject"].as_str().unwrap_or_default();
        subject.starts_with("orchestrator")
    });
    let text = |it: &Value, name: &str| it[name].as_str().unwrap_or_default().to_owned();
    let lines = of_orchestrator
        .map(|it| (text(it, "check"), text(it, "verdict"), text(it, "text")))
        .collect();
    (output.status.code(), lines)
}

fn program() -> Command {
    let program = PROGRAM.expect("the tests were built without the feature `cli`");
    let mut command = Command::new(program);
    command.env_clear();
    command
}

#[track_caller]
fn says(lines: &[(String, String, String)], check: &str, verdict: &str, words: &str) {
    let line = lines.iter().find(|(name, ..)| name == check);
    let Some((_, found, text)) = line else {
        panic!("no {check} in {lines:#?}");
    };
    assert!(found == verdict && text.contains(words), "{lines:#?}");
}

mod scenario {
    use super::*;

    pub(super) async fn a_check_says_what_is_so_and_leaves_no_worker_behind(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let (code, lines) = check(&stage, "doctor", WORKER_TOKEN);
        assert_eq!(code, Some(0), "{lines:#?}");
        let dialect = match RELEASE {
            Release::V1_0b12 => "1.0b2",
            Release::V1_0b30 => "1.0b17",
        };
        says(&lines, "HTTP", "ok", "200");
        says(&lines, "token", "ok", "accepted");
        says(&lines, "dialect", "ok", dialect);
        says(&lines, "clock", "ok", "");
        says(&lines, "WebSocket", "ok", "opened");
        if RELEASE == Release::V1_0b30 {
            says(&lines, "signature", "ok", "believed");
        }

        let (code, lines) = check(&stage, "doctor", "wrong-token");
        assert_eq!(code, Some(1), "{lines:#?}");
        says(&lines, "token", "fail", "nauthorized");

        assert_eq!(stage.orchestrator.worker("doctor").await, Value::Null);
        let workers = stage.orchestrator.workers().await;
        assert!(workers.is_empty(), "{workers:#?}");
    }

    pub(super) async fn a_check_beside_a_worker_of_the_same_name_takes_nothing_from_it(
        storage: Storage,
    ) {
        let stage = Stage::new(RELEASE, storage).await;
        let worker = stage.started_worker().await;
        let running = stage
            .orchestrator
            .submit_task("sleep", json!({ "seconds": 2.0 }))
            .await;
        stage
            .orchestrator
            .job_is_running(&running, worker.id())
            .await;
        let (_, lines) = check(&stage, worker.id(), WORKER_TOKEN);
        says(&lines, "token", "ok", "is registered");
        says(&lines, "WebSocket", "ok", "not tried");
        let ended = stage.orchestrator.end_of(&running).await;
        assert_eq!(ended["status"], "finished", "{ended:#}");
        let next = stage.orchestrator.run_task("echo", json!({ "a": 1 })).await;
        assert_eq!(next["status"], "finished", "{next:#}");
        let known = stage.orchestrator.worker(worker.id()).await;
        assert_eq!(known["worker_id"], worker.id(), "{known:#}");
    }

    pub(super) async fn a_submitted_job_is_followed_to_its_end(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let _worker = stage.started_worker().await;
        let submit = |params: Value| {
            let output = program()
                .args(["submit", "single", &params.to_string(), "--wait"])
                .args(["--timeout", "60", "--client-token", CLIENT_TOKEN])
                .args(["--url", &stage.orchestrator.url()])
                .output()
                .expect("the program runs");
            let told: Value = serde_json::from_slice(&output.stdout).expect("a line of JSON");
            (output.status.code(), told)
        };
        let adding = json!({ "task": "add", "params": { "a": 40, "b": 2 } });
        let (code, told) = submit(adding);
        assert_eq!(code, Some(0), "{told:#}");
        assert_eq!(told["status"], "finished");
        assert_eq!(told["data"]["sum"], 42, "{told:#}");

        let params = json!({ "code": "INVALID_INPUT_ERROR", "message": "not like this" });
        let (code, told) = submit(json!({ "task": "fail", "params": params }));
        assert_eq!(code, Some(1), "{told:#}");
        assert_eq!(told["status"], "failed");
        assert!(
            told["error"].to_string().contains("not like this"),
            "{told:#}"
        );
    }
}
