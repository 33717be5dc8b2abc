//! Workers to look at, whose tasks do what the test says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axon_worker::config::{Settings, Token};
use axon_worker::transport::TransportError;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{
    Data, RawJson, TaskContext, TaskError, TaskId, TaskSpec, Worker, WorkerBuilder, WorkerHandle,
    WorkerId,
};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::browser::Browser;
use crate::page::Page;

pub const SECRET: &str = "open sesame";

/// How far tasks are, by the name that they have in the test.
#[derive(Debug, Clone)]
pub struct Steps(Arc<watch::Sender<HashMap<String, (f64, String)>>>);

impl Steps {
    fn new() -> Self {
        Self(Arc::new(watch::channel(HashMap::new()).0))
    }

    /// From 0.0 to 1.0, which ends the task.
    pub fn set(&self, task: &str, value: f64, message: &str) {
        let step = (value, message.to_owned());
        self.0
            .send_modify(|all| drop(all.insert(task.to_owned(), step)));
    }
}

/// Tells the progress that the test sets, until it is 1 or the task is called off.
async fn follow(params: Value, task: TaskContext, steps: Data<Steps>) -> Result<(), TaskError> {
    let name = params["name"].as_str().unwrap_or_default();
    let mut told = steps.0.subscribe();
    loop {
        let step = told.borrow_and_update().get(name).cloned();
        if let Some((value, message)) = step {
            if value >= 1.0 {
                return Ok(());
            }
            task.progress(value, message).await;
        }
        tokio::select! {
            changed = told.changed() => changed?,
            () = task.cancellation().cancelled() => return Ok(()),
        }
    }
}

async fn quick(_: RawJson) -> Result<(), TaskError> {
    Ok(())
}

async fn fail(message: String) -> Result<(), TaskError> {
    Err(TaskError::transient(message))
}

async fn warm(model: String, task: TaskContext) -> Result<(), TaskError> {
    task.hot_cache().add(model).await;
    Ok(())
}

/// A worker, an orchestrator with its tasks, and a browser.
pub struct Stage {
    pub orchestrator: MemoryOrchestrator,
    pub worker: WorkerHandle,
    pub steps: Steps,
    browser: Browser,
}

impl Stage {
    pub async fn new(token: Option<&str>) -> Self {
        Self::with(token, |builder| builder).await
    }

    pub async fn with(
        token: Option<&str>,
        change: impl FnOnce(WorkerBuilder) -> WorkerBuilder,
    ) -> Self {
        let (orchestrator, steps) = (MemoryOrchestrator::new(), Steps::new());
        let token = token.map(Token::from);
        let builder = Worker::builder("pictures")
            .settings(Settings::default())
            .configure(move |settings| {
                settings.worker_id = WorkerId::try_new("worker-eu-1").expect("an identifier");
                settings.worker_port = 0;
                settings.admin_token = token;
            })
            .transport("http://orchestrator-1:8080", orchestrator.connect())
            .data(steps.clone())
            .task(TaskSpec::named("render").of_type("video"), follow)
            .task("convert", follow)
            .task("quick", quick)
            .task("fail", fail)
            .task("warm", warm)
            .task_type_limit("video", 2);
        let worker = change(builder)
            .build()
            .expect("a worker")
            .with_health_check()
            .spawn()
            .expect("started");
        Self {
            orchestrator,
            worker,
            steps,
            browser: Browser::start().await,
        }
    }

    /// Where the worker's pages are.
    pub fn url(&self) -> String {
        let port = self.worker.health_address().expect("a server").port();
        format!("http://127.0.0.1:{port}/")
    }

    pub async fn blank(&self) -> Page {
        self.browser.page().await
    }

    /// The status page, once it shows a registered worker.
    pub async fn page(&self) -> Page {
        let page = self.blank().await;
        page.open(&self.url()).await;
        page.until("/idle|working|taken/.test(document.querySelector('#state').innerText)")
            .await;
        page
    }

    /// A task that does what [`Steps`] say, in the hands of its handler and on the page.
    pub async fn task(&self, page: &Page, kind: &str, name: &str) -> TaskId {
        let id = self.orchestrator.submit(kind, &json!({ "name": name }));
        page.until(&row_of(&id)).await;
        id
    }

    /// Ends the worker; its tasks are called off.
    pub async fn end(self) {
        for task in self.worker.status().tasks {
            self.worker.cancel(task.task_id.as_str());
        }
        self.worker.shutdown().await;
    }
}

/// The row of a task, in the language of the page.
pub fn row_of(id: &TaskId) -> String {
    let id = json!(id.as_str());
    format!(
        "[...document.querySelectorAll('#tasks > li')].find((it) => it.innerText.includes({id}))"
    )
}

/// A second orchestrator that cannot be reached.
pub fn unreachable() -> MemoryOrchestrator {
    let orchestrator = MemoryOrchestrator::new();
    let reason = "connection refused".to_owned();
    orchestrator.fail_next(
        Call::Register,
        &TransportError::Unreachable { reason },
        1000,
    );
    orchestrator
}

/// Keeps a worker busy with short tasks until it is dropped.
pub struct Load(actix_rt::task::JoinHandle<()>);

impl Load {
    pub fn begin(orchestrator: &MemoryOrchestrator) -> Self {
        let orchestrator = orchestrator.clone();
        Self(actix_rt::spawn(async move {
            for round in 0_u64.. {
                for _ in 0..(round * 7 % 5) {
                    orchestrator.submit("quick", &());
                }
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        }))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.abort();
    }
}
