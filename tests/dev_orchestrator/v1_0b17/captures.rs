//! Traffic of the real orchestrator (avtomatika 1.0b30), played again: we act as the worker,
//! at the time of the capture, and expect the answers that were recorded.

use std::collections::HashMap;

use axon_worker::dev::{DevOrchestrator, DevOrchestratorBuilder, JobHandle, JobSpec, Quirks};
use axon_worker::transport::rxon::security::{
    MessageKind, Signer, SigningKey, seal_value, verify_message, verify_task,
};
use serde_json::{Value, json};

use super::client::{Client, TOKEN, builder, now};

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

/// One request of a capture and the answer to it.
struct Exchange<'a> {
    case: &'a str,
    method: &'a str,
    target: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: String,
    status: u16,
    /// The body of the answer; null if there was none.
    answer: Value,
}

impl<'a> Exchange<'a> {
    /// From the captures of a plain client.
    fn of_item(item: &'a Value) -> Option<Self> {
        let (request, response) = (&item["request"], item.get("response")?);
        let headers = request["headers"].as_object()?;
        let headers = headers
            .iter()
            .map(|(name, value)| (&**name, value.as_str().unwrap()));
        let answer = response["body"].as_str().unwrap();
        Some(Self {
            case: item["case"].as_str().unwrap(),
            method: request["method"].as_str().unwrap(),
            target: request["target"].as_str().unwrap(),
            headers: headers.collect(),
            body: request["body"].as_str().unwrap_or_default().to_owned(),
            status: u16::try_from(response["status"].as_u64().unwrap()).unwrap(),
            answer: serde_json::from_str(answer).unwrap_or_default(),
        })
    }

    /// From the captures of a proxy before a real worker.
    fn of_traffic(exchange: &'a Value) -> Option<Self> {
        let (request, response) = (&exchange["request"], exchange.get("response")?);
        let worker = "probe-worker-1";
        Some(Self {
            case: request["target"].as_str().unwrap(),
            method: request["method"].as_str().unwrap(),
            target: request["target"].as_str().unwrap(),
            headers: vec![
                ("X-Worker-Token", TOKEN),
                ("X-Worker-ID", worker),
                ("X-RXON-Version", "1.0b17"),
            ],
            body: request
                .get("json")
                .map(Value::to_string)
                .unwrap_or_default(),
            status: u16::try_from(response["status"].as_u64()?).unwrap(),
            answer: response.get("json").cloned().unwrap_or_default(),
        })
    }

    fn is_task(&self) -> bool {
        self.answer.get("params").is_some()
    }

    fn kind(&self) -> MessageKind {
        match self.target {
            "/_worker/events" => MessageKind::Event,
            _ => MessageKind::Result,
        }
    }
}

/// Sends what was captured, with our ids and tokens in the place of the captured ones. What
/// was signed well is signed anew where they occur; all else goes out as it was captured.
struct Player {
    client: Client,
    ours: HashMap<String, String>,
    jobs: HashMap<String, JobHandle>,
    compared: usize,
}

impl Player {
    /// Sets the clock of the orchestrator to the time of the capture.
    async fn new(
        builder: DevOrchestratorBuilder,
        time: u64,
        quirks: Quirks,
    ) -> (DevOrchestrator, Self) {
        let orchestrator = builder.start().await.unwrap();
        orchestrator.set_quirks(Quirks {
            clock_offset: i64::try_from(time).unwrap() - i64::try_from(now()).unwrap(),
            ..quirks
        });
        let player = Self {
            client: Client::new(&orchestrator, "any"),
            ours: HashMap::new(),
            jobs: HashMap::new(),
            compared: 0,
        };
        (orchestrator, player)
    }

    fn translated(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (captured, ours) in &self.ours {
            text = text.replace(captured, ours);
        }
        text
    }

    fn body(&self, exchange: &Exchange<'_>) -> Vec<u8> {
        let body = self.translated(&exchange.body);
        let key = SigningKey::new(TOKEN).unwrap();
        let was_fine = verify_message(exchange.body.as_bytes(), exchange.kind(), &key).is_ok();
        if body == exchange.body || !was_fine {
            return body.into_bytes();
        }
        let message: Value = serde_json::from_str(&body).unwrap();
        let signer = message["security"]["signer_id"].as_str().unwrap();
        seal_value(&message, exchange.kind(), &key, Signer::new(signer)).unwrap()
    }

