//! Metrics on their way to the collector. They are counted once, for `/metrics`, and what
//! that page says is what goes out, as a collector that scraped it would pass it on.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource as WireResource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use prost::Message;

use super::sender::Sender;
use super::text::{Family, Kind, Labels, Point, families};
use crate::worker::WorkerHandle;

/// A worker whose metrics are exported.
#[derive(Debug)]
pub(super) struct Source {
    worker: WorkerHandle,
    resource: Vec<KeyValue>,
    since: u64,
}

impl Source {
    pub(super) fn new(worker: WorkerHandle, resource: &Resource) -> Self {
        let ResourceAttributesWithSchema { attributes, .. } = resource.into();
        Self {
            worker,
            resource: attributes.0,
            since: now(),
        }
    }
}

/// All workers of this process, and the way out.
#[derive(Debug)]
pub(super) struct Metrics {
    sender: Arc<Sender>,
    sources: Vec<Source>,
}

impl Metrics {
    pub(super) fn new(sender: Arc<Sender>) -> Self {
        Self {
            sender,
            sources: Vec::new(),
        }
    }

    pub(super) fn watch(&mut self, source: Source) {
        self.sources.push(source);
    }

    /// Sends the numbers of all workers; those of workers that have ended for the last
    /// time.
    pub(super) async fn export(&mut self) {
        let mut all = Vec::new();
        let mut ended = Vec::new();
        for source in &self.sources {
            let is_over = source.worker.has_ended();
            let text = if is_over {
                source.worker.last_metrics()
            } else {
                source.worker.metrics().await
            };
            all.push(of_worker(source, &text));
            ended.push(is_over);
        }
        if all.is_empty() {
            return;
        }
        let request = ExportMetricsServiceRequest {
            resource_metrics: all,
        };
        self.sender.send(request.encode_to_vec()).await;
        let mut ended = ended.into_iter();
        self.sources.retain(|_| !ended.next().unwrap_or(false));
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX))
}

fn of_worker(source: &Source, text: &str) -> ResourceMetrics {
    let (since, now) = (source.since, now());
    let metrics = families(text).into_iter();
    ResourceMetrics {
        resource: Some(WireResource {
            attributes: source.resource.clone(),
            ..WireResource::default()
        }),
        scope_metrics: vec![ScopeMetrics {
            scope: Some(InstrumentationScope {
                name: "axon-worker".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                ..InstrumentationScope::default()
            }),
            metrics: metrics.map(|family| metric(family, since, now)).collect(),
            schema_url: String::new(),
        }],
        schema_url: String::new(),
    }
}

fn metric(family: Family, since: u64, now: u64) -> Metric {
    let unit = match family.unit.as_str() {
        "seconds" => "s",
        "bytes" => "By",
        other => other,
    };
    let temporality = AggregationTemporality::Cumulative.into();
    let numbers = |points: Vec<Point>, since| {
        let number = |point: Point| NumberDataPoint {
            attributes: attributes(point.labels),
            start_time_unix_nano: since,
            time_unix_nano: now,
            value: Some(number_data_point::Value::AsDouble(point.value)),
            ..NumberDataPoint::default()
        };
        points.into_iter().map(number).collect()
    };
    let data = match family.kind {
        Kind::Gauge => metric::Data::Gauge(Gauge {
            data_points: numbers(family.points, 0),
        }),
        Kind::Counter => metric::Data::Sum(Sum {
            data_points: numbers(family.points, since),
            aggregation_temporality: temporality,
            is_monotonic: true,
        }),
        Kind::Histogram => metric::Data::Histogram(Histogram {
            data_points: family
                .points
                .into_iter()
                .map(|point| HistogramDataPoint {
                    attributes: attributes(point.labels),
                    start_time_unix_nano: since,
                    time_unix_nano: now,
                    count: point.buckets.iter().map(|(_, count)| count).sum(),
                    sum: Some(point.value),
                    bucket_counts: point.buckets.iter().map(|(_, count)| *count).collect(),
                    // The last one has no bound.
                    explicit_bounds: point
                        .buckets
                        .iter()
                        .map(|(bound, _)| *bound)
                        .filter(|bound| bound.is_finite())
                        .collect(),
                    ..HistogramDataPoint::default()
                })
                .collect(),
            aggregation_temporality: temporality,
        }),
    };
    Metric {
        name: family.name,
        description: family.help,
        unit: unit.to_owned(),
        metadata: Vec::new(),
        data: Some(data),
    }
}

fn attributes(labels: Labels) -> Vec<KeyValue> {
    let pair = |(key, value)| KeyValue {
        key,
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value)),
        }),
        ..KeyValue::default()
    };
    labels.into_iter().map(pair).collect()
}
