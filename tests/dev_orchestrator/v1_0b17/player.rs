//! Sends what a capture has and compares the answers.

use std::collections::HashMap;

use axon_worker::dev::{DevOrchestrator, DevOrchestratorBuilder, JobHandle, Quirks};
use axon_worker::transport::rxon::security::{
    MessageKind, Signer, SigningKey, seal_value, verify_message, verify_task,
};
use serde_json::Value;

use super::client::{Client, TASK_SECRET, TOKEN, now};

/// One request of a capture and the answer to it.
pub(crate) struct Exchange<'a> {
    pub(crate) case: &'a str,
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: String,
    pub(crate) status: u16,
    /// The body of the answer; null if there was none.
    pub(crate) answer: Value,
}

impl<'a> Exchange<'a> {
    /// From the captures of a plain client.
    pub(crate) fn of_item(item: &'a Value) -> Option<Self> {
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
    pub(crate) fn of_traffic(exchange: &'a Value) -> Option<Self> {
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

    pub(crate) fn is_task(&self) -> bool {
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
pub(crate) struct Player {
    pub(crate) client: Client,
    pub(crate) ours: HashMap<String, String>,
    pub(crate) jobs: HashMap<String, JobHandle>,
    pub(crate) compared: usize,
}

impl Player {
    /// Sets the clock of the orchestrator to the time of the capture.
    pub(crate) async fn new(
        builder: DevOrchestratorBuilder,
        time: u64,
        quirks: Quirks,
    ) -> (DevOrchestrator, Self) {
        let orchestrator = builder.start().await.unwrap();
        orchestrator.set_quirks(Quirks {
            ignores_availability: true,
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

    pub(crate) async fn play(&mut self, exchange: &Exchange<'_>) -> Value {
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
        let key = SigningKey::new(TASK_SECRET).unwrap();
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
