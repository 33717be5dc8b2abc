//! A collector that keeps what it gets.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::sync::watch;

pub(crate) type Attributes = BTreeMap<String, String>;

/// Listens on a free port until it is dropped.
pub(crate) struct Collector {
    port: u16,
    desk: web::Data<Desk>,
    server: ServerHandle,
}

struct Desk {
    got: Mutex<Got>,
    /// How many requests there were.
    news: watch::Sender<usize>,
    /// What it answers.
    status: AtomicU16,
}

/// Everything that was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Got {
    pub(crate) traces: Vec<ExportTraceServiceRequest>,
    pub(crate) metrics: Vec<ExportMetricsServiceRequest>,
    /// Paths and headers of all requests.
    pub(crate) heads: Vec<String>,
    /// All bodies, as they are.
    pub(crate) bytes: Vec<u8>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let desk = web::Data::new(Desk {
            got: Mutex::default(),
            news: watch::channel(0).0,
            status: AtomicU16::new(200),
        });
        let shared = desk.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .app_data(web::PayloadConfig::new(64 << 20))
                .default_service(web::to(take))
        });
        let server = server.workers(1).disable_signals();
        let server = server.bind(("127.0.0.1", 0)).expect("a free port");
        let port = server.addrs()[0].port();
        let server = server.run();
        let handle = server.handle();
        actix_rt::spawn(server);
        Self {
            port,
            desk,
            server: handle,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers so from now on.
    pub(crate) fn answer(&self, status: u16) {
        self.desk.status.store(status, Ordering::SeqCst);
    }

    pub(crate) fn got(&self) -> Got {
        self.desk.got.lock().unwrap().clone()
    }

    /// Waits until what it got is enough.
    pub(crate) async fn until(&self, is_enough: impl Fn(&Got) -> bool) -> Got {
        let mut news = self.desk.news.subscribe();
        loop {
            let got = self.got();
            if is_enough(&got) {
                return got;
            }
            news.changed().await.expect("the desk is there");
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // Begins with the call; nobody has to wait for it.
        drop(self.server.stop(false));
    }
}

async fn take(request: HttpRequest, body: web::Bytes, desk: web::Data<Desk>) -> HttpResponse {
    let status = desk.status.load(Ordering::SeqCst);
    {
        let mut got = desk.got.lock().unwrap();
        got.heads
            .push(format!("{} {:?}", request.path(), request.headers()));
        got.bytes.extend_from_slice(&body);
        match request.path() {
            _ if status != 200 => {}
            "/v1/traces" => got.traces.push(Message::decode(body).expect("traces")),
            "/v1/metrics" => got.metrics.push(Message::decode(body).expect("metrics")),
            other => panic!("{other}"),
        }
    }
    desk.news.send_modify(|count| *count += 1);
    HttpResponse::build(StatusCode::from_u16(status).unwrap()).finish()
}

impl Got {
    /// All spans.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.traces.iter().flat_map(|it| &it.resource_spans);
        let scopes = resources.flat_map(|it| &it.scope_spans);
        scopes.flat_map(|it| it.spans.clone()).collect()
    }

    /// The only span of that name.
    pub(crate) fn span(&self, name: &str) -> Span {
        let spans = self.spans();
        let mut found = spans.iter().filter(|span| span.name == name);
        match (found.next(), found.next()) {
            (Some(span), None) => span.clone(),
            (None, _) => panic!("no span {name} in {spans:#?}"),
            _ => panic!("more than one span {name}"),
        }
    }

    /// What a metric said last, by its attributes.
    pub(crate) fn metric(&self, name: &str) -> BTreeMap<Attributes, f64> {
        let points = |metric: &Metric| match metric.data.clone() {
            Some(metric::Data::Sum(sum)) => {
                assert!(
                    sum.is_monotonic && sum.aggregation_temporality == 2,
                    "{name}"
                );
                sum.data_points
            }
            Some(metric::Data::Gauge(gauge)) => gauge.data_points,
            other => panic!("{name}: {other:?}"),
        };
        let number = |value: Option<number_data_point::Value>| match value {
            Some(number_data_point::Value::AsDouble(number)) => number,
            other => panic!("{name}: {other:?}"),
        };
        let points = points(&self.last(name)).into_iter();
        points
            .map(|point| (attributes(&point.attributes), number(point.value)))
            .collect()
    }

    /// The last of that name.
    pub(crate) fn last(&self, name: &str) -> Metric {
        let last = self.metrics.last().expect("metrics");
        let scopes = last
            .resource_metrics
            .iter()
            .flat_map(|it| &it.scope_metrics);
        let mut all = scopes.flat_map(|it| &it.metrics);
        let found = all.find(|metric| metric.name == name);
        found
            .unwrap_or_else(|| panic!("no {name} in {last:#?}"))
            .clone()
    }
}

pub(crate) fn attributes(pairs: &[KeyValue]) -> Attributes {
    let text = |pair: &KeyValue| match pair.value.clone().and_then(|it| it.value) {
        Some(any_value::Value::StringValue(text)) => text,
        other => panic!("{}: {other:?}", pair.key),
    };
    pairs
        .iter()
        .map(|pair| (pair.key.clone(), text(pair)))
        .collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
