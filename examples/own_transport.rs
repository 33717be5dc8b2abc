//! A transport of your own: the orchestrator is a folder. Whoever drops
//! `inbox/<id>.json` with `{"task": ..., "params": ...}` finds `outbox/<id>.json`.
//!
//! ```sh
//! cargo run --example own_transport
//! cargo test --example own_transport   # does it keep the rules of the trait?
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::transport::{
    BeatReply, Offer, ProgressUpdate, Receipt, Report, Standing, Transport, TransportError,
    WorkerCard,
};
use axon_worker::{OrchestratorId, Outcome, RawJson, Task, TaskError, TaskResult, Worker};
use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::fs;

/// How long a poll waits for a file, and how often it looks.
const HOLD: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug)]
struct Folder {
    origin: OrchestratorId,
    root: PathBuf,
}

#[derive(Deserialize)]
struct Order {
    task: String,
    #[serde(default = "RawJson::empty_object")]
    params: RawJson,
}

fn unreachable(error: &io::Error) -> TransportError {
    let reason = error.to_string();
    TransportError::Unreachable { reason }
}

impl Folder {
    /// The next task, if there is one. Renaming takes it: only one worker can.
    async fn take(&self) -> Result<Option<Task>, TransportError> {
        let inbox = fs::read_dir(self.root.join("inbox")).await;
        let mut inbox = inbox.map_err(|error| unreachable(&error))?;
        while let Some(file) = inbox.next_entry().await.map_err(|e| unreachable(&e))? {
            let name = file.file_name();
            let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".json")) else {
                continue;
            };
            let taken = self.root.join("taken").join(&name);
            if fs::rename(file.path(), &taken).await.is_ok() {
                let text = fs::read(taken).await.map_err(|error| unreachable(&error))?;
                return self.read(id, &text).map(Some);
            }
        }
        Ok(None)
    }

    /// A task that cannot be read is named, so that its failure is reported.
    fn read(&self, id: &str, text: &[u8]) -> Result<Task, TransportError> {
        match serde_json::from_slice::<Order>(text) {
            Ok(order) => Ok(Task::new(self.origin, id, id, order.task, order.params)),
            Err(error) => Err(TransportError::Malformed {
                reason: error.to_string(),
                task: Some((id.into(), id.into())),
            }),
        }
    }

    async fn put(&self, result: &TaskResult) -> io::Result<Receipt> {
        let answer = match &result.outcome {
            Outcome::Completed(reply) => json!({ "status": reply.status(), "data": reply.data() }),
            Outcome::Failed(_) | Outcome::Interrupted(_) => {
                let error = result.outcome.told_failure().map(|error| error.to_string());
                json!({ "status": "failure", "error": error })
            }
            other => json!({ "status": other.status() }),
        };
        // Written whole or not at all, and the same when it is done twice.
        let name = format!("{}.json", result.task_id);
        let draft = self.root.join("taken").join(format!("{name}.draft"));
        fs::write(&draft, answer.to_string()).await?;
        fs::rename(draft, self.root.join("outbox").join(name)).await?;
        Ok(Receipt::Accepted)
    }
}

impl Transport for Folder {
    fn register(
        &self,
        _: Arc<WorkerCard>,
        _: Report,
    ) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        let make = async {
            for name in ["inbox", "taken", "outbox"] {
                let made = fs::create_dir_all(self.root.join(name)).await;
                made.map_err(|error| unreachable(&error))?;
            }
            Ok(())
        };
        make.boxed_local()
    }

    /// A folder does not care how we are.
    fn heartbeat(&self, _: Report) -> LocalBoxFuture<'_, Result<BeatReply, TransportError>> {
        ready(Ok(BeatReply::default())).boxed_local()
    }

    fn probe(&self) -> LocalBoxFuture<'_, Result<Standing, TransportError>> {
        let is_there = self.root.join("inbox").is_dir();
        let standing = if is_there {
            Standing::Known
        } else {
            Standing::Forgotten
        };
        ready(Ok(standing)).boxed_local()
    }

    fn poll(&self, _: Offer) -> LocalBoxFuture<'_, Result<Option<Task>, TransportError>> {
        let wait = async {
            let until = tokio::time::Instant::now() + HOLD;
            while tokio::time::Instant::now() < until {
                if let Some(task) = self.take().await? {
                    return Ok(Some(task));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Ok(None)
        };
        wait.boxed_local()
    }

    fn deliver(
        &self,
        result: Arc<TaskResult>,
    ) -> LocalBoxFuture<'_, Result<Receipt, TransportError>> {
        let put = async move { self.put(&result).await.map_err(|error| unreachable(&error)) };
        put.boxed_local()
    }

    fn progress(&self, _: ProgressUpdate) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        ready(Ok(())).boxed_local()
    }
}

