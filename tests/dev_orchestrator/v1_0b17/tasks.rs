//! Tasks as they are handed out, and how answers are wrapped.

use std::io::Read;
use std::time::Duration;

use axon_worker::dev::{Compression, Endpoint, JobSpec, JobState, Quirks, Tampering};
use axon_worker::transport::rxon::security::{SigningKey, TaskSignatureProblem, verify_task};
use serde_json::{Value, json};

use super::client::{Client, TASK_SECRET, TOKEN, builder, now};

/// The parts of an answer as it is on the wire.
struct Wire {
    encoding: Option<String>,
    version: Option<String>,
    body: Vec<u8>,
}

async fn poll(client: &Client, accept: &str) -> Wire {
    let mut response = client
        .http
        .get(format!("{}{}/tasks/next", client.base, client.path()))
        .insert_header(("X-Worker-Token", TOKEN))
        .insert_header(("Accept-Encoding", accept))
        .no_decompress()
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let (encoding, version) = (header("content-encoding"), header("x-rxon-version"));
    let body = response.body().await.unwrap().to_vec();
    Wire {
        encoding,
        version,
        body,
    }
}

fn verified(body: &[u8]) -> Result<(), TaskSignatureProblem> {
    verify_task(body, &SigningKey::new(TASK_SECRET).unwrap())
}

#[actix_rt::test]
async fn a_task_is_signed_with_all_that_it_carries() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let spec = JobSpec::task(
        "echo",
        json!({"f": 2.0, "n": null, "list": [null, 1.5], "x": "ü"}),
    )
    .priority(2.5)
    .deadline_in(Duration::from_mins(10))
    .metadata(json!({"tenant": "t"}))
    .allowed_skills(["echo", "other"])
    .tracing_context([("traceparent", "00-1-2-01")])
    .skill_version("1.2.0");
    orchestrator.submit(spec).await.unwrap();
    let wire = poll(&worker, "identity").await;
    assert_eq!(
        (wire.encoding, wire.version.as_deref()),
        (None, Some("1.0b17"))
    );
    verified(&wire.body).unwrap();
    let task: Value = serde_json::from_slice(&wire.body).unwrap();
    assert_eq!(
        task["params"],
        json!({"f": 2, "list": [null, 1.5], "x": "ü"})
    );
    assert_eq!(task["policy"], json!({"allowed_skills": ["echo", "other"]}));
    assert_eq!(task["metadata"], json!({"tenant": "t"}));
    assert_eq!(task["tracing_context"], json!({"traceparent": "00-1-2-01"}));
    assert_eq!((&task["priority"], &task["step"]), (&json!(2.5), &json!(1)));
    assert_eq!(
        (&task["type"], &task["skill_version"]),
        (&json!("echo"), &json!("1.2.0"))
    );
    assert!(task["task_id"].as_str().unwrap().starts_with("task-"));
    let deadline = task["deadline"].as_f64().unwrap();
    let from_now = deadline - f64::from(u32::try_from(now()).unwrap());
    assert!((1.0..660.0).contains(&from_now), "{from_now}");
}

#[actix_rt::test]
async fn the_security_object_of_a_result_travels_on_unsigned() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let chain = JobSpec::chain([("echo", json!({})), ("echo", json!({}))]);
    orchestrator.submit(chain).await.unwrap();
    let first = worker.task().await;
    assert_eq!(first.get("security"), None);
    worker.answer(&first, &json!({})).await;
    let wire = poll(&worker, "identity").await;
    verified(&wire.body).unwrap();
    let second: Value = serde_json::from_slice(&wire.body).unwrap();
    assert_eq!(
        (&second["step"], &second["security"]["signer_id"]),
        (&json!(2), &json!("w"))
    );
}

#[actix_rt::test]
async fn tasks_can_be_tampered_with() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    for (tampering, expected) in [
        (None, Ok(())),
        (Some(Tampering::Params), Err(TaskSignatureProblem::Wrong)),
        (Some(Tampering::Signature), Err(TaskSignatureProblem::Wrong)),
        (
            Some(Tampering::Unsigned),
            Err(TaskSignatureProblem::Missing),
        ),
    ] {
        orchestrator.set_quirks(Quirks {
            tampering,
            ..Quirks::default()
        });
        orchestrator
            .submit(JobSpec::task("echo", json!({"a": 1})))
            .await
            .unwrap();
        let wire = poll(&worker, "identity").await;
        assert_eq!(verified(&wire.body), expected, "{tampering:?}");
    }
}

