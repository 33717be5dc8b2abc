//! Settings of logs, and of the export to an OpenTelemetry collector.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Token;
use super::problem::Notes;

/// What is logged, and how. Read by `axon_worker::logging` (feature `logging`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggingSettings {
    /// `LOG_LEVEL`: a level, or directives of `tracing-subscriber`'s `EnvFilter`.
    pub level: String,
    /// `LOG_FORMAT`.
    pub format: LogFormat,
}

/// How lines of the log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for LoggingSettings {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

/// Export of traces and metrics to an OpenTelemetry collector, by OTLP over HTTP. Read by
/// `axon_worker::logging` (feature `otlp`). Names, defaults and units of the variables are
/// those of the OpenTelemetry specification.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(
    clippy::struct_excessive_bools,
    reason = "switches that the specification names"
)]
pub struct OtlpSettings {
    /// `OTEL_SDK_DISABLED`: export nothing, whatever else is set.
    pub disabled: bool,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: base of the two addresses. Without it and those of
    /// their own nothing is exported.
    pub endpoint: Option<String>,
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`: whole address for traces.
    pub traces_endpoint: Option<String>,
    /// `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`: whole address for metrics.
    pub metrics_endpoint: Option<String>,
    /// `OTEL_EXPORTER_OTLP_HEADERS`: headers of each request, as they are written.
    pub headers: Option<Token>,
    /// `OTEL_EXPORTER_OTLP_TIMEOUT`: limit of an export with its retries.
    pub timeout: Duration,
    /// `OTEL_EXPORTER_OTLP_COMPRESSION`: whether bodies are packed by gzip.
    pub gzip: bool,
    /// `OTEL_TRACES_EXPORTER`: whether traces are exported.
    pub traces: bool,
    /// `OTEL_METRICS_EXPORTER`: whether metrics are exported.
    pub metrics: bool,
    /// `OTEL_METRIC_EXPORT_INTERVAL`: time between two exports of metrics.
    pub metric_interval: Duration,
    /// `OTEL_SERVICE_NAME`; the type of the worker unless set.
    pub service_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`: what else to say of this process.
    pub resource_attributes: BTreeMap<String, String>,
    /// `OTEL_TRACES_SAMPLER`.
    pub sampler: Sampler,
    /// `OTEL_TRACES_SAMPLER_ARG`: the share of traces, from 0 to 1, for samplers by ratio.
    pub sampler_ratio: f64,
}

/// Which traces are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Sampler {
    /// All.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// A share, by the trace id.
    Ratio,
    /// As the caller has decided; all that begin here.
    #[default]
    ParentOrAlwaysOn,
    /// As the caller has decided; none that begin here.
    ParentOrAlwaysOff,
    /// As the caller has decided; a share of those that begin here.
    ParentOrRatio,
}

/// The words of `OTEL_TRACES_SAMPLER`.
pub(super) const SAMPLER_WORDS: &[&str] = &[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];
/// Their meaning, in the same order.
pub(super) const SAMPLERS: [Sampler; 6] = [
    Sampler::AlwaysOn,
    Sampler::AlwaysOff,
    Sampler::Ratio,
    Sampler::ParentOrAlwaysOn,
    Sampler::ParentOrAlwaysOff,
    Sampler::ParentOrRatio,
];

impl Default for OtlpSettings {
    fn default() -> Self {
        Self {
            disabled: false,
            endpoint: None,
            traces_endpoint: None,
            metrics_endpoint: None,
            headers: None,
            timeout: Duration::from_secs(10),
            gzip: false,
            traces: true,
            metrics: true,
            metric_interval: Duration::from_mins(1),
            service_name: None,
            resource_attributes: BTreeMap::new(),
            sampler: Sampler::default(),
            sampler_ratio: 1.0,
        }
    }
}

impl OtlpSettings {
    /// Where traces go; `None`: nowhere.
    #[must_use]
    pub fn traces_url(&self) -> Option<String> {
        self.url(self.traces, self.traces_endpoint.as_ref(), "/v1/traces")
    }

