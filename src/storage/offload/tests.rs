//! Parameters and results with a folder as storage, beside what the Python workers were
//! seen to do.
//!
//! Where we differ, deliberately: values that name different objects of one base name
//! get different files; keys of uploads begin with job *and* task, so that tasks do not
//! overwrite one another's; folders have no `ETag`; real integrity errors are
//! `INTEGRITY_MISMATCH_ERROR`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::config::StorageSettings;
use crate::id::OrchestratorId;
use crate::json::RawJson;
use crate::storage::{Expected, FilesRoot, ObjectUri, Owner, TaskFiles, Transfers};
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

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[actix_rt::test]
async fn parameters_reach_handlers_as_the_vectors_say() {
    let vectors = vectors(include_str!(
        "../../../tests/vectors/s3_params_mapping.json"
    ));
    let objects = vectors["objects_in_bucket_in-bucket"].as_object().unwrap();
    let mut seen = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let stage = Stage::new("job", "task");
        for (key, content) in objects {
            stage.put("in-bucket", key, content.as_str().unwrap());
        }
        let expected = &case["1.0b2"];
        let integrity = json!({ "a": { "b": ["s3://in-bucket/photo.jpg"] } });
        let params = case.get("params").unwrap_or(&integrity);
        // The mark of an object is another in a folder than in S3.
        let photo = ObjectUri::parse("s3://in-bucket/photo.jpg").unwrap();
        let mark = stage.transfers.stat(&photo, &stage.cancellation).await;
        let mark = mark.unwrap().etag.unwrap();
        let metadata = expected.get("params_metadata").map(|metadata| {
            let text = metadata.to_string();
            let text = text.replace("bf28f40d50cd3f4c68efdf764c86d8ce", &mark);
            serde_json::from_str::<Value>(&text).unwrap()
        });
        let got = stage.bring(params, metadata.as_ref()).await;
        seen += 1;
        let Some(result) = expected.get("result") else {
            let wanted = match expected["error_class"].as_str().unwrap() {
                "FileNotFoundError" => ErrorCode::Transient,
                "IntegrityError" => ErrorCode::IntegrityMismatch,
                other => panic!("{other}"),
            };
            assert_eq!(code(got.unwrap_err()), wanted, "{name}");
            continue;
        };
        let ours = if stage.files.is_made() {
            stage.files.folder().unwrap().to_str().unwrap()
        } else {
            "-"
        };
        let id = case["task_id"].as_str().unwrap_or("task-i");
        let theirs = format!("/tmp/payloads/{id}");
        let result = result.to_string().replace(&theirs, ours);
        assert_eq!(got.unwrap().to_string(), result, "{name}");
        let Some(files) = expected.get("files") else {
            continue;
        };
        let files: BTreeMap<_, _> = files
            .as_object()
            .unwrap()
            .iter()
            .map(|(path, file)| {
                let path = path.strip_prefix(&theirs).unwrap().trim_start_matches('/');
                let content = file["content"].as_str().unwrap();
                (path.to_owned(), content.to_owned())
            })
            .collect();
        assert_eq!(below(Path::new(ours)), files, "{name}");
    }
    assert_eq!(seen, 15);
}

/// The key that we choose for one of the vectors: that of 1.0b17 with the task after
/// the job, and a number where two would meet.
fn our_key(key: &str, place: usize) -> String {
    let rest = key.strip_prefix("job-5/").unwrap();
    match place {
        0 => format!("job-5/task-9/{rest}"),
        place => format!("job-5/task-9/{}/{rest}", place + 1),
    }
}

