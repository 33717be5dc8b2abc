//! The interface of the orchestrator that clients use, and the debug routes beside it.

use std::time::Duration;

use awc::http::StatusCode;

use super::orchestrator::{CLIENT_TOKEN, Orchestrator, WORKER_TOKEN};
use super::{Release, Value, eventually, json, signed};

/// How long a job may take unless the test says otherwise; generous, as many tests share few cores.
const JOB_LIMIT: Duration = Duration::from_mins(1);

/// How long the history may be behind.
const WRITTEN_LIMIT: Duration = Duration::from_secs(20);

impl Orchestrator {
    /// Hands in a job; its id.
    pub(crate) async fn submit(&self, blueprint: &str, initial_data: Value) -> String {
        self.submit_order(blueprint, json!({ "initial_data": initial_data }))
            .await
    }

    /// Hands in a job with more than its data, such as a policy; its id.
    pub(crate) async fn submit_order(&self, blueprint: &str, order: Value) -> String {
        let path = format!("/api/v1/jobs/{blueprint}");
        let (status, body) = self.post(&path, &order).await;
        assert_eq!(
            status,
            StatusCode::ACCEPTED,
            "{blueprint} was not accepted: {body}"
        );
        body["job_id"].as_str().expect("a job id").to_owned()
    }

    /// Hands in a job of one task; its id.
    pub(crate) async fn submit_task(&self, task: &str, params: Value) -> String {
        self.submit("single", json!({ "task": task, "params": params }))
            .await
    }

    /// Hands in a job of one task with metadata of its files, as if an earlier step had
    /// told it; its id.
    pub(crate) async fn submit_with_files(&self, initial_data: Value, files: Value) -> String {
        let job = json!({ "initial_data": initial_data, "data_metadata": files });
        let (status, body) = self.post("/debug/jobs", &job).await;
        assert!(status.is_success(), "{status}: {body}");
        body["job_id"].as_str().expect("a job id").to_owned()
    }

    /// Waits for the end of a job; its record.
    pub(crate) async fn end_of(&self, job: &str) -> Value {
        self.end_of_within(job, JOB_LIMIT).await
    }

    /// Waits for the end of a job at most this long; its record.
    pub(crate) async fn end_of_within(&self, job: &str, within: Duration) -> Value {
        eventually(&format!("job {job} ends"), within, || async move {
            let record = self.job(job).await;
            let status = record["status"].as_str().unwrap_or_default();
            let over = ["finished", "failed", "error", "quarantined", "cancelled"];
            if over.contains(&status) {
                Ok(record)
            } else {
                Err(record)
            }
        })
        .await
    }

    /// Runs a job to its end; its record.
    pub(crate) async fn run(&self, blueprint: &str, initial_data: Value) -> Value {
        let job = self.submit(blueprint, initial_data).await;
        self.end_of(&job).await
    }

    /// Runs a job of one task to its end; its record.
    pub(crate) async fn run_task(&self, task: &str, params: Value) -> Value {
        let job = self.submit_task(task, params).await;
        self.end_of(&job).await
    }

    /// The record of a job.
    pub(crate) async fn job(&self, job: &str) -> Value {
        self.get(&format!("/api/v1/jobs/{job}")).await
    }

    /// Waits until the worker runs a task of the job.
    pub(crate) async fn job_is_running(&self, job: &str, worker: &str) {
        eventually(
            &format!("a task of job {job} runs"),
            JOB_LIMIT,
            || async move {
                let task = self.job(job).await["current_task_id"].clone();
                let known = self.worker(worker).await;
                let running = known["current_tasks"]
                    .as_array()
                    .is_some_and(|it| it.contains(&task));
                if running { Ok(()) } else { Err(known) }
            },
        )
        .await;
    }