    /// Where metrics go; `None`: nowhere.
    #[must_use]
    pub fn metrics_url(&self) -> Option<String> {
        self.url(self.metrics, self.metrics_endpoint.as_ref(), "/v1/metrics")
    }

    fn url(&self, on: bool, own: Option<&String>, path: &str) -> Option<String> {
        let base = || Some(format!("{}{path}", self.endpoint.as_ref()?));
        let is_on = on && !self.disabled;
        is_on.then(|| own.cloned().or_else(base)).flatten()
    }

    /// The headers of each request, by name.
    #[cfg(feature = "otlp")]
    pub(crate) fn header_pairs(&self) -> BTreeMap<String, String> {
        let pairs = self.headers.as_ref().and_then(|it| pairs(it.expose()));
        pairs.unwrap_or_default()
    }
}

/// Drops what cannot be used, and says so.
pub(super) fn check(otlp: &mut OtlpSettings, attributes: Option<&str>, notes: &mut Notes) {
    const SHAPE: &str = "expected pairs name=value, divided by commas";
    let is_wrong = |it: &Token| !pairs(it.expose()).is_some_and(|it| it.iter().all(is_header));
    if otlp.headers.as_ref().is_some_and(is_wrong) {
        notes.warn(format!("OTEL_EXPORTER_OTLP_HEADERS is ignored: {SHAPE}"));
        otlp.headers = None;
    }
    match attributes.map(pairs) {
        Some(Some(pairs)) => otlp.resource_attributes = pairs,
        Some(None) => notes.warn(format!("OTEL_RESOURCE_ATTRIBUTES is ignored: {SHAPE}")),
        None => {}
    }
    for (name, endpoint) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &otlp.endpoint),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &otlp.traces_endpoint),
        (
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            &otlp.metrics_endpoint,
        ),
    ] {
        let authority = endpoint.as_ref().and_then(|it| it.split('/').nth(2));
        if authority.is_some_and(|it| it.ends_with(":4317")) {
            notes.warn(format!(
                "{name} has port 4317, where collectors mostly speak gRPC: this worker speaks \
                 HTTP, for which it mostly is 4318"
            ));
        }
    }
}

/// Reads `name=value,name=value`, where values may be percent-encoded. `None`: it is
/// something else.
fn pairs(text: &str) -> Option<BTreeMap<String, String>> {
    let mut pairs = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim_end(), percent_decoded(value.trim_start())?);
        if name.is_empty() {
            return None;
        }
        pairs.insert(name.to_owned(), value);
    }
    Some(pairs)
}

/// Decodes `%40` and the like. `None`: it is not text, or a `%` without two digits.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let is_hex = digits.bytes().all(|it| it.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// Whether it can travel as a header.
fn is_header((name, value): (&String, &String)) -> bool {
    let is_token = |it: u8| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&it);
    name.bytes().all(is_token) && value.bytes().all(|it| matches!(it, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_they_are_written() {
        let read = |text| pairs(text).map(|it| it.into_iter().collect::<Vec<_>>());
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read(""), Some(vec![]));
        assert_eq!(
            read(" a = 1 , b=two%20words,c=x=y,"),
            Some(vec![
                pair("a", "1"),
                pair("b", "two words"),
                pair("c", "x=y")
            ])
        );
        for text in ["a", "=1", "a=%2", "a=%zz", "a=%+1", "a=%ff", "a=1,b"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_of_their_own_win_and_nothing_is_sent_when_it_is_off() {
        let mut otlp = OtlpSettings::default();
        assert_eq!((otlp.traces_url(), otlp.metrics_url()), (None, None));
        otlp.endpoint = Some("http://c:4318".to_owned());
        otlp.metrics_endpoint = Some("http://m/in".to_owned());
        assert_eq!(
            otlp.traces_url().as_deref(),
            Some("http://c:4318/v1/traces")
        );
        assert_eq!(otlp.metrics_url().as_deref(), Some("http://m/in"));
        otlp.traces = false;
        assert_eq!(otlp.traces_url(), None);
        otlp.disabled = true;
        assert_eq!(otlp.metrics_url(), None);
    }
}
