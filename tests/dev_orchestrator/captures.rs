//! Traffic of the real orchestrator (avtomatika 1.0b12), played again: we act as
//! the worker and expect the answers that were recorded.

use std::collections::HashMap;
use std::io::Read;
use std::time::Duration;

use axon_worker::JobId;
use axon_worker::dev::{DevOrchestrator, JobHandle, JobState};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::captured::{by_answer, job_of, step};
use super::client::Client;

macro_rules! capture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!(
            "../vectors/captures/1.0b2-",
            $name,
            ".json"
        )))
        .unwrap()
    };
}

/// Ids in the capture and ours.
#[derive(Default)]
struct Ids(HashMap<String, String>);

impl Ids {
    fn ours(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.0.get(text).unwrap_or(text).as_str().into(),
            Value::Array(items) => items.iter().map(|item| self.ours(item)).collect(),
            Value::Object(members) => {
                let members = members.iter();
                members
                    .map(|(key, item)| (key.clone(), self.ours(item)))
                    .collect()
            }
            other => other.clone(),
        }
    }

    fn pair(&mut self, captured: &Value, ours: &Value) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.0.insert(text(captured), text(ours));
    }
}

/// Plays every exchange in the order of the answers, and returns the jobs by the
/// ids they have in the capture.
async fn play(orchestrator: &DevOrchestrator, capture: &Value) -> HashMap<String, JobHandle> {
    let client = Client::with_token(orchestrator, "probe-worker-1", "dummy-worker-token");
    let exchanges = by_answer(capture);
    let tasks: Vec<&Value> = exchanges
        .iter()
        .map(|exchange| &exchange["response"]["json"])
        .filter(|answer| answer.get("params").is_some())
        .collect();
    let mut ids = Ids::default();
    let mut jobs = HashMap::new();
    for exchange in exchanges {
        let (request, expected) = (&exchange["request"], &exchange["response"]);
        if expected["status"] == 500 {
            // A defect of 1.0b12 that is not copied: see the fact about time limits
            // missing in its blueprints.
            continue;
        }
        let captured = &expected["json"];
        let is_task = captured.get("params").is_some();
        let job_id = captured["job_id"].as_str().unwrap_or_default();
        if is_task && !jobs.contains_key(job_id) {
            let same_job = |task: &&&Value| task["job_id"] == job_id;
            let mut all: Vec<&Value> = tasks.iter().filter(same_job).copied().collect();
            if capture["scenario"] != "parallel" {
                all.truncate(1);
            }
            let job = orchestrator.submit(job_of(step(&all))).await.unwrap();
            jobs.insert(job_id.to_owned(), job);
        }
        let body = request.get("json").map(|body| ids.ours(body));
        let method = request["method"].as_str().unwrap();
        let target = request["target"].as_str().unwrap();
        let answer = client.send(method, target, body.as_ref()).await;
        assert_eq!(answer.status, expected["status"], "{method} {target}");
        if is_task {
            ids.pair(&captured["job_id"], &answer.body["job_id"]);
            ids.pair(&captured["task_id"], &answer.body["task_id"]);
        }
        assert_eq!(answer.body, ids.ours(captured), "{method} {target}");
    }
    jobs
}

fn state(word: &Value) -> JobState {
    match word.as_str().unwrap() {
        "finished" => JobState::Finished,
        "failed" => JobState::Failed,
        "quarantined" => JobState::Quarantined,
        other => panic!("unexpected end {other}"),
    }
}

async fn assert_replays(capture: Value, max_retries: u32) {
    let orchestrator = DevOrchestrator::builder()
        .token("dummy-worker-token")
        .poll_hold(Duration::from_millis(50))
        .max_retries(max_retries)
        .start()
        .await
        .unwrap();
    let jobs = play(&orchestrator, &capture).await;
    let mut compared = 0;
    for outcome in capture["outcomes"].as_array().unwrap() {
        let Some(end) = outcome.get("final") else {
            continue;
        };
        let report = jobs[outcome["job"].as_str().unwrap()].report();
        assert_eq!(report.state, state(&end["status"]), "{outcome}");
        assert_eq!(report.step, end["current_state"], "{outcome}");
        if capture["scenario"] != "parallel" {
            assert_eq!(
                report.attempts() as u64,
                end["retry_count"].as_u64().unwrap() + 1
            );
            let data = end.get("state_history").cloned().unwrap_or(json!({}));
            assert_eq!(without_ids(&report.data), without_ids(&data));
        }
        compared += 1;
    }
    assert!(compared > 0);
}

/// Some handlers of the captures answer with the ids they were given.
fn without_ids(data: &Value) -> Value {
    let mut data = data.clone();
    if let Some(kwargs) = data.get_mut("kwargs").and_then(Value::as_object_mut) {
        kwargs.remove("job_id");
        kwargs.remove("task_id");
    }
    data
}

