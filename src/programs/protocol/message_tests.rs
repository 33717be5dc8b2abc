use super::super::keys::KEYS;
use super::*;
use crate::task::ErrorCode;
use proptest::prelude::*;
use std::time::Duration;

fn answer(line: &str) -> Answer {
    match read(line.as_bytes(), "t1") {
        Read::Message(Message::Answer(answer)) => answer,
        other => panic!("{line}: {other:?}"),
    }
}

fn fault(line: &str) -> String {
    match read(line.as_bytes(), "t1") {
        Read::Fault(why) => why,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn every_message_of_the_protocol_is_read() {
    assert_eq!(
        read(br#"{"progress": 0.5, "message": "half"}"#, "t1"),
        Read::Message(Message::Progress {
            value: 0.5,
            text: "half".to_owned()
        })
    );
    let Read::Message(Message::Event { name, data, .. }) =
        read(br#"{"event":"preview","data":{"url":"x"}}"#, "t1")
    else {
        panic!("an event")
    };
    assert_eq!((name.as_str(), data.0.get()), ("preview", r#"{"url":"x"}"#));

    let reply = answer(r#"{"task_id":"t1","result":{"n":1.0},"status":"needs_review"}"#).unwrap();
    assert_eq!(
        (reply.status(), reply.data().as_str()),
        ("needs_review", r#"{"n":1.0}"#)
    );
    let reply = answer(r#"{"result":3,"costs":{"tokens":8}}"#).unwrap();
    assert_eq!(reply.data().as_str(), r#"{"result":3}"#);
    assert_eq!(reply.costs().unwrap().as_str(), r#"{"tokens":8}"#);
    assert_eq!(answer(r#"{"result":null}"#).unwrap().data().as_str(), "{}");

    let error = answer(r#"{"error":{"code":"INVALID_INPUT_ERROR","message":"n","details":[1]}}"#);
    let error = error.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (&ErrorCode::InvalidInput, "n")
    );
    assert_eq!(error.details().unwrap().as_str(), "[1]");
    assert_eq!(
        answer(r#"{"error":{}}"#).unwrap_err().code(),
        &ErrorCode::Transient
    );
}

#[test]
fn an_error_may_say_when_another_attempt_makes_sense() {
    let error = answer(r#"{"error":{"message":"busy","retry_after":1.5}}"#).unwrap_err();
    assert_eq!(error.retry_delay(), Some(Duration::from_millis(1500)));
    let error = answer(r#"{"error":{"message":"busy"}}"#).unwrap_err();
    assert_eq!(error.retry_delay(), None);
    for wrong in ["-1", "1e300", "\"soon\""] {
        let why = fault(&format!(r#"{{"error":{{"retry_after":{wrong}}}}}"#));
        assert!(why.contains("error"), "{wrong}: {why}");
    }
}

#[test]
fn what_is_not_meant_as_a_message_is_noise() {
    for line in [
        "hello",
        "{hello}",
        "42",
        "[1]",
        "{",
        r#"{"level":"info","err"#,
        "\u{fe0f}",
    ] {
        assert_eq!(read(line.as_bytes(), "t1"), Read::Noise, "{line}");
    }
    assert_eq!(read(b"\xff\xfe{\"result\"", "t1"), Read::Noise);
}

#[test]
fn keys_of_a_message_count_in_any_order() {
    for line in [
        r#"{"costs":{"tokens":8},"result":{"n":1}}"#,
        r#"{"metadata":{},"status":"odd","result":{"n":1},"task_id":"t1"}"#,
    ] {
        assert_eq!(
            answer(line).unwrap().data().as_str(),
            r#"{"n":1}"#,
            "{line}"
        );
    }
    let sorted = r#"{"message":"half","progress":0.5,"task_id":"t1"}"#;
    assert!(matches!(
        read(sorted.as_bytes(), "t1"),
        Read::Message(Message::Progress { .. })
    ));
}

#[test]
fn an_object_with_no_key_of_a_message_is_none_but_told_from_text() {
    for line in ["{}", r#"{"results":1}"#, r#"{"progres":0.5,"level":"x"}"#] {
        assert!(
            matches!(read(line.as_bytes(), "t1"), Read::Object(_)),
            "{line}"
        );
    }
}

#[test]
fn a_message_that_is_not_right_says_why() {
    for (line, why) in [
        (r#"{"progress":"half"}"#, "expected f64"),
        (r#"{"result":1,"error":{}}"#, "one of progress"),
        (r#"{"task_id":"t1"}"#, "one of progress"),
        (r#"{"task_id":"t2","result":1}"#, "another task"),
        (r#"{"result":1,"resutl":2}"#, "and others: resutl ("),
        (r#"{"level":"info","error":"x"}"#, "and others: level ("),
        (r#"{"costs":{},"resutl":{}}"#, "and others: resutl ("),
        (r#"{"costs":{}}"#, "one of progress"),
        (r#"{"result":1,"result":2}"#, "duplicate field `result`"),
        (
            r#"{"result":1,"message":"x"}"#,
            "message belongs to progress",
        ),
        (
            r#"{"result":1,"status":"cancelled"}"#,
            "cannot reply with status",
        ),
        (r#"{"result":1,"data":{}}"#, "in place of result"),
        (
            r#"{"error":{},"status":"success"}"#,
            "beside status success",
        ),
        (
            r#"{"error":{},"status":"cancelled"}"#,
            "cannot reply with status",
        ),
        (r#"{"error":[]}"#, "error: "),
        (r#"{"error":{"cod":"X"}}"#, "unknown field `cod`"),
        (r#"{"progress":1,"status":"x"}"#, "status belongs to result"),
        (r#"{"event":"x","status":"x"}"#, "status belongs to result"),
        (r#"{"result":1,"costs":3}"#, "costs must be an object"),
        (r#"{"error":{"code":""}}"#, "error.code"),
        (r#"{"result": {"#, "EOF"),
        (r#"{"result":1} {"result":2}"#, "trailing characters"),
    ] {
        let text = fault(line);
        assert!(text.contains(why), "{line}: {text}");
    }
    assert!(matches!(
        read(b"{\"result\":\"\xff\"}", "t1"),
        Read::Fault(_)
    ));
}

#[test]
fn progress_above_one_is_percent() {
    for (said, expected) in [
        ("0", "0"),
        ("0.5", "0.5"),
        ("1", "1"),
        ("1.0000000000000002", "1"),
        ("1.5", "0.015"),
        ("50", "0.5"),
        ("100", "1"),
        ("100.00000000000001", "1"),
        // Neither: the caller tells.
        ("250", "2.5"),
        ("-1", "-1"),
    ] {
        let line = format!(r#"{{"progress":{said}}}"#);
        let Read::Message(Message::Progress { value, .. }) = read(line.as_bytes(), "t1") else {
            panic!("{line}")
        };
        assert_eq!(value.to_string(), expected, "{line}");
    }
}

#[test]
fn what_handlers_of_the_python_sdk_return_is_an_answer() {
    for (line, status, data) in [
        (
            r#"{"status":"success","data":{"n":1}}"#,
            "success",
            r#"{"n":1}"#,
        ),
        (
            r#"{"data":[1],"task_id":"t1"}"#,
            "success",
            r#"{"result":[1]}"#,
        ),
        (r#"{"status":"success"}"#, "success", "{}"),
        (
            r#"{"status":"success","data":{},"error":null}"#,
            "success",
            "{}",
        ),
        (
            r#"{"status":"odd","data":{"n":1},"costs":{}}"#,
            "odd",
            r#"{"n":1}"#,
        ),
        (
            r#"{"status":"odd","data":{"n":1},"error":{"code":"X"}}"#,
            "odd",
            r#"{"error":{"code":"X"},"n":1}"#,
        ),
        (
            r#"{"status":"odd","data":[1.0],"error":"x"}"#,
            "odd",
            r#"{"error":"x","result":[1.0]}"#,
        ),
        (r#"{"status":"odd","error":"x"}"#, "odd", r#"{"error":"x"}"#),
    ] {
        let reply = answer(line).unwrap();
        assert_eq!(
            (reply.status(), reply.data().as_str()),
            (status, data),
            "{line}"
        );
    }

    let error = answer(
        r#"{"status":"failure","error":{"code":"INVALID_INPUT_ERROR","message":"n"},"costs":{}}"#,
    );
    let error = error.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (&ErrorCode::InvalidInput, "n")
    );
    let error = answer(r#"{"status":"failure","error":"oh","data":{"n":1}}"#).unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (&ErrorCode::Transient, "oh")
    );
    assert_eq!(error.details().unwrap().as_str(), r#"{"n":1}"#);
    let error = answer(r#"{"status":"failure","data":null}"#).unwrap_err();
    assert_eq!(error.code(), &ErrorCode::Transient);
    assert_eq!(error.details(), None);
}

#[test]
fn a_float_that_json_does_not_have_is_named() {
    for (line, word) in [
        (r#"{"result":{"loss":NaN}}"#, "NaN"),
        (r#"{"loss":1,"result":[-Infinity]}"#, "others: loss"),
        (r#"{"result":[-Infinity, NaN]}"#, "-Infinity"),
        (r#"{"progress":nan}"#, "nan"),
        (r#"{"event":"loss","data":{"x":NaN}}"#, "NaN"),
    ] {
        let text = fault(line);
        assert!(text.contains(word), "{line}: {text}");
    }
    for output in ["{\n \"loss\": NaN\n}\n", "[1, NaN]", "{\"a\": NaN}\n"] {
        let Some(Err(text)) = document(output.as_bytes(), "t1") else {
            panic!("{output}")
        };
        assert!(text.contains("NaN"), "{text}");
    }
    assert_eq!(document(b"NaN", "t1"), None);
}

#[test]
fn deep_json_is_refused_and_brackets_in_texts_do_not_count() {
    let deep = format!("{{\"result\":{}{}}}", "[".repeat(200), "]".repeat(200));
    assert!(fault(&deep).contains("128 levels"));
    let flat = format!(r#"{{"result":"{}\"["}}"#, "[".repeat(500));
    assert!(answer(&flat).is_ok());
}

#[test]
fn a_long_text_of_an_error_is_cut() {
    let line = format!(r#"{{"error":{{"message":"{}"}}}}"#, "ü".repeat(20_000));
    let error = answer(&line).unwrap_err();
    assert!(error.message().len() < 17_000 && error.message().ends_with("ü ..."));
}

#[test]
fn a_whole_output_is_a_result_if_it_is_one_json_document() {
    let data = |text: &str| match document(text.as_bytes(), "t1") {
        Some(Ok(Ok(reply))) => Some(reply.data().as_str().to_owned()),
        _ => None,
    };
    assert_eq!(
        data("{\n \"sum\": 3\n}\n").as_deref(),
        Some("{\n \"sum\": 3\n}")
    );
    assert_eq!(data("42\n").as_deref(), Some(r#"{"result":42}"#));
    assert_eq!(
        data("{\n \"result\": {\"a\": 1}\n}").as_deref(),
        Some("{\"a\": 1}")
    );
    assert_eq!(data("reading\n{\"sum\": 3}"), None);
    assert_eq!(data(""), None);
    assert_eq!(data(&"[".repeat(1000)), None);
    let broken = document(b"{\n \"result\": 1,\n \"sum\": 2\n}", "t1");
    assert!(matches!(broken, Some(Err(_))));
}

#[test]
fn an_object_spread_over_lines_among_other_text_is_found() {
    let found = |text: &str| object_within(text.as_bytes());
    assert_eq!(found("reading\n {\n \"result\": 1\n}\nbye\n"), Some(2));
    assert_eq!(found("{\"a\":1}\n"), Some(1));
    for text in [
        "",
        "reading\n[1]\n",
        "{hello}\n{\"a\":1}\n",
        "{\n\"a\": 1,\n",
    ] {
        assert_eq!(found(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_line_is_read_without_a_panic(line in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&line, "t1");
        let _ = document(&line, "t1");
    }

    #[test]
    fn any_end_of_a_message_is_read_without_a_panic(
        word in prop::sample::select(&KEYS[..]), rest in "\\PC{0,60}",
    ) {
        let line = format!("{{\"{word}\":{rest}");
        prop_assert!(!matches!(read(line.as_bytes(), "t1"), Read::Noise));
    }

    #[test]
    fn a_result_keeps_its_text(n in any::<f64>(), text in "\\PC{0,40}") {
        let data = serde_json::json!({ "n": n, "text": text }).to_string();
        let reply = answer(&format!("{{\"result\":{data}}}")).unwrap();
        prop_assert_eq!(reply.data().as_str(), data);
    }
}
