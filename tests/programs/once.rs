//! A process per task: what it is given, and what its answers become.

use super::support::*;
use axon_worker::dev::JobState;

const TASK: &str = "[tasks.once]\ncommand = [PUPPET]\nexit_codes = { 3 = \"INVALID_INPUT_ERROR\" }";

#[actix_rt::test]
async fn results_errors_and_statuses_are_passed_on() {
    let stage = Stage::new().await;
    let _worker = stage.worker(TASK).await;

    let data = stage
        .data("once", json!({"do": "result", "result": {"n": 1.5}}))
        .await;
    assert_eq!(data, json!({"n": 1.5}));
    let report = stage
        .run(
            "once",
            json!({"do": "result", "result": {}, "status": "odd"}),
        )
        .await;
    assert_eq!(report.history[0].status.as_deref(), Some("odd"));
    let failed = json!({"do": "error", "code": "DEPENDENCY_ERROR", "message": "no disk"});
    let error = stage.error("once", failed).await;
    assert_eq!(error, ("DEPENDENCY_ERROR".to_owned(), "no disk".to_owned()));
}

#[actix_rt::test]
async fn without_an_answer_the_exit_code_decides() {
    let stage = Stage::new().await;
    let _worker = stage.worker(TASK).await;
    for (code, expected) in [
        (1, "TRANSIENT_ERROR"),
        (3, "INVALID_INPUT_ERROR"),
        (65, "INVALID_INPUT_ERROR"),
        (77, "SECURITY_ERROR"),
        (127, "DEPENDENCY_MISSING_ERROR"),
    ] {
        let params = json!({"do": "leave", "code": code, "text": "first\nlast words"});
        let (found, message) = stage.error("once", params).await;
        assert_eq!(found, expected, "{code}");
        let text = format!("exit code {code}; the end of its stderr: first\nlast words");
        assert!(message.ends_with(&text), "{message}");
    }
    let crash = json!({"do": "crash", "signal": "SIGSEGV"});
    let (code, message) = stage.error("once", crash).await;
    assert_eq!(code, "TRANSIENT_ERROR");
    assert!(
        message.contains("signal 11") && message.ends_with("about to crash"),
        "{message}"
    );
    let killed = json!({"do": "crash", "signal": "SIGKILL"});
    let (code, _) = stage.error("once", killed).await;
    assert_eq!(code, "RESOURCE_EXHAUSTED_ERROR");
}

#[actix_rt::test]
async fn what_was_printed_is_the_result_if_it_is_one_json_document() {
    let stage = Stage::new().await;
    let _worker = stage.worker(TASK).await;
    for (printed, expected) in [
        ("", json!({})),
        ("hello\n", json!({})),
        ("{\n  \"sum\": 3\n}\n", json!({"sum": 3})),
        ("[1, 2]", json!({"result": [1, 2]})),
    ] {
        let params = json!({"do": "leave", "code": 0, "stdout": printed});
        assert_eq!(stage.data("once", params).await, expected, "{printed:?}");
    }
}

