//! A collector that is not there, does not answer, or refuses.

use axon_worker::dev::JobState;
use serde_json::json;
use tokio::net::TcpListener;

use crate::stage::{Stage, end, saying};
use axon_worker::dev::JobSpec;

#[actix_rt::test]
async fn a_collector_that_is_down_costs_no_task_and_is_one_warning() {
    let stage = Stage::new().await;
    // Nobody listens there any more.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let worker = stage
        .worker()
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        .set("OTEL_EXPORTER_OTLP_TIMEOUT", "300")
        .set("OTEL_METRIC_EXPORT_INTERVAL", "10")
        .set("OTEL_BSP_SCHEDULE_DELAY", "10")
        .start();
    for _ in 0..50 {
        stage.finished("noop", json!({})).await;
    }
    let log = end(worker).await;
    let warnings = saying(&log, "cannot export");
    let mut about: Vec<_> = warnings
        .iter()
        .map(|line| line["what"].as_str().unwrap())
        .collect();
    about.sort_unstable();
    assert_eq!(about, ["metrics", "traces"], "{warnings:#?}");
    assert!(
        warnings[0]["error"].as_str().unwrap().contains("refused"),
        "{warnings:#?}"
    );
}

#[actix_rt::test]
async fn a_collector_that_never_answers_does_not_keep_the_worker_from_ending() {
    let stage = Stage::new().await;
    // Takes connections and says nothing. An export may take an hour, the end may not.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let silent = actix_rt::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            held.push(socket);
        }
    });
    let worker = stage
        .worker()
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        .set("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")
        .start();
    stage.finished("noop", json!({})).await;
    end(worker).await;
    silent.abort();
}

#[actix_rt::test]
async fn an_outage_is_told_when_it_begins_and_when_it_ends() {
    let stage = Stage::new().await;
    // Refused for good, so that nothing is tried twice.
    stage.collector.answer(400);
    let worker = stage
        .worker()
        .set("OTEL_TRACES_EXPORTER", "none")
        .set("OTEL_METRIC_EXPORT_INTERVAL", "10")
        .start();
    stage.collector.until(|got| got.heads.len() >= 3).await;
    stage.collector.answer(200);
    stage.collector.until(|got| got.metrics.len() >= 2).await;
    let log = end(worker).await;
    let [began] = saying(&log, "cannot export")[..] else {
        panic!("{log:#?}");
    };
    assert!(began["error"].as_str().unwrap().contains("400"), "{began}");
    let [ended] = saying(&log, "takes exports again")[..] else {
        panic!("{log:#?}");
    };
    assert!(ended["lost"].as_u64().unwrap() >= 1, "{ended}");
}

#[actix_rt::test]
async fn an_export_that_is_put_off_is_sent_again() {
    let stage = Stage::new().await;
    stage.collector.answer(429);
    let worker = stage.worker().set("OTEL_METRICS_EXPORTER", "none").start();
    let report = stage.job(JobSpec::task("noop", json!({}))).await;
    assert_eq!(report.state, JobState::Finished);
    stage.collector.until(|got| !got.heads.is_empty()).await;
    stage.collector.answer(200);
    let got = stage.collector.until(|got| !got.traces.is_empty()).await;
    got.span("task.noop");
    let log = end(worker).await;
    assert_eq!(saying(&log, "cannot export").len(), 0, "{log:#?}");
}
