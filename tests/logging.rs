//! Logs as the environment wants them, of a process of its own.

use std::process::{Command, Output};

use axon_worker::logging;

#[path = "support/example.rs"]
mod example;

/// Runs the conformance worker until it cannot start.
fn run(variables: &[(&str, &str)]) -> Output {
    Command::new(example::program("conformance"))
        .env_clear()
        .env("WORKER_PORT", "0")
        .envs(variables.iter().copied())
        .output()
        .expect("it starts")
}

#[test]
fn mistakes_stop_the_start_and_name_their_variable() {
    let output = run(&[("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml")]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("LOG_LEVEL: expected off, error,"), "{text}");
    assert!(
        text.contains("LOG_FORMAT: expected one of text, json, got \"xml\""),
        "{text}"
    );
}

#[test]
fn lines_have_the_form_that_was_asked_for_and_the_level() {
    // Its port is taken: it tells what is odd about its settings, and ends.
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let log = |format, level| {
        let output = run(&[
            ("LOG_FORMAT", format),
            ("LOG_LEVEL", level),
            ("OTEL_METRIC_EXPORT_INTERVAL", "soon"),
            ("WORKER_PORT", &port),
        ]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let lines = log("json", "WARNING");
    assert!(
        lines.contains("OTEL_METRIC_EXPORT_INTERVAL: expected a whole number"),
        "{lines}"
    );
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        assert_eq!(line["level"], "WARN");
    }
    let text = log("text", "warn");
    assert!(
        text.contains("WARN") && !text.contains('{') && !text.contains('\u{1b}'),
        "{text}"
    );
    assert_eq!(log("text", "off"), "");
}

#[test]
fn a_program_with_a_subscriber_keeps_it_and_is_told() {
    // The only test of this file that sets one up.
    logging::init_with(&axon_worker::config::Settings::default()).unwrap();
    let error = logging::init_with(&axon_worker::config::Settings::default()).unwrap_err();
    assert!(
        matches!(error, axon_worker::Error::SubscriberSet),
        "{error}"
    );
    assert!(error.to_string().contains("LOG_LEVEL"), "{error}");
}