#[actix_rt::test]
async fn results_leave_as_the_vectors_say_but_under_keys_of_their_own() {
    let vectors = vectors(include_str!(
        "../../../tests/vectors/s3_result_mapping.json"
    ));
    let mut seen = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let stage = Stage::new("job-5", "task-9");
        for (file, content) in [
            ("out.txt", "12345"),
            ("dir1/a.txt", "1"),
            ("dir1/sub/b.txt", "22"),
            ("dir1/out.txt", "1"),
            ("sp ace.txt", "1"),
        ] {
            stage.files.write(file, content).await.unwrap();
        }
        let folder = stage.files.folder().unwrap();
        std::fs::create_dir(folder.join("empty")).unwrap();
        let ours = folder.to_str().unwrap().to_owned();
        let data = case["data"].to_string();
        let data = data.replace("/tmp/payloads/task-9", &ours);
        let data: Value = serde_json::from_str(&data).unwrap();
        let reply = stage.carry(&data).await.unwrap();
        seen += 1;

        let expected = &case["1.0b17"];
        let mut texts = BTreeMap::<String, usize>::new();
        let mut keys = Vec::new();
        for key in expected["uploaded_keys"].as_array().unwrap() {
            let key = key.as_str().unwrap();
            let place = texts.entry(key.to_owned()).or_default();
            keys.push(our_key(key, *place));
            *place += 1;
        }
        keys.sort();
        let stored: Vec<_> = stage.objects(BUCKET).into_keys().collect();
        assert_eq!(stored, keys, "{name}");

        let mut result = expected["result"].to_string();
        result = result.replace(
            "s3://avtomatika-payloads/job-5/",
            "s3://avtomatika-payloads/job-5/task-9/",
        );
        let mut result: Value = result
            .replace("/tmp/payloads/task-9", &ours)
            .parse()
            .unwrap();
        if name == "two files with the same base name" {
            result["y"] = json!("s3://avtomatika-payloads/job-5/task-9/2/out.txt");
        }
        let data: Value = reply.data().parse().unwrap();
        assert_eq!(data, result, "{name}");

        let told: Value = reply
            .data_metadata()
            .map_or_else(|| json!({}), |told| told.parse().unwrap());
        let wanted = case["1.0b2"]["data_metadata"].as_object().unwrap();
        assert_eq!(told.as_object().unwrap().len(), wanted.len(), "{name}");
        for (path, wanted) in wanted {
            let told = &told[path];
            assert_eq!(told["size"], wanted["size"], "{name}");
            assert_eq!(told["etag"].is_null(), wanted["etag"].is_null(), "{name}");
            let uri = told["uri"].as_str().unwrap();
            assert!(data.to_string().contains(&format!("\"{uri}\"")), "{name}");
        }
    }
    assert_eq!(seen, 15);
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
async fn other_values_stay_byte_for_byte_as_they_came() {
    let stage = Stage::new("j", "t");
    stage.put("b", "k.txt", "x");
    let json = r#"{ "big": 12345678901234567890123, "one": 1.0, "file": "s3:\/\/b\/k.txt",
        "twice": 1, "twice": 2, "esc": "\u00fc" }"#;
    let params = RawJson::from_bytes(Bytes::from_static(json.as_bytes())).unwrap();
    let got = bring_in(params, None, &stage.files).await.unwrap();
    let path = stage.files.folder().unwrap().join("k.txt");
    let expected = json.replace(r#""s3:\/\/b\/k.txt""#, &format!("{path:?}"));
    assert_eq!(got.as_str(), expected);
}

#[actix_rt::test]
async fn equal_names_of_different_objects_do_not_meet() {
    let stage = Stage::new("j", "t");
    for (bucket, key) in [
        ("b", "x/a"),
        ("b", "y/a"),
        ("c", "a"),
        ("b", "x/A"),
        ("b", "d/a/a"),
    ] {
        stage.put(bucket, key, &format!("{bucket}/{key}"));
    }
    let params = json!([
        "s3://b/x/a",
        "s3://b/y/a",
        "s3://c/a",
        "s3://b/x/A",
        "s3://b/x/a",
        "s3://b/d/a/",
        "s3://b/"
    ]);
    let got = stage.bring(&params, None).await.unwrap();
    let paths: Vec<PathBuf> = serde_json::from_value(got).unwrap();
    for (path, content) in paths
        .iter()
        .zip(["b/x/a", "b/y/a", "c/a", "b/x/A", "b/x/a"])
    {
        assert_eq!(std::fs::read_to_string(path).unwrap(), content);
        assert_eq!(path.file_name().unwrap().to_ascii_lowercase(), "a");
    }
    assert_eq!(paths[0], paths[4], "one object, one file");
    assert_eq!(below(&paths[5])["a"], "b/d/a/a");
    assert!(paths[6].ends_with("root"));
    assert_eq!(below(&paths[6]).len(), 4);
}