async fn shout(text: String) -> Result<Value, TaskError> {
    Ok(json!({ "text": text.to_uppercase() }))
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().to_owned();
    let worker = Worker::builder("folder-worker")
        .settings(Settings::default())
        .task("shout", shout)
        .transport("folder", move |origin| Folder { origin, root })
        .spawn()?;

    drop_file(
        folder.path(),
        "first",
        r#"{"task": "shout", "params": "hello"}"#,
    )
    .await?;
    drop_file(folder.path(), "second", r#"{"task": "whisper"}"#).await?;
    drop_file(folder.path(), "third", "no JSON").await?;
    while worker.status().totals.delivered < 3 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    for name in ["first", "second", "third"] {
        let answer = fs::read_to_string(folder.path().join(format!("outbox/{name}.json"))).await?;
        println!("{name}: {answer}");
    }
    println!("{:?}", worker.shutdown().await);
    Ok(())
}

/// As a client would: complete before it can be seen.
async fn drop_file(root: &Path, name: &str, content: &str) -> io::Result<()> {
    fs::create_dir_all(root.join("inbox")).await?;
    let draft = root.join(format!("inbox/{name}.draft"));
    fs::write(&draft, content).await?;
    fs::rename(draft, root.join(format!("inbox/{name}.json"))).await
}

#[cfg(test)]
mod tests {
    use axon_worker::JobId;
    use axon_worker::testing::transport_suite::{self, Cannot, Peer, SeenResult};

    use super::*;

    /// Whoever looks into the other side of the folder.
    struct Client(tempfile::TempDir);

    impl Client {
        fn root(&self) -> PathBuf {
            self.0.path().join("root")
        }
    }

    impl Peer for Client {
        type Transport = Folder;

        fn transport(&self, origin: OrchestratorId) -> Folder {
            let root = self.root();
            Folder { origin, root }
        }

        async fn submit(&self, name: &str, params: RawJson) -> JobId {
            let id = fastrand::u64(..).to_string();
            let order = json!({ "task": name, "params": params });
            let dropped = drop_file(&self.root(), &id, &order.to_string()).await;
            dropped.expect("a folder");
            id.as_str().into()
        }

        async fn result(&self, job: &JobId) -> Option<SeenResult> {
            let file = self.root().join(format!("outbox/{job}.json"));
            let answer = fs::read(file).await.ok()?;
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            Some(match answer["status"].as_str() {
                Some("success") => SeenResult::success(answer["data"].clone()),
                Some("cancelled") => SeenResult::cancelled(),
                _ => SeenResult::failure(answer["error"].to_string()),
            })
        }

        async fn forget(&self) -> Result<(), Cannot> {
            fs::remove_dir_all(self.root()).await.expect("a folder");
            Ok(())
        }

        /// A file is where the folder was.
        async fn go_down(&self) -> Result<(), Cannot> {
            let away = self.0.path().join("away");
            fs::rename(self.root(), away).await.expect("a folder");
            fs::write(self.root(), "").await.expect("a file");
            Ok(())
        }

        async fn come_up(&self) -> Result<(), Cannot> {
            fs::remove_file(self.root()).await.expect("a file");
            let away = self.0.path().join("away");
            fs::rename(away, self.root()).await.expect("a folder");
            Ok(())
        }

        async fn submit_unreadable(&self, _: &str) -> Result<JobId, Cannot> {
            let dropped = drop_file(&self.root(), "unreadable", "no JSON").await;
            dropped.expect("a folder");
            Ok("unreadable".into())
        }
    }

    #[actix_rt::test]
    async fn the_folder_keeps_the_rules_that_concern_it() {
        let start = async || Client(tempfile::tempdir().expect("a folder"));
        let report = transport_suite::run(start).await;
        report.assert_kept();
        assert!(report.kept().len() >= 12, "{report}");
    }
}
