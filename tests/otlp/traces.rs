//! Spans of tasks.

use axon_worker::dev::JobSpec;
use serde_json::json;

use crate::collector::{attributes, hex};
use crate::stage::{SECRET, Stage, end, saying};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn within(spec: JobSpec, flags: &str) -> JobSpec {
    spec.tracing_context([
        ("traceparent", format!("00-{TRACE}-{PARENT}-{flags}")),
        ("tracestate", "rojo=1".to_owned()),
        ("tenant", "one".to_owned()),
    ])
}

#[actix_rt::test]
async fn a_task_is_a_span_of_the_trace_that_came_with_it() {
    let stage = Stage::new().await;
    let worker = stage.worker().start();
    let done = stage
        .job(within(JobSpec::task("noop", json!({})), "01"))
        .await;
    // Whoever began this trace does not record it, and so do we not.
    stage
        .job(within(JobSpec::task("echo", json!({})), "00"))
        .await;
    // What is no traceparent is not there: the span begins a trace.
    let nonsense = [(
        "traceparent",
        "00-00000000000000000000000000000000-0000000000000000-01",
    )];
    stage
        .job(JobSpec::task("add", json!({"a": 1, "b": 2})).tracing_context(nonsense))
        .await;
    let log = end(worker).await;

    let got = stage.collector.got();
    let span = got.span("task.noop");
    assert_eq!(
        (hex(&span.trace_id), hex(&span.parent_span_id)),
        (TRACE.into(), PARENT.into())
    );
    assert_eq!((span.trace_state.as_str(), span.kind), ("rojo=1", 5));
    let said = attributes(&span.attributes);
    assert_eq!(said["task.id"], done.history[0].task_id.to_string());
    assert_eq!(said["job.id"], done.id.to_string());
    assert_eq!(
        (said["task.type"].as_str(), said["task.status"].as_str()),
        ("noop", "success")
    );
    assert_eq!(said["orchestrator"], stage.orchestrator.url());
    assert_eq!(span.status.unwrap_or_default().code, 0);
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);

    assert!(!got.spans().iter().any(|span| span.name == "task.echo"));
    let root = got.span("task.add");
    assert!(root.parent_span_id.is_empty() && hex(&root.trace_id) != TRACE);

    let resource = got.traces[0].resource_spans[0].resource.clone().unwrap();
    let resource = attributes(&resource.attributes);
    assert_eq!(resource["service.name"], "conformance");
    assert_eq!(resource["service.instance.id"], "conformance-1");
    // The log and the trace can be joined.
    let ends = saying(&log, "task ended");
    assert!(
        ends.iter()
            .any(|line| line["trace_id"] == TRACE && line["kind"] == "noop"),
        "{ends:?}"
    );
}

#[actix_rt::test]
async fn a_failure_is_an_error_in_the_trace_and_no_secret_is() {
    let stage = Stage::new().await;
    let worker = stage
        .worker()
        .set("OTEL_SERVICE_NAME", "of the test")
        .set(
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment=test,service.name=overruled",
        )
        .set("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        .start();
    let fail = json!({"code": "PERMANENT_ERROR", "message": "no way"});
    stage.job(JobSpec::task("fail", fail)).await;
    let log = end(worker).await;

    let got = stage.collector.got();
    let span = got.span("task.fail");
    let status = span.status.clone().unwrap();
    assert_eq!((status.code, status.message.as_str()), (2, "no way"));
    let said = attributes(&span.attributes);
    assert_eq!(said["error.type"], "PERMANENT_ERROR");
    assert_eq!(said["task.status"], "failure");
    assert!(
        span.events.iter().any(|event| event.name == "task failed"),
        "{span:#?}"
    );
    let resource = got.traces[0].resource_spans[0].resource.clone().unwrap();
    let resource = attributes(&resource.attributes);
    assert_eq!(resource["service.name"], "of the test");
    assert_eq!(resource["deployment.environment"], "test");

    // The line of the log names the task without a path to it.
    let [line] = saying(&log, "task failed")[..] else {
        panic!("{log:?}");
    };
    assert_eq!(
        (&line["kind"], &line["task_id"]),
        (&json!("fail"), &json!(said["task.id"]))
    );
    assert_eq!(line["job_id"], said["job.id"].as_str());
    assert_eq!(line["orchestrator"], stage.orchestrator.url());
    assert_eq!(line["trace_id"], hex(&span.trace_id));

    let bytes = String::from_utf8_lossy(&got.bytes).into_owned();
    assert!(!bytes.contains(SECRET) && !bytes.contains("your-secret-worker-token"));
    let shown = |head: &String| head.contains(&format!("Bearer {SECRET}")) && head.contains("gzip");
    assert!(got.heads.iter().all(shown), "{:?}", got.heads);
}

#[actix_rt::test]
async fn what_a_task_tells_names_its_own_span() {
    let stage = Stage::new().await;
    let worker = stage.worker().start();
    let telling = json!({"name": "tick", "payload": {"n": 1}});
    stage
        .job(within(JobSpec::task("event", telling), "01"))
        .await;
    let steps = json!({"steps": 1, "delay": 0.0});
    stage
        .job(within(JobSpec::task("progress", steps), "01"))
        .await;
    end(worker).await;

    let got = stage.collector.got();
    let events = stage.orchestrator.events();
    for (kind, span) in [("tick", "task.event"), ("progress", "task.progress")] {
        let event = events
            .iter()
            .find(|event| event.kind() == Some(kind))
            .expect(kind);
        let told = &event.event["trace_context"];
        let ours = hex(&got.span(span).span_id);
        assert_eq!(
            told["traceparent"],
            format!("00-{TRACE}-{ours}-01"),
            "{told}"
        );
        assert_eq!(
            (&told["tracestate"], &told["tenant"]),
            (&json!("rojo=1"), &json!("one"))
        );
    }
}

#[actix_rt::test]
async fn without_a_collector_what_came_is_told_on() {
    let stage = Stage::new().await;
    let worker = stage.worker().set("OTEL_SDK_DISABLED", "true").start();
    let telling = json!({"name": "tick", "payload": {}});
    stage
        .job(within(JobSpec::task("event", telling), "01"))
        .await;
    let log = end(worker).await;
    assert_eq!(stage.collector.got().heads, [""; 0]);
    let told = &stage.orchestrator.events()[0].event["trace_context"];
    assert_eq!(
        told["traceparent"],
        format!("00-{TRACE}-{PARENT}-01"),
        "{told}"
    );
    // Its lines belong to the trace all the same.
    assert_eq!(saying(&log, "task ended")[0]["trace_id"], TRACE);
}
