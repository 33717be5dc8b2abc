//! Every example that needs no server does what it says, in any environment.

use std::process::{Command, Stdio};
use std::time::Duration;

use axon_worker::dev::{DevOrchestrator, JobSpec};
use serde_json::json;

#[path = "support/example.rs"]
mod example;

/// Runs an example to its end and returns what it prints.
fn output_of(name: &str) -> String {
    let output = Command::new(example::program(name))
        .env("WORKER_ID", "not an identifier")
        .env("ORCHESTRATOR_URL", "http://127.0.0.1:1")
        .env_remove("S3_ENDPOINT_URL")
        .output()
        .expect("the example starts");
    let text = String::from_utf8(output.stdout).expect("plain text");
    assert!(output.status.success(), "{name}: {text}");
    text
}

#[track_caller]
fn assert_lines(text: &str, expected: &[&str]) {
    let mut rest = text;
    for line in expected {
        let at = rest.find(line);
        let at = at.unwrap_or_else(|| panic!("{line:?} is missing, or out of order, in\n{text}"));
        rest = &rest[at + line.len()..];
    }
}

#[test]
fn blocking_work_ends_and_is_called_off() {
    let text = output_of("blocking");
    assert_lines(
        &text,
        &["12 zeros: Finished", "60 zeros: Cancelled", "unsent: 0"],
    );
}

#[test]
fn a_model_is_loaded_once_and_again_after_a_panic() {
    let text = output_of("stateful");
    assert_eq!(text.matches("loading the model").count(), 2, "{text}");
    assert_lines(
        &text,
        &[
            "\"asked\":1,\"mood\":2",
            "\"asked\":2,\"mood\":-1",
            "panicked",
            "\"asked\":1",
        ],
    );
}

#[test]
fn tasks_and_requests_meet_in_one_mailbox() {
    assert_lines(
        &output_of("actor"),
        &[
            "take 8: Finished {\"left\":2}",
            "take 4: Quarantined PERMANENT_ERROR: 4 lamps are wanted and 2 are left",
            "deliver 5: 7 lamps",
            "take 4: {\"left\":3}",
            "unsent: 0",
        ],
    );
}

#[test]
fn models_stay_until_others_need_their_room() {
    let text = output_of("models");
    assert_eq!(text.matches("loading french").count(), 1, "{text}");
    assert_lines(
        &text,
        &[
            "loading french",
            "french: {\"result\":\"bonjour\"}",
            "loading italian",
            "french: {\"result\":\"bonjour\"}",
            "italian leaves",
            "loading german",
            "german: {\"result\":\"guten Tag\"}",
            "busy, in memory: french, german",
            " leaves",
            " leaves",
            "0 results unsent",
        ],
    );
}

#[test]
fn statuses_and_errors_choose_the_way_through_a_pipeline() {
    let text = output_of("pipeline");
    assert_lines(
        &text,
        &[
            "2 x lamp: check, price, reserve, ship -> finished",
            "500 x chair: check, approve, price, reserve, ship -> finished",
            "Quarantined PERMANENT_ERROR",
            "Failed INVALID_INPUT_ERROR",
        ],
    );
}

#[test]
fn files_come_from_the_storage_and_go_there() {
    let text = output_of("files");
    assert_lines(
        &text,
        &[
            "job names      {\"text\":\"s3://avtomatika-payloads/axon-example/texts/one.txt\"}",
            "/one.txt\n",
            "/report.json\n",
            "job gets       {\"report\":\"s3://avtomatika-payloads/",
            "storage has    {\"bytes\":12,\"words\":4}",
            "/texts\n",
            "/loud with one.txt, two.txt",
            "storage has    2 objects there, 17 bytes",
            "job fails      ",
            "missing.txt does not exist",
            "unsent: 0",
            "local files left: 0",
        ],
    );
}

#[test]
fn a_worker_under_test_is_an_ordinary_worker() {
    assert_lines(&output_of("testing"), &["Finished: {\"quotient\":6}"]);
}

#[test]
fn a_contract_is_told_and_kept() {
    let text = output_of("contract");
    assert_lines(
        &text,
        &[
            "takes {",
            "\"millilitres\":500",
            "INVALID_INPUT_ERROR: Field 'cups': Expected integer",
            "CONTRACT_VIOLATION_ERROR: ",
            "events: [",
        ],
    );
}

#[test]
fn a_folder_can_be_an_orchestrator() {
    let text = output_of("own_transport");
    assert_lines(
        &text,
        &[
            "first: {\"data\":{\"text\":\"HELLO\"}",
            "second: ",
            "whisper",
            "third: ",
            "unsent: 0",
        ],
    );
}

#[test]
fn a_controller_gets_its_sums_and_its_progress() {
    let text = output_of("distworker");
    assert_lines(
        &text,
        &[
            "math.add: {\"result\":42}",
            "math.multiply: {\"result\":391}",
            "math.divide: HANDLER_ERROR: unknown operation: divide",
            "90 % Almost finished",
            "slow.count: {\"status\":\"completed\"}",
            "files.report: {\"first\":\"table.csv\",\"priority\":\"high\"}",
            "nobody/here: NO_HANDLER",
            "unsent: 0",
        ],
    );
}

#[test]
fn a_service_hands_work_to_itself() {
    let text = output_of("embedded");
    assert_lines(
        &text,
        &[
            "the service: http://127.0.0.1:",
            "its worker:  http://127.0.0.1:",
            "sunset.png, ",
            "\"height\":160,\"width\":240",
            "\"state\":\"finished\"",
            " bytes of PNG",
            "letter.txt, 11 bytes",
            "not a picture",
            "\"state\":\"failed\"",
            "the page shows 1 pictures",
            "/worker/health: OK",
            "ready true, 1 succeeded, 1 failed",
            "the worker has ended: 0 tasks done, 0 interrupted, 0 stuck, 0 results unsent",
        ],
    );
}

#[actix_rt::test]
async fn hello_greets_and_ends_when_it_is_told() {
    let orchestrator = DevOrchestrator::builder()
        .token("secret")
        .start()
        .await
        .unwrap();
    let mut hello = Command::new(example::program("hello"))
        .env("ORCHESTRATOR_URL", orchestrator.url())
        .env("WORKER_TOKEN", "secret")
        .env("WORKER_PORT", "0")
        .stdout(Stdio::null())
        .spawn()
        .expect("the example starts");
    let job = JobSpec::task("greet", json!({ "name": "you" }));
    let job = orchestrator.submit(job).await.unwrap();
    let report = job.finished_within(Duration::from_secs(30)).await;
    let told = Command::new("kill").arg(hello.id().to_string()).status();
    assert!(told.expect("kill runs").success());
    assert!(hello.wait().expect("it ends").success());
    let data = report.expect("a greeting in time").data;
    assert_eq!(data, json!({ "greeting": "Hello, you!" }));
}
