//! Logs, traces and metrics.

use std::time::Duration;

use super::{Variable, whole};
use crate::config::LogFormat;
use crate::config::kind::Kind;
use crate::config::telemetry::{SAMPLER_WORDS, SAMPLERS};

const EXPORTERS: Kind = Kind::OneOf(&["otlp", "none"]);

pub(super) const TELEMETRY: &[Variable] = table! {
    "LOG_LEVEL" "logging.level" "info" Kind::LogFilter
        => Text |d, v| d.settings.logging.level = v,
        "What is logged, in any letter case; the names of Python's levels are understood.";
    "LOG_FORMAT" "logging.format" "text" Kind::OneOf(&["text", "json"])
        => Choice |d, n| d.settings.logging.format = [LogFormat::Text, LogFormat::Json][n],
        "Lines for people, or one JSON object a line.";
    "OTEL_EXPORTER_OTLP_ENDPOINT" "otlp.endpoint" "(none)" Kind::Url
        => Text |d, v| d.settings.otlp.endpoint = Some(v),
        "Where an OpenTelemetry collector takes OTLP over HTTP; without an address nothing is exported.";
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" "otlp.traces_endpoint" "(`/v1/traces` of the endpoint)" Kind::Url
        => Text |d, v| d.settings.otlp.traces_endpoint = Some(v),
        "Whole address for traces.";
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" "otlp.metrics_endpoint" "(`/v1/metrics` of the endpoint)" Kind::Url
        => Text |d, v| d.settings.otlp.metrics_endpoint = Some(v),
        "Whole address for metrics.";
    "OTEL_EXPORTER_OTLP_HEADERS" "otlp.headers" "(none)" Kind::Secret
        => Secret |d, v| d.settings.otlp.headers = Some(v),
        "Headers of each export, as `name=value,name=value`; values may be percent-encoded.";
    "OTEL_EXPORTER_OTLP_TIMEOUT" "otlp.timeout_ms" "10000" whole(1, 3_600_000)
        => U32 |d, v| d.settings.otlp.timeout = Duration::from_millis(v.into()),
        "Limit of an export with its retries, in milliseconds.";
    "OTEL_EXPORTER_OTLP_COMPRESSION" "otlp.compression" "none" Kind::OneOf(&["none", "gzip"])
        => Choice |d, n| d.settings.otlp.gzip = n == 1,
        "Whether exports are packed.";
    "OTEL_TRACES_EXPORTER" "otlp.traces" "otlp" EXPORTERS
        => Choice |d, n| d.settings.otlp.traces = n == 0,
        "Whether traces are exported.";
    "OTEL_METRICS_EXPORTER" "otlp.metrics" "otlp" EXPORTERS
        => Choice |d, n| d.settings.otlp.metrics = n == 0,
        "Whether metrics are exported; `/metrics` does not depend on it.";
    "OTEL_METRIC_EXPORT_INTERVAL" "otlp.metric_interval_ms" "60000" whole(1, 86_400_000)
        => U32 |d, v| d.settings.otlp.metric_interval = Duration::from_millis(v.into()),
        "Time between two exports of metrics, in milliseconds.";
    "OTEL_SERVICE_NAME" "otlp.service_name" "(the type of the worker)" Kind::Text
        => Text |d, v| d.settings.otlp.service_name = Some(v),
        "What traces and metrics call the worker.";
    "OTEL_RESOURCE_ATTRIBUTES" "otlp.resource_attributes" "(none)" Kind::Text
        => Text |d, v| d.resource_attributes = Some(v),
        "What else they say of it, as `name=value,name=value`.";
    "OTEL_TRACES_SAMPLER" "otlp.sampler" "parentbased_always_on" Kind::OneOf(SAMPLER_WORDS)
        => Choice |d, n| d.settings.otlp.sampler = SAMPLERS[n],
        "Which traces are recorded.";
    "OTEL_TRACES_SAMPLER_ARG" "otlp.sampler_ratio" "1" Kind::Number { min: 0 }
        => Number |d, v| d.settings.otlp.sampler_ratio = v,
        "The share of traces, from 0 to 1, for the samplers with `traceidratio`.";
    "OTEL_SDK_DISABLED" "otlp.disabled" "false" Kind::Flag
        => Flag |d, v| d.settings.otlp.disabled = v,
        "Whether nothing is exported, whatever else is set.";
};
