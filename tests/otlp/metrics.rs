//! The numbers of `/metrics`, at the collector.

use opentelemetry_proto::tonic::metrics::v1::metric;
use serde_json::json;

use crate::collector::{Attributes, attributes};
use crate::stage::{Stage, end};
use axon_worker::dev::JobSpec;

fn of(pairs: &[(&str, &str)]) -> Attributes {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[actix_rt::test]
async fn the_end_of_a_worker_tells_its_last_numbers() {
    let stage = Stage::new().await;
    // A day between two exports: what arrives was sent at the end.
    let worker = stage
        .worker()
        .set("OTEL_METRIC_EXPORT_INTERVAL", "86400000")
        .start();
    for _ in 0..3 {
        stage.finished("noop", json!({})).await;
    }
    let fail = json!({"code": "PERMANENT_ERROR", "message": "no"});
    stage.job(JobSpec::task("fail", fail)).await;
    end(worker).await;

    let got = stage.collector.got();
    let tasks = got.metric("axon_tasks");
    assert_eq!(
        tasks[&of(&[("task", "noop"), ("outcome", "completed")])],
        3.0
    );
    assert_eq!(tasks[&of(&[("task", "noop"), ("outcome", "failed")])], 0.0);
    let errors = got.metric("axon_task_errors");
    assert_eq!(
        errors[&of(&[("task", "fail"), ("code", "PERMANENT_ERROR")])],
        1.0
    );
    assert_eq!(
        got.metric("axon_results")[&of(&[("end", "delivered")])],
        4.0
    );
    assert_eq!(got.metric("axon_draining")[&of(&[])], 1.0);

    let ran = got.last("axon_task_run_seconds");
    assert_eq!(
        (ran.unit.as_str(), ran.description.as_str()),
        ("s", "Time in the handler")
    );
    let Some(metric::Data::Histogram(ran)) = ran.data else {
        panic!("{ran:?}");
    };
    let noop = ran
        .data_points
        .iter()
        .find(|it| attributes(&it.attributes)["task"] == "noop");
    let noop = noop.expect("a histogram");
    assert_eq!((noop.count, noop.bucket_counts.iter().sum::<u64>()), (3, 3));
    assert_eq!(noop.bucket_counts.len(), noop.explicit_bounds.len() + 1);
    assert!(noop.explicit_bounds.is_sorted() && noop.sum.is_some_and(|sum| sum > 0.0));
    assert!(noop.start_time_unix_nano < noop.time_unix_nano);

    let resource = got.metrics[0].resource_metrics[0].resource.clone().unwrap();
    let resource = attributes(&resource.attributes);
    assert_eq!(resource["service.instance.id"], "conformance-1");
}

#[actix_rt::test]
async fn numbers_go_out_again_and_again_and_traces_only_if_wanted() {
    let stage = Stage::new().await;
    let worker = stage
        .worker()
        .set("OTEL_METRIC_EXPORT_INTERVAL", "20")
        .set("OTEL_TRACES_EXPORTER", "none")
        .start();
    stage.finished("noop", json!({})).await;
    let is_told = |got: &crate::collector::Got| {
        got.metrics.len() >= 3
            && got.metric("axon_tasks")[&of(&[("task", "noop"), ("outcome", "completed")])] > 0.0
    };
    stage.collector.until(is_told).await;
    let lag = stage.collector.got().metric("axon_loop_lag_seconds");
    assert!(lag[&of(&[("thread", "control")])] < 1.0, "{lag:?}");
    end(worker).await;
    assert_eq!(stage.collector.got().traces, []);
}
