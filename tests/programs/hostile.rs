//! Programs whose output is wrong, or never ends.

use super::support::*;

const TASKS: &str = r#"
[tasks.once]
command = [PUPPET]
grace = 0.5
limits = { line = "1 MiB", output = "2 MiB" }
[tasks.pool]
command = [PUPPET, "pool"]
mode = "pool"
grace = 0.5
limits = { line = "1 MiB", output = "2 MiB" }
"#;

/// What each of them ends with, in both modes.
async fn ends_with(params: Value, expected: &str, text: &str) {
    let stage = Stage::new().await;
    let worker = stage.worker(TASKS).await;
    ends_there_with(&stage, &worker, params, expected, text).await;
}

async fn ends_there_with(
    stage: &Stage,
    worker: &Worker,
    params: Value,
    expected: &str,
    text: &str,
) {
    for task in ["once", "pool"] {
        let (code, message) = stage.error(task, params.clone()).await;
        assert_eq!(code, expected, "{task}: {message}");
        assert!(message.contains(text), "{task}: {message}");
        // The worker goes on, and so does the pool.
        stage
            .data(task, json!({"do": "result", "result": {}}))
            .await;
    }
    assert!(worker.memory() < 200 << 20, "{} bytes", worker.memory());
}

#[actix_rt::test]
async fn a_line_without_an_end() {
    let text = "a line of more than 1048576 bytes";
    ends_with(json!({"do": "endless_line"}), "LIMIT_EXCEEDED_ERROR", text).await;
}

#[actix_rt::test]
async fn lines_without_an_end() {
    let text = "more than 2097152 bytes of output";
    ends_with(json!({"do": "endless_lines"}), "LIMIT_EXCEEDED_ERROR", text).await;
}

#[actix_rt::test]
async fn a_result_nested_a_million_levels_deep() {
    // Two million brackets are more than the limit of a line.
    let text = "a line of more than";
    ends_with(json!({"do": "bomb"}), "LIMIT_EXCEEDED_ERROR", text).await;
    let deep = format!("{{\"result\":{}1{}}}\n", "[".repeat(5000), "]".repeat(5000));
    let params = json!({"do": "raw", "bytes": deep});
    ends_with(params, "PERMANENT_ERROR", "nested more than 128 levels").await;
}

#[actix_rt::test]
async fn a_message_that_is_not_right() {
    let stage = Stage::new().await;
    let worker = stage.worker(TASKS).await;
    for (bytes, text) in [
        (
            "{\"result\": \"\u{ff}\"}\n",
            "line 1 of the program's output",
        ),
        (
            "noise\n{\"result\": 1, \"stauts\": \"x\"}\n",
            "line 2 of the program's output",
        ),
        ("{\"costs\": {}, \"resutl\": 1}\n", "others: resutl ("),
        ("{\"progress\": \"half\"}\n", "expected f64"),
        ("{\"error\": 3}\n", "invalid type"),
        ("{\"result\": {\n", "EOF while parsing"),
        ("{\"result\": {\"loss\": NaN}}\n", "it holds NaN"),
    ] {
        let params = json!({"do": "raw", "bytes": bytes});
        ends_there_with(&stage, &worker, params, "PERMANENT_ERROR", text).await;
    }
}

#[actix_rt::test]
async fn noise_of_any_bytes_is_none_of_our_business() {
    let stage = Stage::new().await;
    let _worker = stage.worker(TASKS).await;
    let bytes: String = (1..=255_u8).map(char::from).collect();
    for task in ["once", "pool"] {
        let noise = format!("{bytes}\n{{\"level\": \"info\", \"text\": 3}}\n\n[1]\n");
        let params = json!({"do": "raw", "bytes": noise, "then": "result", "result": {"n": 1}});
        assert_eq!(stage.data(task, params).await, json!({"n": 1}));
    }
}

#[actix_rt::test]
async fn an_object_that_is_no_message_is_a_warning_on_its_task() {
    let stage = Stage::new().await;
    let worker = stage.worker(TASKS).await;
    let result = r#"{"result": {"n": 1}}"#;
    let progress = r#"{"progress": 0.5}"#;
    for (task, lines, expected, text) in [
        // In mode once it is known only later that the object is not the result.
        (
            "once",
            vec![r#"{"progres": 0.5}"#, result],
            json!({"n": 1}),
            "keys=progres",
        ),
        (
            "pool",
            vec![r#"{"progres": 0.5}"#, result],
            json!({"n": 1}),
            "keys=progres",
        ),
        (
            "once",
            vec!["reading", r#"{"sum": 3}"#],
            json!({}),
            "keys=sum",
        ),
        (
            "once",
            vec![progress, "{", r#""result": 1"#, "}"],
            json!({}),
            "several lines",
        ),
    ] {
        let params = json!({"do": "lines", "lines": lines});
        let report = stage.run(task, params).await;
        assert_eq!(report.data, expected, "{lines:?}");
        let task_id = report.history[0].task_id.as_str();
        let told = |log: &str| {
            let warnings = log.lines().filter(|line| {
                line.contains("WARN") && line.contains(task_id) && line.contains(text)
            });
            warnings.count()
        };
        eventually("a warning", || (told(&worker.log()) > 0).then_some(())).await;
        assert_eq!(told(&worker.log()), 1, "{lines:?}");
    }
    // One that is the result is no mistake.
    let params = json!({"do": "lines", "lines": [r#"{"sum": 3}"#]});
    let report = stage.run("once", params).await;
    assert_eq!(report.data, json!({"sum": 3}));
    let task_id = report.history[0].task_id.to_string();
    let log = worker.log();
    let mut about = log.lines().filter(|line| line.contains(&task_id));
    assert!(!about.any(|line| line.contains("WARN")));
}

#[actix_rt::test]
async fn the_mark_of_a_stream_that_was_opened_does_not_hide_an_answer() {
    let stage = Stage::new().await;
    let _worker = stage.worker(TASKS).await;
    for task in ["once", "pool"] {
        let bytes = "\u{ef}\u{bb}\u{bf}{\"result\": {\"n\": 1}}\r\n";
        let params = json!({"do": "raw", "bytes": bytes});
        assert_eq!(stage.data(task, params).await, json!({"n": 1}));
    }
}

#[actix_rt::test]
async fn a_second_answer_of_a_program_that_ends_makes_both_worthless() {
    let stage = Stage::new().await;
    let _worker = stage.worker(TASKS).await;
    let (code, message) = stage.error("once", json!({"do": "twice"})).await;
    assert_eq!(code, "PERMANENT_ERROR");
    assert!(message.contains("second answer in line 2"), "{message}");
    // All else after the answer changes nothing.
    assert_eq!(stage.data("once", json!({"do": "after"})).await["n"], 1);
}

#[actix_rt::test]
async fn stderr_without_an_end_delays_nobody_and_is_kept_short() {
    let stage = Stage::new().await;
    let worker = stage.worker(TASKS).await;
    let loud = stage.submit("once", json!({"do": "endless_stderr"})).await;
    stage
        .data("once", json!({"do": "result", "result": {}}))
        .await;
    assert!(end_of(&loud).await.is_success());
    assert!(worker.memory() < 200 << 20, "{} bytes", worker.memory());
    assert!(worker.log().len() < 1 << 20, "{} bytes", worker.log().len());
}