#[actix_rt::test]
async fn parameters_that_cannot_be_signed_end_the_job() {
    let orchestrator = builder().start().await.unwrap();
    let job = orchestrator
        .submit(JobSpec::task("echo", json!({"n": 1e22})))
        .await
        .unwrap();
    let report = job.finished().await;
    assert_eq!(report.state, JobState::Quarantined);
    assert!(report.error.unwrap().contains("params.n"));
}

#[actix_rt::test]
async fn parameters_are_checked_before_a_task_goes_out_if_asked_for() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let skills = json!([{"name": "echo", "input_schema": schema}]);
    worker
        .register_as(&json!({"supported_skills": skills}))
        .await;
    let wrong = || JobSpec::task("echo", json!({"n": "x"}));
    orchestrator.submit(wrong()).await.unwrap();
    worker.task().await;
    orchestrator.set_quirks(Quirks {
        checks_params: true,
        ..Quirks::default()
    });
    let report = orchestrator.submit(wrong()).await.unwrap().finished().await;
    assert_eq!(report.state, JobState::Quarantined);
    assert!(report.error.unwrap().contains("/n"));
    orchestrator
        .submit(JobSpec::task("echo", json!({"n": 1})))
        .await
        .unwrap();
    worker.task().await;
}

#[actix_rt::test]
async fn large_answers_are_compressed_as_offered() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    for (compression, accept, expected) in [
        (
            Compression::AsOffered,
            "gzip, deflate, zstd;q=0",
            Some("zstd"),
        ),
        (Compression::AsOffered, "gzip, deflate", Some("gzip")),
        (Compression::AsOffered, "identity", None),
        (Compression::Off, "gzip, zstd", None),
        (Compression::Gzip, "gzip, zstd", Some("gzip")),
        (Compression::Zstd, "gzip", None),
    ] {
        orchestrator.set_quirks(Quirks {
            compression,
            ..Quirks::default()
        });
        let blob = "x".repeat(5000);
        orchestrator
            .submit(JobSpec::task("echo", json!({"blob": blob})))
            .await
            .unwrap();
        let wire = poll(&worker, accept).await;
        assert_eq!(
            wire.encoding.as_deref(),
            expected,
            "{compression:?}, {accept}"
        );
        // A compressed answer is a new one, which has lost this header.
        assert_eq!(wire.version.is_some(), expected.is_none());
        let mut body = Vec::new();
        match expected {
            Some("zstd") => {
                let mut decoder = ruzstd::decoding::StreamingDecoder::new(&*wire.body).unwrap();
                decoder.read_to_end(&mut body).unwrap();
            }
            Some(_) => {
                let mut decoder = flate2::read::GzDecoder::new(&*wire.body);
                decoder.read_to_end(&mut body).unwrap();
            }
            None => body = wire.body,
        }
        verified(&body).unwrap();
    }
}

#[actix_rt::test]
async fn a_poll_that_is_over_gets_any_task_if_asked_for() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    orchestrator
        .submit(JobSpec::task("other", json!({})))
        .await
        .unwrap();
    assert_eq!(worker.poll().await.status, 204);
    orchestrator.set_quirks(Quirks {
        steals_tasks: true,
        ..Quirks::default()
    });
    assert_eq!(worker.task().await["type"], "other");
}

#[actix_rt::test]
async fn a_skill_without_a_free_slot_gets_no_task_until_it_has_one() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["busy", "free"]).await;
    worker
        .heartbeat(&json!({"available_skills": ["free"]}))
        .await;
    for task in ["busy", "free", "busy"] {
        orchestrator
            .submit(JobSpec::task(task, json!({})))
            .await
            .unwrap();
    }
    assert_eq!(worker.task().await["type"], "free");
    assert_eq!(worker.poll().await.status, 204);

    worker
        .heartbeat(&json!({"available_skills": ["busy"]}))
        .await;
    assert_eq!(worker.task().await["type"], "busy");

    // The published orchestrator looks at the catalogue only.
    worker.heartbeat(&json!({"available_skills": []})).await;
    assert_eq!(worker.poll().await.status, 204);
    orchestrator.set_quirks(Quirks {
        ignores_availability: true,
        ..Quirks::default()
    });
    assert_eq!(worker.task().await["type"], "busy");
}

#[actix_rt::test]
async fn the_query_of_a_poll_is_recorded_and_changes_nothing() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let path = "/_worker/workers/w/tasks/next?timeout=0&available_skills=&hot_skills=";
    assert_eq!(worker.send("GET", path, Vec::new()).await.status, 204);
    let recorded = &orchestrator.requests_to(Endpoint::Poll)[0];
    assert_eq!(recorded.query, "timeout=0&available_skills=&hot_skills=");
    assert!(recorded.took >= Duration::from_millis(50));
}
