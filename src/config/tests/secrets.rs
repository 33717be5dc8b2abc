//! Whatever goes wrong, no secret is told.

use std::io::Write;

use super::*;
use crate::config::VARIABLES;

const SECRET: &str = "hunter2hunter2";

fn assert_silent(loaded: Result<Loaded, crate::config::ConfigError>, context: &str) {
    let text = match loaded {
        Ok(loaded) => format!("{loaded:?}\n{}", loaded.warnings.join("\n")),
        Err(error) => format!("{error}\n{error:?}"),
    };
    assert!(!text.contains("hunter2"), "{context}: {text}");
}

#[test]
fn secrets_of_every_variable_stay_secret() {
    for name in [
        "WORKER_TOKEN",
        "WORKER_INDIVIDUAL_TOKEN",
        "S3_ACCESS_KEY",
        "S3_SECRET_KEY",
        "S3_SESSION_TOKEN",
        "ORCHESTRATOR_SECRET_KEY",
        "DISTWORKER_WORKER_TOKEN",
        "OTEL_EXPORTER_OTLP_HEADERS",
    ] {
        assert!(VARIABLES.iter().any(|v| v.name == name));
        for text in [
            SECRET.to_owned(),
            format!("{SECRET}\u{7}"),
            format!("ü{SECRET}"),
        ] {
            assert_silent(load(&[(name, &text)]), name);
        }
    }
    assert!(told(&[("WORKER_TOKEN", "a\nb")]).starts_with("WORKER_TOKEN: "));
    assert_eq!(
        good(&[("WORKER_TOKEN", "abc\n")]).orchestrators[0]
            .token
            .expose(),
        "abc"
    );
}

#[test]
fn secrets_in_lists_of_orchestrators_stay_secret() {
    for list in [
        r#"[{"url":"http://a","token":"hunter2"}]"#,
        r#"[{"url":"http://a","token":"hunter2\n2"}]"#,
        r#"[{"url":"http://a","token":["hunter2"]}]"#,
        r#"[{"url":"http://a","token":"hunter2""#,
        r#"[{"url":"http://u:hunter2@a"}]"#,
        r#"[{"url":"u:hunter2@a"}]"#,
        r#"[{"url":["http://u:hunter2@a"]}]"#,
        r#"["http://u:hunter2@a"]"#,
        r#"{"token":"hunter2"}"#,
        r#""http://u:hunter2@a""#,
        r#""[{\"url\":\"http://a\",\"token\":\"hunter2\"}]""#,
    ] {
        assert_silent(load(&[("ORCHESTRATORS_CONFIG", list)]), list);
    }
    assert_silent(load(&[("ORCHESTRATOR_URL", "http://u:hunter2@a")]), "url");
    assert_silent(
        load(&[("S3_ENDPOINT_URL", "http://u:hunter2@a")]),
        "endpoint",
    );
    assert!(told(&[("ORCHESTRATOR_URL", "http://u:p@a")]).contains("without user"));
}

/// Breaks a good file at every position in turn.
#[test]
fn a_broken_file_tells_no_token() {
    let text = format!("worker_token = \"{SECRET}\"\n[[orchestrators]]\nurl = \"http://a\"\n");
    for at in 0..text.len() {
        for bad in ["\"", "=", "\n", "[", "\\", "'", "# ", "\u{1}"] {
            let broken = format!("{}{bad}{}", &text[..at], &text[at..]);
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(broken.as_bytes()).unwrap();
            let path = file.path().to_str().unwrap();
            assert_silent(load(&[("AXON_WORKER_CONFIG", path)]), &broken);
        }
    }
}