    async fn play(&mut self, exchange: &Exchange<'_>) -> Value {
        let case = exchange.case;
        let headers: Vec<(String, String)> = exchange
            .headers
            .iter()
            .filter(|(name, _)| *name != "Accept-Encoding")
            .map(|(name, value)| ((*name).to_owned(), self.translated(value)))
            .chain([("Accept-Encoding".to_owned(), "identity".to_owned())])
            .collect();
        let headers: Vec<_> = headers.iter().map(|(name, it)| (&**name, &**it)).collect();
        let body = self.body(exchange);
        let answer = self
            .client
            .send_with(&headers, exchange.method, exchange.target, body)
            .await;
        assert_eq!(answer.status, exchange.status, "{case}: {answer:?}");
        assert_eq!(answer.version.is_some(), exchange.status != 404, "{case}");
        if exchange.is_task() {
            self.compare_task(exchange, &answer.body);
        } else if let Some(captured) = exchange.answer["access_token"].as_str() {
            self.learn(captured, &answer.body["access_token"]);
            let captured = exchange.answer["refresh_token"].as_str().unwrap();
            self.learn(captured, &answer.body["refresh_token"]);
            for member in ["expires_in", "worker_id"] {
                assert_eq!(answer.body[member], exchange.answer[member], "{case}");
            }
        } else if is_wording(&exchange.answer) {
            let (ours, theirs) = (&answer.body, &exchange.answer);
            assert_eq!(members(ours), members(theirs), "{case}: {ours}");
        } else {
            let expected = self.translated(&exchange.answer.to_string());
            let expected: Value = serde_json::from_str(&expected).unwrap();
            assert_eq!(answer.body, expected, "{case}");
        }
        self.compared += 1;
        answer.body
    }

    /// Ids, time and signature are others; the signature was made with the secret of ours.
    fn compare_task(&mut self, exchange: &Exchange<'_>, ours: &Value) {
        let theirs = &exchange.answer;
        for id in ["job_id", "task_id"] {
            self.learn(theirs[id].as_str().unwrap(), &ours[id]);
        }
        assert_eq!(members(ours), members(theirs), "{}", exchange.case);
        for member in [
            "params",
            "metadata",
            "policy",
            "priority",
            "step",
            "tracing_context",
        ] {
            assert_eq!(ours[member], theirs[member], "{}: {member}", exchange.case);
        }
        let key = SigningKey::new(super::client::TASK_SECRET).unwrap();
        verify_task(ours.to_string().as_bytes(), &key).unwrap();
    }

    fn learn(&mut self, captured: &str, ours: &Value) {
        self.ours
            .insert(captured.to_owned(), ours.as_str().unwrap().to_owned());
    }
}

/// Whether the text is made by a library that we do not have.
fn is_wording(answer: &Value) -> bool {
    let texts = ["error", "message"].map(|name| answer[name].as_str().unwrap_or_default());
    texts
        .iter()
        .any(|text| text.starts_with("Invalid ") && text.contains("payload:"))
        || texts[0].starts_with("unexpected character")
}

fn members(value: &Value) -> Vec<&str> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, _)| name.as_str()).collect()
}

/// A job like those of the captures: one step called `start`.
fn spec(tasks: &[&Value]) -> JobSpec {
    let transitions = json!({"success": "finished", "needs_review": "review",
        "needs_manual_review": "review"});
    let task = |task: &&Value| json!({"task": task["type"], "params": task["params"]});
    let step = match tasks {
        [single] => {
            let mut step = task(single);
            step["transitions"] = transitions;
            step["event_transitions"] = json!({"ev": "by_event"});
            step
        }
        several => {
            let tasks: Vec<Value> = several.iter().map(task).collect();
            json!({"parallel": tasks, "transitions": transitions})
        }
    };
    JobSpec::from_json(json!({"start": "start", "steps": {"start": step}})).unwrap()
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
    let exchanges = capture["exchanges"].as_array().unwrap();
    let mut sorted: Vec<&Value> = exchanges
        .iter()
        .filter(|it| !it["response"].is_null())
        .collect();
    // In the order of the answers; a poll gets its task before anything follows from it.
    sorted.sort_by(|a, b| {
        let time = |it: &Value| it["t_response"].as_f64().unwrap();
        let is_poll = |it: &Value| it["request"]["method"] == "GET";
        time(a)
            .total_cmp(&time(b))
            .then(is_poll(a).cmp(&is_poll(b)))
    });
    let sorted: Vec<Exchange<'_>> = sorted
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