#[actix_rt::test]
async fn hostile_uris_are_refused_and_named() {
    for (uri, wanted) in [
        ("s3://b/..", ErrorCode::InvalidInput),
        ("s3://b/a/../../..", ErrorCode::InvalidInput),
        ("s3://b/../", ErrorCode::InvalidInput),
        ("s3://[b/k", ErrorCode::InvalidInput),
        ("s3://../k", ErrorCode::InvalidInput),
        ("s3:///k", ErrorCode::InvalidInput),
        ("s3://b/nul\u{0}", ErrorCode::InvalidInput),
        ("s3://b/missing", ErrorCode::Transient),
    ] {
        let stage = Stage::new("j", "t");
        stage.put("b", "k", "x");
        let stop = stage.bring(&json!({ "a": [{ "b": uri }] }), None).await;
        let stop = stop.unwrap_err();
        let text = message(stop);
        assert!(text.starts_with("field `a[0].b`: "), "{uri:?}: {text}");
        let stop = stage.bring(&json!([uri]), None).await.unwrap_err();
        assert_eq!(code(stop), wanted, "{uri:?}");
    }
}

#[actix_rt::test]
async fn what_was_announced_twice_must_agree() {
    let stage = Stage::new("j", "t");
    stage.put("b", "k", "12345");
    let params = json!({ "x": "s3://b/k", "y": "s3://b/k" });
    let said = |x: u32, y: u32| json!({ "x": { "size": x }, "y": { "size": y } });
    stage.bring(&params, Some(&said(5, 5))).await.unwrap();
    let stop = stage.bring(&params, Some(&said(5, 6))).await.unwrap_err();
    assert_eq!(code(stop), ErrorCode::IntegrityMismatch);
    let stop = stage.bring(&params, Some(&said(6, 6))).await.unwrap_err();
    assert_eq!(code(stop), ErrorCode::IntegrityMismatch);
    // About another object, as when the orchestrator sends what earlier steps told.
    let other = json!({ "x": { "uri": "s3://b/other", "size": 7 } });
    stage.bring(&params, Some(&other)).await.unwrap();
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

#[actix_rt::test]
async fn nothing_outside_the_folder_is_uploaded() {
    let stage = Stage::new("j", "t");
    let other = Stage::new("j", "t");
    let outside = other.files.write("secret", "s").await.unwrap();
    stage.files.write("dir/in", "x").await.unwrap();
    let folder = stage.files.folder().unwrap();
    std::os::unix::fs::symlink(&outside, folder.join("link")).unwrap();
    std::os::unix::fs::symlink(&outside, folder.join("dir/link")).unwrap();
    std::os::unix::fs::symlink(outside.parent().unwrap(), folder.join("dir/up")).unwrap();
    let sibling = format!("{}-2", folder.display());
    std::fs::create_dir(&sibling).unwrap();
    std::fs::write(format!("{sibling}/f"), "s").unwrap();
    let data = json!({
        "other_task": outside,
        "link": folder.join("link"),
        "through": folder.join("dir/up/secret"),
        "up": folder.join(".."),
        "textual": format!("{}/../../../{}", folder.display(), "x"),
        "sibling": format!("{sibling}/f"),
        "root": "/",
        "nul": format!("{}/dir\u{0}", folder.display()),
        "relative": "dir/in",
    });
    let reply = stage.carry(&data).await.unwrap();
    assert_eq!(reply.data().parse::<Value>().unwrap(), data);
    assert!(stage.objects(BUCKET).is_empty());
    let reply = stage.carry(&json!({ "dir": folder.join("dir") })).await;
    reply.unwrap();
    let objects = stage.objects(BUCKET);
    assert_eq!(
        objects.into_iter().collect::<Vec<_>>(),
        [("j/t/dir/in".into(), "x".into())]
    );
}

#[actix_rt::test]
async fn odd_names_come_back_under_their_own_uri() {
    let stage = Stage::new("../job", "a/b");
    let mut data = Vec::new();
    for name in ["what?", "a#b", "100%25", "line\nend", "ü🦀 .txt", "x\"y"] {
        data.push(stage.files.write(name, name).await.unwrap());
    }
    let reply = stage.carry(&json!({ "all": data })).await.unwrap();
    let sent: Value = reply.data().parse().unwrap();
    let next = Stage {
        files: Stage::new("j", "t2").files,
        ..stage
    };
    for (sent, path) in sent["all"].as_array().unwrap().iter().zip(&data) {
        let uri = ObjectUri::parse(sent.as_str().unwrap()).unwrap();
        assert_eq!(uri.to_string(), sent.as_str().unwrap());
        assert!(uri.key().split('/').all(|part| !matches!(part, "." | "..")));
        let to = next.files.path_to(path.file_name().unwrap()).await.unwrap();
        let got = next
            .transfers
            .fetch(&uri, &to, &Expected::default(), &next.cancellation)
            .await;
        got.unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), std::fs::read(path).unwrap());
    }
}

