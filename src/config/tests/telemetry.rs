//! Logs and OpenTelemetry.

use super::*;
use crate::config::{LogFormat, Sampler};

#[test]
fn levels_and_formats_are_read_and_mistakes_name_their_variable() {
    let logging = good(&[("LOG_LEVEL", "WARNING"), ("LOG_FORMAT", "JSON")]).logging;
    assert_eq!(
        (logging.level.as_str(), logging.format),
        ("warn", LogFormat::Json)
    );
    assert_eq!(
        told(&[("LOG_LEVEL", "verbose"), ("LOG_FORMAT", "xml")]),
        "LOG_LEVEL: expected off, error, warn, info, debug, trace, or directives such as \
         info,axon_worker=debug, got \"verbose\"\n\
         LOG_FORMAT: expected one of text, json, got \"xml\""
    );
}

#[test]
fn a_collector_is_described_by_the_standard_variables() {
    let otlp = good(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment=test,team=a%20b",
        ),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ])
    .otlp;
    assert_eq!(
        otlp.traces_url().as_deref(),
        Some("http://c:4318/v1/traces")
    );
    assert_eq!(otlp.metrics_url(), None);
    assert_eq!(otlp.timeout.as_millis(), 1500);
    assert_eq!(otlp.resource_attributes["team"], "a b");
    assert_eq!((otlp.sampler, otlp.sampler_ratio), (Sampler::Ratio, 0.25));
}

#[test]
fn what_a_fleet_has_set_for_others_stops_no_worker() {
    let vars = [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "soon"),
        ("OTEL_RESOURCE_ATTRIBUTES", "nonsense"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://u:hunter2@c"),
    ];
    let told = warnings(&vars);
    assert_eq!(told.len(), vars.len(), "{told:?}");
    for (name, _) in vars {
        assert!(
            told.iter()
                .any(|it| it.starts_with(name) && it.contains("ignored")),
            "{name}: {told:?}"
        );
    }
    assert!(!told.concat().contains("hunter2"), "{told:?}");
    let mut vars = vars.to_vec();
    vars.push(("WORKER_TOKEN", "token-t"));
    assert_eq!(good(&vars).otlp, Settings::default().otlp);
}

#[test]
fn in_the_file_the_same_is_a_mistake() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[otlp]\ntraces = \"zipkin\"\n").unwrap();
    let told = told(&[("AXON_WORKER_CONFIG", file.path().to_str().unwrap())]);
    assert!(told.starts_with("otlp.traces ("), "{told}");
}

#[test]
fn the_port_of_grpc_is_pointed_out() {
    let told = warnings(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317")]);
    assert!(told.iter().any(|it| it.contains("4318")), "{told:?}");
}
