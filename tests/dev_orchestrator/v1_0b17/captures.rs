//! Traffic of the real orchestrator (avtomatika 1.0b30), played again: we act as the worker,
//! at the time of the capture, and expect the answers that were recorded.

use axon_worker::dev::{JobSpec, Quirks};
use serde_json::{Value, json};

use super::client::builder;
use super::player::{Exchange, Player};
use crate::captured::{by_answer, job_of, step};

macro_rules! capture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!(
            "../../vectors/captures/1.0b17-",
            $name,
            ".json"
        )))
        .unwrap()
    };
}

/// A job like those of the captures.
fn spec(tasks: &[&Value]) -> JobSpec {
    let mut step = step(tasks);
    if tasks.len() == 1 {
        step["event_transitions"] = json!({"ev": "by_event"});
    }
    job_of(step)
}

/// The plain client that tried every endpoint and every error.
#[actix_rt::test]
async fn a_plain_client_gets_the_answers_it_got() {
    const LEFT_OUT: [&str; 7] = [
        // The capture does not have the bytes.
        "register ok, request body gzip",
        "request body zstd",
        // The stored state was changed by hand before these.
        "result after a failure whose message contains 'timeout'",
        "heartbeat listing the JOB id among current_tasks: cancel_task_ids comes back for a \
         cancelled job",
        // A cancelled job is not revived here, on purpose.
        "success result for a cancelled job: accepted, job is revived",
        // The text is compared in a test of its own.
        "poll with a task larger than 500 bytes, Accept-Encoding gzip: X-RXON-Version is lost by \
         compression",
        "same with zstd offered",
    ];
    let capture = capture!("raw-client");
    let items = capture["items"].as_array().unwrap();
    let own = items
        .iter()
        .find(|item| item["case"] == "individual token, signed with it");
    let own = own.unwrap()["request"]["headers"]["X-Worker-Token"]
        .as_str()
        .unwrap();
    let builder = builder().worker_token("raw-3", own);
    let (orchestrator, mut player) = Player::new(builder, 1_795_213_580, Quirks::default()).await;
    for exchange in items.iter().filter_map(Exchange::of_item) {
        if LEFT_OUT.contains(&exchange.case) {
            continue;
        }
        if exchange.is_task() {
            let job = orchestrator
                .submit(spec(&[&exchange.answer]))
                .await
                .unwrap();
            player.jobs.insert(exchange.case.to_owned(), job);
        }
        player.play(&exchange).await;
    }
    println!("raw-client: {} answers compared", player.compared);
    assert_eq!(player.compared, 73);
}

#[actix_rt::test]
async fn contracts_and_retries_of_a_plain_client_go_as_they_went() {
    let capture = capture!("raw-client-2");
    let items = capture["items"].as_array().unwrap();
    let quirks = Quirks {
        no_queue: true,
        ..Quirks::default()
    };
    let (orchestrator, mut player) = Player::new(builder(), 1_795_215_273, quirks).await;
    for item in items {
        if item["case"] == "reputation afterwards (two deductions of 0.2)" {
            let captured = item["reputation"][0].as_f64().unwrap();
            let ours = orchestrator.worker("w").unwrap().record["reputation"].as_f64();
            assert!(
                (ours.unwrap() - captured).abs() < 1e-9,
                "{ours:?}, not {captured}"
            );
            player.compared += 1;
        }
        let Some(exchange) = Exchange::of_item(item) else {
            continue;
        };
        if exchange.is_task() {
            orchestrator
                .submit(spec(&[&exchange.answer]))
                .await
                .unwrap();
        }
        player.play(&exchange).await;
    }
    println!("raw-client-2: {} answers compared", player.compared);
    assert_eq!(player.compared, 12);
}

#[actix_rt::test]
async fn messages_with_the_fields_of_both_versions_are_taken() {
    let capture = capture!("union-client");
    let items = capture["items"].as_array().unwrap();
    let first: Value = serde_json::from_str(items[0]["request"]["body"].as_str().unwrap()).unwrap();
    let time = first["timestamp"].as_u64().unwrap();
    let (orchestrator, mut player) = Player::new(builder(), time, Quirks::default()).await;
    for exchange in items.iter().filter_map(Exchange::of_item) {
        if exchange.is_task() {
            orchestrator
                .submit(spec(&[&exchange.answer]))
                .await
                .unwrap();
        }
        player.play(&exchange).await;
    }
    println!("union-client: {} answers compared", player.compared);
    assert_eq!(player.compared, 4);
}

/// A real worker: its answers, and the ends of its jobs.
async fn assert_replays(capture: Value, max_retries: u32) {
    let sorted: Vec<Exchange<'_>> = by_answer(&capture)
        .into_iter()
        .filter_map(Exchange::of_traffic)
        .collect();
    let first: Value = serde_json::from_str(&sorted[0].body).unwrap();
    let time = first["timestamp"].as_u64().unwrap() + 20;
    let builder = builder().max_retries(max_retries);
    let quirks = Quirks {
        cancels_by_job_id_only: true,
        ..Quirks::default()
    };
    let (orchestrator, mut player) = Player::new(builder, time, quirks).await;
    let is_parallel = capture["scenario"] == "parallel";
    for exchange in &sorted {
        let job = exchange.answer["job_id"].as_str().unwrap_or_default();
        if exchange.is_task() && !player.jobs.contains_key(job) {
            let tasks = sorted.iter().map(|it| &it.answer);
            let mut tasks: Vec<&Value> = tasks
                .filter(|it| it.get("params").is_some() && it["job_id"] == job)
                .collect();
            if !is_parallel {
                tasks.truncate(1);
            }
            let submitted = orchestrator.submit(spec(&tasks)).await.unwrap();
            player.jobs.insert(job.to_owned(), submitted);
        }
        player.play(exchange).await;
    }
    let mut ends = 0;
    for outcome in capture["outcomes"].as_array().unwrap() {
        let (job, end) = (outcome["job"].as_str().unwrap(), &outcome["final"]);
        let report = player.jobs[job].report();
        let state = format!("{:?}", report.state).to_lowercase();
        if end["status"] == "waiting_for_worker" {
            assert_eq!(state, "running", "{outcome}");
            continue;
        }
        assert_eq!(
            (&*state, &*report.step),
            (
                end["status"].as_str().unwrap(),
                end["current_state"].as_str().unwrap()
            )
        );
        if !is_parallel {
            let retries = end["retry_count"].as_u64().unwrap();
            assert_eq!(report.attempts() as u64, retries + 1, "{outcome}");
        }
        if let Some(progress) = outcome.get("progress") {
            assert_eq!(report.progress.as_ref(), Some(progress));
        }
        ends += 1;
    }
    let scenario = &capture["scenario"];
    println!(
        "{scenario}: {} answers and {ends} ends compared",
        player.compared
    );
    assert!(player.compared >= 7 && ends > 0);
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
async fn two_branches_go_out_and_come_back_as_they_did() {
    assert_replays(capture!("parallel"), 3).await;
}

#[actix_rt::test]
async fn events_are_answered_as_they_were() {
    assert_replays(capture!("events-http"), 3).await;
}