    /// Asks for the cancellation of a job; status and body of the answer.
    pub(crate) async fn cancel(&self, job: &str) -> (StatusCode, Value) {
        self.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({}))
            .await
    }

    /// The events of a job, in order. They are written a moment after the job changed.
    pub(crate) async fn events(&self, job: &str) -> Vec<Value> {
        list(self.get(&format!("/debug/jobs/{job}/events")).await)
    }

    /// The events of a job as 1.0b30 shows them to clients.
    pub(crate) async fn history(&self, job: &str) -> Vec<Value> {
        list(self.get(&format!("/api/v1/jobs/{job}/history")).await)
    }

    /// Waits for an event of a job; the first like it.
    pub(crate) async fn event(&self, job: &str, like: impl Fn(&Value) -> bool) -> Value {
        let like = &like;
        let what = format!("the event of job {job} is written");
        eventually(&what, WRITTEN_LIMIT, || async move {
            let events = self.events(job).await;
            let found = events.iter().find(|event| like(event)).cloned();
            found.ok_or(json!(events))
        })
        .await
    }

    /// Waits for the results of a job that were handed in and taken, as they were sent, but
    /// with the status spelled out; these are all.
    pub(crate) async fn results(&self, job: &str, expected: usize) -> Vec<Value> {
        let what = format!("{expected} results of job {job} are written");
        let results = eventually(&what, WRITTEN_LIMIT, || async move {
            let results = self.results_so_far(job).await;
            if results.len() < expected {
                Err(json!(results))
            } else {
                Ok(results)
            }
        })
        .await;
        assert_eq!(results.len(), expected, "{results:#?}");
        results
    }

    async fn results_so_far(&self, job: &str) -> Vec<Value> {
        match self.release() {
            Release::V1_0b12 => self
                .events(job)
                .await
                .into_iter()
                .filter(|event| event["event_type"] == "task_finished")
                .map(|event| event["context_snapshot"]["result"].clone())
                .collect(),
            Release::V1_0b30 => self
                .messages("result")
                .await
                .into_iter()
                .filter(|it| it["payload"]["job_id"] == job)
                .filter(|it| it["answer"]["status"] == "accepted")
                .map(|it| {
                    let mut result = it["payload"].clone();
                    if result["status"].is_null() {
                        result["status"] = json!("success");
                    }
                    result
                })
                .collect(),
        }
    }

    /// What workers sent to 1.0b30, as it came, each with its `answer` or the `error`:
    /// `register`, `heartbeat`, `result`, `event`, `sts_token`, `sts_refresh`.
    pub(crate) async fn messages(&self, kind: &str) -> Vec<Value> {
        list(self.get(&format!("/debug/messages?kind={kind}")).await)
    }

    /// All workers that the orchestrator offers tasks to.
    pub(crate) async fn workers(&self) -> Vec<Value> {
        list(self.get("/api/v1/workers").await)
    }

    /// The record of a worker as stored, or null.
    pub(crate) async fn worker(&self, worker: &str) -> Value {
        self.get(&format!("/debug/workers/{worker}")).await
    }

    /// What a worker registered and every record that its heartbeats led to, in order.
    pub(crate) async fn worker_events(&self, worker: &str) -> Vec<Value> {
        let what = format!("the events of {worker} are written");
        eventually(&what, WRITTEN_LIMIT, || async move {
            let events = list(self.get(&format!("/debug/workers/{worker}/events")).await);
            if events.is_empty() {
                Err(Value::Null)
            } else {
                Ok(events)
            }
        })
        .await
    }

    /// Waits until the worker has registered and sent a heartbeat; its record.
    pub(crate) async fn registered(&self, worker: &str) -> Value {
        self.worker_shows(worker, "is registered", |record| record["status"] == "idle")
            .await
    }

    /// Waits until the record of the worker is as wanted; the record.
    pub(crate) async fn worker_shows(
        &self,
        worker: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let what = format!("{worker} {what}");
        let wanted = &wanted;
        eventually(&what, Duration::from_secs(30), || async move {
            let record = self.worker(worker).await;
            if wanted(&record) {
                Ok(record)
            } else {
                Err(record)
            }
        })
        .await
    }

    /// Speaks to the orchestrator as this worker would; the answer.
    pub(crate) async fn as_worker(&self, worker: &str, path: &str, body: &Value) -> Value {
        let body = match self.release() {
            Release::V1_0b12 => body.clone(),
            Release::V1_0b30 => signed(body.clone(), worker, WORKER_TOKEN),
        };
        let (status, answer) = self.worker_post(worker, path, &body).await;
        assert!(status.is_success(), "{path}: {status}: {answer}");
        answer
    }

    /// Sends this in the name of the worker; status and body of the answer.
    pub(crate) async fn worker_post(
        &self,
        worker: &str,
        path: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let request = client()
            .post(format!("{}{path}", self.client_url()))
            .insert_header(("X-Worker-ID", worker))
            .insert_header(("X-Worker-Token", WORKER_TOKEN));
        let mut response = request.send_json(body).await.expect("an answer");
        (
            response.status(),
            response.json().await.unwrap_or(Value::Null),
        )
    }

    async fn get(&self, path: &str) -> Value {
        self.try_get(path)
            .await
            .unwrap_or_else(|| panic!("GET {path} failed\n{}", self.output()))
    }

    /// What is there, or nothing when the answer is not a success.
    pub(crate) async fn try_get(&self, path: &str) -> Option<Value> {
        let request = client()
            .get(format!("{}{path}", self.client_url()))
            .insert_header(("X-Client-Token", CLIENT_TOKEN));
        let mut response = request.send().await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        response.json().limit(64 << 20).await.ok()
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = client()
            .post(format!("{}{path}", self.client_url()))
            .insert_header(("X-Client-Token", CLIENT_TOKEN));
        let mut response = request.send_json(body).await.expect("an answer");
        (
            response.status(),
            response.json().await.unwrap_or(Value::Null),
        )
    }
}

/// A client for one request: a connection kept open would not survive a restart.
fn client() -> awc::Client {
    awc::Client::builder()
        .timeout(Duration::from_secs(20))
        .finish()
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        other => panic!("a list was expected: {other}"),
    }
}