#[actix_rt::test]
async fn handlers_upload_and_download_by_name() {
    let stage = Stage::new("j", "t");
    stage.files.write("sub/a.txt", "one").await.unwrap();
    let stored = stage.files.upload("sub/a.txt").await.unwrap();
    assert_eq!(stored.uri.to_string(), format!("s3://{BUCKET}/j/t/a.txt"));
    assert_eq!(stored.size, 3);
    stage.files.write("sub/a.txt", "two!").await.unwrap();
    let again = stage.files.upload("sub/a.txt").await.unwrap();
    assert_eq!((&again.uri, again.size), (&stored.uri, 4));
    // A result of the same name goes elsewhere.
    let path = stage.files.write("a.txt", "three").await.unwrap();
    let reply = stage.carry(&json!([path])).await.unwrap();
    assert!(reply.data().as_str().contains("j/t/2/a.txt"));
    let folder = stage.files.upload("sub").await.unwrap();
    assert!(folder.uri.is_folder());
    assert_eq!((folder.size, folder.etag), (4, None));
    let files = stage.files.clone();
    let on_thread = std::thread::spawn(move || {
        let got = files.download_now(&again.uri, "down/b.txt").unwrap();
        assert_eq!(std::fs::read_to_string(got).unwrap(), "two!");
        files.download_now(&folder.uri, "all").unwrap();
        assert_eq!(files.read_string_now("all/a.txt").unwrap(), "two!");
        assert!(files.download_now(&again.uri, "../x").is_err());
        assert!(files.upload_now("missing").is_err());
        files.upload_now("down/b.txt").unwrap().size
    });
    assert_eq!(on_thread.join().unwrap(), 4);
}

proptest! {
    /// Whatever the parameters are, a plan is made or they are refused; every planned
    /// object is named below the folder.
    #[test]
    fn any_uri_has_a_place_or_a_reason(texts in prop::collection::vec("(s3://)?.{0,12}(/.{0,6})*", 0..8)) {
        let params = raw(&json!(texts));
        if let Ok(plan) = super::inbound::plan_of(&params, None) {
            for name in plan.names() {
                let parts: Vec<_> = name.split('/').collect();
                prop_assert!(parts.len() <= 2);
                prop_assert!(parts.iter().all(|part| !matches!(*part, "" | "." | "..")));
                prop_assert!(!name.contains('\0'));
            }
        }
    }
}
