//! The table of variables against the settings, and the document against the table.

use std::collections::BTreeSet;

use super::*;
use crate::config::{VARIABLES, Variable};

/// The row of the document.
fn row(variable: &Variable) -> String {
    let key = match variable.key {
        "" => "(none)".to_owned(),
        key => format!("`{key}`"),
    };
    let default = match variable.default {
        words if words.starts_with('(') => words.to_owned(),
        value => format!("`{value}`"),
    };
    let Variable {
        name,
        kind,
        meaning,
        ..
    } = variable;
    format!("| `{name}` | {key} | {kind} | {default} | {meaning} |")
}

#[test]
fn the_document_has_every_variable_and_no_other() {
    let document = include_str!("../../../docs/configuration.md");
    let missing: Vec<_> = VARIABLES
        .iter()
        .map(row)
        .filter(|row| !document.lines().any(|line| line == row))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/configuration.md lacks:\n{}",
        missing.join("\n")
    );
    let rows = document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .count();
    assert_eq!(rows, VARIABLES.len());
}

#[test]
fn the_file_of_the_document_can_be_loaded() {
    let document = include_str!("../../../docs/configuration.md");
    let (_, rest) = document.split_once("```toml\n").unwrap();
    let (toml, _) = rest.split_once("```").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    let loaded = load(&[("AXON_WORKER_CONFIG", file.path().to_str().unwrap())]).unwrap();
    assert_eq!(loaded.warnings, [""; 0]);
}

#[test]
fn the_defaults_of_the_table_are_those_of_the_settings() {
    for variable in VARIABLES
        .iter()
        .filter(|variable| !variable.default.starts_with('('))
    {
        let mut settings = good(&[(variable.name, variable.default)]);
        settings.worker_id = Settings::default().worker_id;
        let expected = Settings {
            worker_id: settings.worker_id.clone(),
            ..Settings::default()
        };
        assert_eq!(settings, expected, "{}", variable.name);
    }
    // Those two have a default only beside a model.
    let gpu = good(&[("GPU_MODEL", "X"), ("GPU_VRAM_GB", "0"), ("GPU_ID", "0")])
        .resources
        .gpu;
    assert_eq!(good(&[("GPU_MODEL", "X")]).resources.gpu, gpu);
}

/// A variable that reaches no field, or the field of another, would pass the test above.
#[test]
fn every_variable_changes_its_own_setting() {
    let mut seen = BTreeSet::new();
    let base = load(&[("WORKER_ID", "w"), ("GPU_MODEL", "X")])
        .unwrap()
        .settings;
    for variable in VARIABLES.iter().filter(|variable| !variable.key.is_empty()) {
        let value = match variable.name {
            "MULTI_ORCHESTRATOR_MODE" => "WATERFALL",
            "AXON_RESULT_AMBIGUOUS" => "drop",
            "AXON_JOURNAL" | "AXON_ACCESS_TOKENS" => "off",
            "AXON_JOURNAL_SYNC" => "always",
            "AXON_BLOB_CACHE_MODE" => "copy",
            "S3_ADDRESSING" => "virtual",
            "S3_CHECKSUM" => "md5",
            "ORCHESTRATORS_CONFIG" => r#"[{"url":"http://x"}]"#,
            "ORCHESTRATOR_URL"
            | "S3_ENDPOINT_URL"
            | "DISTWORKER_CONTROLLER_URL"
            | "OTEL_EXPORTER_OTLP_ENDPOINT"
            | "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
            | "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" => "http://x",
            "WORKER_HOST" => "127.0.0.1",
            "RXON_VERSION" => "1.0b2",
            "WORKER_ENABLE_WEBSOCKETS" | "OTEL_SDK_DISABLED" | "AXON_TLS_CA_ONLY" => "true",
            "INSTALLED_MODELS" | "INSTALLED_ARTIFACTS" => r#"[{"name":"m"}]"#,
            "INSTALLED_SOFTWARE" => r#"{"a":"1"}"#,
            "WORKER_DEVICES" => r#"[{"type":"npu"}]"#,
            "DISTWORKER_IDLE_EXIT" | "REQUIRE_TASK_SIGNATURE" | "STRICT_EVENT_VALIDATION" => {
                "false"
            }
            "LOG_LEVEL" => "debug",
            "LOG_FORMAT" => "json",
            "OTEL_EXPORTER_OTLP_HEADERS" | "OTEL_RESOURCE_ATTRIBUTES" => "a=b",
            "OTEL_EXPORTER_OTLP_COMPRESSION" => "gzip",
            "OTEL_TRACES_EXPORTER" | "OTEL_METRICS_EXPORTER" => "none",
            "OTEL_TRACES_SAMPLER" => "always_off",
            "COST_PER_SKILL" | "AXON_TASK_TYPE_LIMITS" => r#"{"a":1}"#,
            _ => "77",
        };
        let mut vars = vec![
            ("WORKER_ID", "w"),
            ("GPU_MODEL", "X"),
            (variable.name, value),
        ];
        match variable.name {
            "TLS_CERT_PATH" => vars.push(("TLS_KEY_PATH", "k")),
            "TLS_KEY_PATH" => vars.push(("TLS_CERT_PATH", "c")),
            _ => {}
        }
        let mut settings = good(&vars);
        assert_ne!(settings, base, "{}", variable.name);
        // The place of the change: the same for aliases, different for all others.
        settings
            .orchestrators
            .iter_mut()
            .for_each(|o| o.priority = 1);
        let token = settings.orchestrators.first().map(|o| o.token.expose());
        let of_controller = settings.distworker.worker_token.expose();
        let key = settings.rxon.task_secret.as_ref();
        let key = key.map(crate::config::Token::expose);
        let fingerprint = format!("{token:?} {of_controller} {key:?} {settings:?}");
        let is_new = seen.insert(fingerprint);
        let alias = VARIABLES.iter().take_while(|v| v.name != variable.name);
        let is_alias = alias.into_iter().any(|v| v.key == variable.key);
        let same_place = matches!(variable.name, "ORCHESTRATOR_URL");
        assert_eq!(is_new, !is_alias && !same_place, "{}", variable.name);
    }
}