#[actix_rt::test]
async fn the_life_cycle_is_answered_as_it_was() {
    assert_replays(capture!("lifecycle"), 3).await;
}

#[actix_rt::test]
async fn custom_statuses_end_as_they_did() {
    assert_replays(capture!("statuses"), 3).await;
}

#[actix_rt::test]
async fn failure_codes_end_as_they_did() {
    assert_replays(capture!("failure-codes"), 1).await;
}

#[actix_rt::test]
async fn hot_cache_records_are_echoed_as_they_were() {
    assert_replays(capture!("hot-cache"), 3).await;
}

#[actix_rt::test]
async fn two_branches_go_out_and_come_back_as_they_did() {
    assert_replays(capture!("parallel"), 3).await;
}

/// The plain client that tried every endpoint and every error.
#[actix_rt::test]
async fn a_plain_client_gets_the_answers_it_got() {
    // Not comparable: the text of a compressed body is not in the capture, zstd is
    // not offered here, and the task that was cancelled is not in the capture.
    const LEFT_OUT: [&str; 3] = [
        "register, request body gzip-encoded",
        "register, request body zstd-encoded",
        "worker answers with status cancelled",
    ];
    let capture = capture!("raw-client");
    let orchestrator = DevOrchestrator::builder()
        .token("dummy-worker-token")
        .worker_token("raw-2", "individual-dummy-token")
        .poll_hold(Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    let http = awc::Client::builder().no_default_headers().finish();
    let mut ids: HashMap<String, String> = HashMap::new();
    let mut compared = 0;
    for item in capture["items"].as_array().unwrap() {
        let case = item["case"].as_str().unwrap();
        let Some(expected) = item.get("response").filter(|_| !LEFT_OUT.contains(&case)) else {
            continue;
        };
        let captured: Value =
            serde_json::from_str(expected["body"].as_str().unwrap()).unwrap_or_default();
        if case == "version header absent" {
            // A request that is not in the capture had set the list back.
            let worker = Client::with_token(&orchestrator, "raw-1", "dummy-worker-token");
            worker
                .heartbeat(&json!({"supported_tasks": ["echo"]}))
                .await;
        }
        if captured["params"].is_object() {
            orchestrator
                .submit(job_of(step(&[&captured])))
                .await
                .unwrap();
        }
        let request = &item["request"];
        let target = request["target"].as_str().unwrap();
        let url = format!("{}{target}", orchestrator.url());
        let sent = http.request(request["method"].as_str().unwrap().parse().unwrap(), url);
        let mut sent = sent.no_decompress();
        for (name, value) in request["headers"].as_object().unwrap() {
            sent = sent.insert_header((name.as_str(), value.as_str().unwrap()));
        }
        if request["headers"].get("Accept-Encoding").is_none() {
            // Else the client adds one by itself.
            sent = sent.insert_header(("Accept-Encoding", "identity"));
        }
        let sent = sent.no_decompress();
        let mut body = request["body"].as_str().unwrap_or_default().to_owned();
        for (captured, ours) in &ids {
            body = body.replace(captured, ours);
        }
        let mut response = sent.send_body(body).await.unwrap();
        let mut body = response.body().await.unwrap().to_vec();
        if response.headers().contains_key("content-encoding") {
            let mut text = Vec::new();
            GzDecoder::new(&body[..]).read_to_end(&mut text).unwrap();
            body = text;
        }
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        assert_eq!(response.status().as_u16(), expected["status"], "{case}");
        assert_eq!(
            response.headers().contains_key("content-encoding"),
            expected["headers"].get("Content-Encoding").is_some(),
            "{case}"
        );
        if captured["params"].is_object() {
            for id in ["job_id", "task_id"] {
                let text = |value: &Value| value[id].as_str().unwrap().to_owned();
                ids.insert(text(&captured), text(&answer));
            }
            assert_eq!(answer["params"], captured["params"]);
        } else if captured.get("error").is_some() {
            assert!(answer["error"].is_string(), "{case}: {answer}");
        } else {
            assert_eq!(answer, captured, "{case}");
        }
        compared += 1;
    }
    assert!(compared > 35, "{compared}");
    // The real one takes a result with a wrong task id and lets a second one move a
    // job that has ended; here each task is answered once.
    let mut jobs = ids
        .into_values()
        .filter_map(|id| orchestrator.job(&JobId::from(id)));
    let report = jobs.next().unwrap();
    assert_eq!(
        (report.step.as_str(), report.data),
        ("finished", json!({"again": 1}))
    );
    assert_eq!(orchestrator.stale_results(), 2);
}
