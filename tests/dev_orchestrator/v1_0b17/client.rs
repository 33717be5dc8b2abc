//! A worker's side of RXON 1.0b17, by hand.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axon_worker::dev::{DevOrchestrator, DevOrchestratorBuilder, Dialect};
use axon_worker::transport::rxon::security::{MessageKind, Signer, SigningKey, seal_value};
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "dummy-worker-token";
pub(crate) const TASK_SECRET: &str = "dummy-orch-secret";

pub(crate) const REGISTER: &str = "/_worker/workers/register";
pub(crate) const RESULT: &str = "/_worker/tasks/result";
pub(crate) const EVENTS: &str = "/_worker/events";

/// With the tokens of the captures and short polls.
pub(crate) fn builder() -> DevOrchestratorBuilder {
    DevOrchestrator::builder()
        .dialect(Dialect::V1_0b17)
        .token(TOKEN)
        .task_secret(TASK_SECRET)
        .poll_hold(Duration::from_millis(50))
}

pub(crate) struct Client {
    pub(crate) http: awc::Client,
    pub(crate) base: String,
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) key: SigningKey,
    messages: Cell<u64>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) version: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: Value) {
        assert_eq!((self.status, &self.body), (status, &body));
        assert_eq!(self.version.as_deref(), Some("1.0b17"));
    }
}

pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

impl Client {
    pub(crate) fn new(orchestrator: &DevOrchestrator, id: &str) -> Self {
        Self::with_token(orchestrator, id, TOKEN)
    }

    pub(crate) fn with_token(orchestrator: &DevOrchestrator, id: &str, token: &str) -> Self {
        let http = awc::Client::builder()
            .timeout(Duration::from_mins(1))
            .no_default_headers()
            .finish();
        Self {
            http,
            base: orchestrator.url(),
            id: id.to_owned(),
            token: token.to_owned(),
            key: SigningKey::new(token).unwrap(),
            messages: Cell::new(0),
        }
    }

    /// A message of now that differs from all others, signed.
    pub(crate) fn signed(&self, kind: MessageKind, message: &Value) -> Vec<u8> {
        let mut message = message.clone();
        let number = self.messages.get();
        self.messages.set(number + 1);
        for (name, value) in [
            ("worker_id", json!(self.id)),
            ("timestamp", json!(now())),
            ("nonce", json!(format!("{}-{number}", self.id))),
        ] {
            if message.get(name).is_none() {
                message[name] = value;
            }
        }
        seal_value(&message, kind, &self.key, Signer::new(&self.id)).unwrap()
    }

    /// A catalogue of skills by their names.
    pub(crate) async fn register(&self, skills: &[&str]) -> Answer {
        let skills: Vec<Value> = skills.iter().map(|name| json!({"name": name})).collect();
        self.register_as(&json!({"supported_skills": skills})).await
    }

    pub(crate) async fn register_as(&self, record: &Value) -> Answer {
        let body = self.signed(MessageKind::Registration, record);
        self.send("POST", REGISTER, body).await
    }

    pub(crate) async fn heartbeat(&self, changes: &Value) -> Answer {
        let body = self.signed(MessageKind::Heartbeat, changes);
        self.send("PATCH", &self.path(), body).await
    }

    pub(crate) async fn event(&self, event: &Value) -> Answer {
        let body = self.event_body(event);
        self.send("POST", EVENTS, body).await
    }

    pub(crate) fn event_body(&self, event: &Value) -> Vec<u8> {
        let mut event = event.clone();
        if event.get("event_id").is_none() {
            event["event_id"] = format!("event-{}", self.messages.get()).into();
        }
        if event.get("origin_worker_id").is_none() {
            event["origin_worker_id"] = self.id.as_str().into();
        }
        self.signed(MessageKind::Event, &event)
    }

    pub(crate) async fn poll(&self) -> Answer {
        let path = format!("{}/tasks/next?timeout=30.0", self.path());
        self.send("GET", &path, Vec::new()).await
    }

    pub(crate) async fn task(&self) -> Value {
        let answer = self.poll().await;
        assert_eq!(answer.status, 200, "a task was expected");
        answer.body
    }

    pub(crate) async fn answer(&self, task: &Value, more: &Value) -> Answer {
        let mut result = json!({"job_id": task["job_id"], "task_id": task["task_id"]});
        let members = result.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        let body = self.signed(MessageKind::Result, &result);
        self.send("POST", RESULT, body).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Vec<u8>) -> Answer {
        let token = self.token.clone();
        self.send_as(&token, method, path, body).await
    }

    /// With this token in the header.
    pub(crate) async fn send_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Answer {
        let headers = [
            ("X-Worker-Token", token),
            ("X-Worker-ID", &self.id),
            ("X-RXON-Version", "1.0b17"),
            ("Accept-Encoding", "identity"),
        ];
        self.send_with(&headers, method, path, body).await
    }

    pub(crate) async fn send_with(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Answer {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method.parse().unwrap(), url);
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        let mut response = request.send_body(body).await.expect("an answer");
        let bytes = response.body().await.expect("a whole answer");
        let version = response.headers().get("x-rxon-version");
        Answer {
            status: response.status().as_u16(),
            version: version.map(|it| it.to_str().unwrap().to_owned()),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    pub(crate) fn path(&self) -> String {
        format!("/_worker/workers/{}", self.id)
    }
}