#[actix_rt::test]
async fn an_answer_as_handlers_of_the_python_sdk_give_it_counts_after_other_lines() {
    let stage = Stage::new().await;
    let _worker = stage.worker(TASK).await;
    let answer = r#"{"status": "success", "data": {"n": 1}}"#;
    let params = json!({"do": "lines", "lines": [r#"{"step": 1}"#, answer]});
    assert_eq!(stage.data("once", params).await, json!({"n": 1}));
    let answer = r#"{"status": "failure", "error": {"code": "DEPENDENCY_ERROR", "message": "no"}}"#;
    let params = json!({"do": "lines", "lines": [answer]});
    let error = stage.error("once", params).await;
    assert_eq!(error, ("DEPENDENCY_ERROR".to_owned(), "no".to_owned()));
}

#[actix_rt::test]
async fn progress_arrives_while_the_program_runs() {
    let stage = Stage::new().await;
    let _worker = stage.worker(TASK).await;
    let (said, until) = (stage.path("said"), stage.path("until"));
    let params = json!({"do": "progress", "tell": said, "until": until});
    let job = stage.submit("once", params).await;
    let id = job.id().clone();
    let arrived = stage.orchestrator.wait_until(|view| {
        let report = view.job(&id).expect("a job");
        report.message.as_deref() == Some("a quarter")
    });
    arrived.await;
    std::fs::write(until, "").unwrap();
    assert_eq!(end_of(&job).await.state, JobState::Finished);
}

#[actix_rt::test]
async fn progress_in_percent_arrives_as_a_part_of_the_whole() {
    let stage = Stage::new().await;
    let worker = stage.worker(TASK).await;
    let (said, until) = (stage.path("said"), stage.path("until"));
    let params = json!({"do": "progress", "tell": said, "until": until, "value": 25});
    let job = stage.submit("once", params).await;
    let id = job.id().clone();
    let arrived = stage.orchestrator.wait_until(|view| {
        let report = view.job(&id).expect("a job");
        report.progress == Some(json!(0.25))
    });
    arrived.await;
    std::fs::write(until, "").unwrap();
    assert!(end_of(&job).await.is_success());
    assert!(!worker.log().contains("nor percent"));

    let lines = [
        r#"{"progress": 250}"#,
        r#"{"progress": -1}"#,
        r#"{"result": 1}"#,
    ];
    stage
        .data("once", json!({"do": "lines", "lines": lines}))
        .await;
    worker.says("nor percent").await;
    assert_eq!(worker.log().matches("nor percent").count(), 1);
}

#[actix_rt::test]
async fn a_program_knows_its_task_and_no_secret_of_the_worker() {
    let stage = Stage::new().await;
    let task = format!("{TASK}\nenvironment = {{ COLOUR = \"red\", HERE = \"{{here}}\" }}");
    let variables = [
        ("S3_SECRET_KEY", "s3cret"),
        ("AXON_ADMIN_TOKEN", "s3cret"),
        ("MY_SECRET_THING", "s3cret"),
        ("DATABASE_URL", "postgres://s3cret"),
        ("GITHUB_PAT", "s3cret"),
        ("STORE", "amqp://me:s3cret@host"),
        ("MAX_TOKENS", "512"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("KEPT", "yes"),
    ];
    let worker = stage.worker_with(&task, &variables).await;
    let job = stage.submit("once", json!({"do": "surroundings"})).await;
    let report = end_of(&job).await;
    let (data, attempt) = (&report.data, &report.history[0]);

    let variables = &data["environment"];
    assert_eq!(variables["AXON_TASK_ID"], attempt.task_id.as_str());
    assert_eq!(variables["AXON_JOB_ID"], job.id().as_str());
    assert_eq!(variables["AXON_TASK_NAME"], "once");
    assert_eq!(variables["AXON_TASK_FOLDER"], data["folder"]);
    assert_eq!(
        (&variables["COLOUR"], &variables["KEPT"]),
        (&json!("red"), &json!("yes"))
    );
    assert_eq!(variables["MAX_TOKENS"], "512");
    assert_eq!(variables["TOKENIZERS_PARALLELISM"], "false");
    let names = "AXON_ADMIN_TOKEN, DATABASE_URL, GITHUB_PAT, MY_SECRET_THING, S3_SECRET_KEY, \
                 STORE, WORKER_TOKEN";
    assert_eq!(worker.log().matches(names).count(), 1, "told once");
    assert!(!worker.log().contains("s3cret"));
    let here = stage.path("").canonicalize().unwrap();
    assert_eq!(
        std::path::Path::new(variables["HERE"].as_str().unwrap()),
        here
    );
    let text = variables.to_string();
    assert!(
        !text.contains("s3cret") && !text.contains("your-secret-worker-token"),
        "{text}"
    );
    assert_eq!(
        (&data["files"], &data["arguments"]),
        (&json!([]), &json!([]))
    );
}

#[actix_rt::test]
async fn a_program_cannot_read_the_environment_of_its_worker() {
    let stage = Stage::new().await;
    let mut words = without("sys_ptrace perfmon sys_admin");
    let script = "cat /proc/$PPID/environ >&2 && echo '[\"open\"]' || echo '[\"closed\"]'";
    words.extend(["sh", "-c", script].map(str::to_owned));
    let task = format!("[tasks.once]\ncommand = {}", json!(words));
    let worker = stage.worker(&task).await;
    let data = stage.data("once", json!({})).await;
    assert_eq!(data, json!({"result": ["closed"]}));
    assert!(!worker.log().contains("your-secret-worker-token"));
}

#[actix_rt::test]
async fn files_arrive_as_paths_and_paths_are_uploaded() {
    let stage = Stage::new().await;
    let storage = stage.path("storage");
    std::fs::create_dir_all(storage.join("in")).unwrap();
    std::fs::write(storage.join("in/a.txt"), "hello").unwrap();
    let variables = [("AXON_STORAGE_DIR", storage.to_str().unwrap())];
    let _worker = stage.worker_with(TASK, &variables).await;
    let data = stage
        .data("once", json!({"do": "write", "input": "s3://in/a.txt"}))
        .await;
    let uri = data["output"].as_str().unwrap();
    let stored = storage.join(uri.strip_prefix("s3://").expect(uri));
    assert_eq!(std::fs::read_to_string(stored).unwrap(), "HELLO");
}

#[actix_rt::test]
async fn large_parameters_and_results_pass_through_small_pipes() {
    let stage = Stage::new().await;
    let _worker = stage.worker(TASK).await;
    let text = "x".repeat(3 << 20);
    let data = stage
        .data("once", json!({"do": "bulk", "text": text}))
        .await;
    assert_eq!(data["size"], 3 << 20);
    assert_eq!(data["text"].as_str().map(str::len), Some(512 << 10));
}
