//! A worker's side of the protocol, by hand.

use std::time::Duration;

use axon_worker::dev::{DevOrchestrator, Quirks};
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "your-secret-worker-token";

/// An orchestrator that does something of its own.
pub(crate) async fn with_quirks(quirks: Quirks) -> DevOrchestrator {
    let builder = DevOrchestrator::builder().quirks(quirks);
    builder.start().await.unwrap()
}

/// A plain HTTP client that acts as one worker.
pub(crate) struct Client {
    pub(crate) http: awc::Client,
    pub(crate) base: String,
    pub(crate) id: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Client {
    pub(crate) fn new(orchestrator: &DevOrchestrator, id: &str) -> Self {
        Self::with_token(orchestrator, id, TOKEN)
    }

    pub(crate) fn with_token(orchestrator: &DevOrchestrator, id: &str, token: &str) -> Self {
        let http = awc::Client::builder()
            .timeout(Duration::from_mins(1))
            .add_default_header(("X-Worker-Token", token))
            .add_default_header(("X-RXON-Version", "1.0b2"))
            .finish();
        Self {
            http,
            base: orchestrator.url(),
            id: id.to_owned(),
        }
    }

    pub(crate) async fn register(&self, tasks: &[&str]) -> Answer {
        let record = json!({"worker_id": self.id, "supported_tasks": tasks});
        self.send("POST", "/_worker/workers/register", Some(&record))
            .await
    }

    pub(crate) async fn heartbeat(&self, changes: &Value) -> Answer {
        let path = format!("/_worker/workers/{}", self.id);
        self.send("PATCH", &path, Some(changes)).await
    }

    pub(crate) async fn poll(&self) -> Answer {
        let path = format!("/_worker/workers/{}/tasks/next", self.id);
        self.send("GET", &path, None).await
    }

    pub(crate) async fn task(&self) -> Value {
        let answer = self.poll().await;
        assert_eq!(answer.status, 200, "a task was expected");
        answer.body
    }

    pub(crate) async fn answer(&self, task: &Value, more: &Value) -> Answer {
        let mut result = json!({
            "job_id": task["job_id"], "task_id": task["task_id"], "worker_id": self.id,
            "status": "success", "data": null, "error": null, "data_metadata": null,
        });
        let members = result.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        self.send("POST", "/_worker/tasks/result", Some(&result))
            .await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.try_send(method, path, body).await.expect("an answer")
    }

    /// `None` when the connection ends without a whole answer.
    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Option<Answer> {
        let request = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.base));
        let mut response = match body {
            Some(body) => request.send_json(body).await.ok()?,
            None => request.send().await.ok()?,
        };
        let bytes = response.body().await.ok()?;
        Some(Answer {
            status: response.status().as_u16(),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        })
    }
}
