//! Parameters and results with a folder as storage, beside what the Python workers were
//! seen to do.
//!
//! Where we differ, deliberately: values that name different objects of one base name
//! get different files; keys of uploads begin with job *and* task, so that tasks do not
//! overwrite one another's; folders have no `ETag`; real integrity errors are
//! `INTEGRITY_MISMATCH_ERROR`.

mod inbound;
mod outbound;
mod vectors;

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::config::StorageSettings;
use crate::id::OrchestratorId;
use crate::json::RawJson;
use crate::storage::{FilesRoot, ObjectUri, Owner, TaskFiles, Transfers};
use crate::task::{CancelReason, Cancellation, ErrorCode, Reply, Task};

const BUCKET: &str = "avtomatika-payloads";

/// A storage, a folder for tasks, and a task.
struct Stage {
    folder: TempDir,
    transfers: Transfers,
    files: TaskFiles,
    cancellation: Cancellation,
    _root: FilesRoot,
}

impl Stage {
    fn new(job: &str, task: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = StorageSettings {
            local_root: Some(folder.path().join("storage")),
            default_bucket: BUCKET.to_owned(),
            max_retries: 0,
            ..crate::config::Settings::default().storage
        };
        let transfers = Transfers::from_settings(&settings).unwrap().unwrap();
        let owner = Owner {
            worker: "w".to_owned(),
            host: "h".to_owned(),
        };
        let place = folder.path().join("tasks");
        let (root, _) = FilesRoot::start(&place, owner, Some(transfers.clone()), &[]);
        let task = Task::new(OrchestratorId(0), task, job, "t", RawJson::empty_object());
        let cancellation = Cancellation::new();
        Self {
            files: root.of_task(&task, &cancellation),
            folder,
            transfers,
            cancellation,
            _root: root,
        }
    }

    fn put(&self, bucket: &str, key: &str, content: &str) {
        let path = self.folder.path().join("storage").join(bucket).join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    async fn bring(&self, params: &Value, metadata: Option<&Value>) -> Result<Value, Stop> {
        let metadata = metadata.map(raw);
        let params = bring_in(raw(params), metadata.as_ref(), &self.files).await?;
        Ok(params.parse().unwrap())
    }

    async fn carry(&self, data: &Value) -> Result<Reply, Stop> {
        carry_out(Reply::success(data).unwrap(), &self.files).await
    }

    /// Keys of a bucket and what is in them.
    fn objects(&self, bucket: &str) -> BTreeMap<String, String> {
        let root = self.folder.path().join("storage").join(bucket);
        below(&root)
    }
}

fn below(root: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                all.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    all
}

fn raw(value: &Value) -> RawJson {
    RawJson::from_serialize(value).unwrap()
}

fn code(stop: Stop) -> ErrorCode {
    match stop {
        Stop::Failed(error) => error.code().clone(),
        Stop::CalledOff => panic!("called off"),
    }
}

fn message(stop: Stop) -> String {
    match stop {
        Stop::Failed(error) => error.message().to_owned(),
        Stop::CalledOff => panic!("called off"),
    }
}

#[actix_rt::test]
async fn what_names_no_object_is_handed_on_uncopied() {
    let stage = Stage::new("j", "t");
    let text = Bytes::from_static(br#"{ "a": [1.0, "x/y", "\u00fc \/"], "s3://b/k": 1e400 }"#);
    let params = RawJson::from_bytes(text.clone()).unwrap();
    let same = bring_in(params, None, &stage.files).await.unwrap();
    assert_eq!(same.as_bytes().as_ptr(), text.as_ptr());
    assert!(!stage.files.is_made());
    let reply = Reply::success(&json!({ "path": "/etc/hostname" })).unwrap();
    let before = reply.data().as_bytes().as_ptr();
    let reply = carry_out(reply, &stage.files).await.unwrap();
    assert_eq!(reply.data().as_bytes().as_ptr(), before);
    stage.files.write("a", "x").await.unwrap();
    let reply = carry_out(reply, &stage.files).await.unwrap();
    assert_eq!(reply.data().as_bytes().as_ptr(), before);
    assert_eq!(reply.data_metadata(), None);
}

#[actix_rt::test]
async fn a_task_that_is_called_off_moves_nothing() {
    let stage = Stage::new("j", "t");
    stage.put("b", "k", "x");
    let path = stage.files.write("out", "x").await.unwrap();
    stage.cancellation.cancel(CancelReason::Requested);
    let stop = stage.bring(&json!(["s3://b/k"]), None).await;
    assert!(matches!(stop, Err(Stop::CalledOff)), "{stop:?}");
    let stop = stage.carry(&json!([path])).await;
    assert!(matches!(stop, Err(Stop::CalledOff)), "{stop:?}");
    assert!(stage.objects(BUCKET).is_empty());
}
