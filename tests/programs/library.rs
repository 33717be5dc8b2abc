//! Programs as handlers of a worker in Rust, beside others, and without
//! `programs::enter`.

use super::support::*;
use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::dev::DevOrchestrator;
use axon_worker::programs::{Limits, Program, ProgramError};
use axon_worker::testing::Expect;
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{ErrorCode, RawJson, TaskError, Worker};

async fn echo(params: RawJson) -> Result<RawJson, TaskError> {
    Ok(params)
}

#[actix_rt::test]
async fn a_program_is_a_handler_among_others() {
    let orchestrator = DevOrchestrator::builder()
        .max_retries(0)
        .start()
        .await
        .unwrap();
    let count = Program::once(["wc", "-c"]).ready().unwrap();
    let fail = Program::once(["sh", "-c", "exit 9"]);
    let fail = fail.exit_code(9, ErrorCode::Dependency).ready().unwrap();
    let stay = Program::pool(["sed", "-u", "s/.*/{\"result\": {\"from\": \"sed\"}}/"], 1);
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().to_owned();
    let worker = Worker::builder("library")
        .settings(orchestrator.worker_settings())
        .configure(move |settings| settings.storage.task_files_dir = files)
        .task("count", count)
        .task("fail", fail)
        .task("stay", stay.ahead().ready().unwrap())
        .task("echo", echo)
        .spawn()
        .unwrap();
    let run = async |task: &str| {
        let spec = axon_worker::dev::JobSpec::task(task, json!({"a": 1}));
        end_of(&orchestrator.submit(spec).await.unwrap()).await
    };
    assert_eq!(run("count").await.data, json!({"result": 7}));
    assert_eq!(run("echo").await.data, json!({"a": 1}));
    assert_eq!(run("stay").await.data, json!({"from": "sed"}));
    let (code, message) = error_of(&run("fail").await);
    assert_eq!(
        (code.as_str(), message.contains("exit code 9")),
        ("DEPENDENCY_ERROR", true)
    );
    worker.shutdown().await;
}

#[actix_rt::test]
async fn programs_know_which_attempt_it_is_and_say_when_to_try_again() {
    let orchestrator = MemoryOrchestrator::new();
    let numbers = r#"echo "{\"result\": [\"$AXON_TASK_ATTEMPT\", \"$AXON_TASK_MAX_ATTEMPTS\"]}""#;
    let once = Program::once(["sh", "-c", numbers]).ready().unwrap();
    let busy = r#"echo '{"error": {"message": "busy", "retry_after": 2.5}}'"#;
    let busy = Program::once(["sh", "-c", busy]).ready().unwrap();
    let pool = Program::pool(["sed", "-u", r#"s/.*/{"result": &}/"#], 1);
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().to_owned();
    let worker = Worker::builder("library")
        .settings(Settings::default())
        .configure(move |settings| settings.storage.task_files_dir = files)
        .transport("memory", orchestrator.connect())
        .task("once", once)
        .task("busy", busy)
        .task("pool", pool.ready().unwrap())
        .spawn()
        .unwrap();
    let run = async |name: &str, attempt: u32, most: Option<u32>| {
        let params = RawJson::empty_object();
        let id = orchestrator.submit_with(name, params, |task| {
            task.attempt = attempt;
            task.max_attempts = most;
        });
        orchestrator.result_of(&id).await.outcome
    };
    let first: Value = run("once", 1, None).await.data();
    assert_eq!(first["result"], json!(["1", ""]));
    let third: Value = run("once", 3, Some(4)).await.data();
    assert_eq!(third["result"], json!(["3", "4"]));
    let first: Value = run("pool", 1, None).await.data();
    assert_eq!(
        (&first["attempt"], first.get("max_attempts")),
        (&json!(1), None)
    );
    let third: Value = run("pool", 3, Some(4)).await.data();
    assert_eq!(
        (&third["attempt"], &third["max_attempts"]),
        (&json!(3), &json!(4))
    );
    let failed = run("busy", 1, None).await;
    let after = failed.failure().retry_delay();
    assert_eq!(after, Some(Duration::from_millis(2500)));
    worker.shutdown().await;
}

#[test]
fn what_cannot_work_is_told_before_the_worker_is_built() {
    let mut limits = Limits::default();
    limits.cpu_seconds = Some(1);
    let limited = Program::once(["true"]).limits(limits).ready();
    assert!(matches!(limited, Err(ProgramError::NotEntered)));
    let nothing = Program::once(Vec::<String>::new()).ready();
    assert!(matches!(nothing, Err(ProgramError::Empty)));
    let missing = Program::once(["no-such-program-here"]).ready().unwrap_err();
    assert_eq!(
        missing.to_string(),
        "command \"no-such-program-here\": not found"
    );
    let folder = Program::once(["true"])
        .working_folder("/nowhere/at/all")
        .ready();
    assert!(matches!(folder, Err(ProgramError::NoFolder(_))));
}

#[test]
fn variables_are_not_shown() {
    let program = Program::once(["true"]).variable("KEY", "s3cret");
    assert!(!format!("{program:?}").contains("s3cret"));
    assert!(!format!("{:?}", program.ready().unwrap()).contains("s3cret"));
}
