//! A folder as storage: files and folders go in and come out.

use std::fs;
use std::path::Path;

use crate::storage::{
    Direction, Expected, FolderInfo, LocalStore, ObjectStore, ObjectUri, StorageError,
    TransferEvent, TransferLimits, Transfers,
};
use crate::{CancelReason, Cancellation, ErrorCode};

struct Stage {
    dir: tempfile::TempDir,
    transfers: Transfers,
    cancel: Cancellation,
}

fn stage() -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::new(dir.path().join("store"));
    Stage {
        transfers: Transfers::new(store, "results", TransferLimits::default()),
        cancel: Cancellation::new(),
        dir,
    }
}

impl Stage {
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> std::path::PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    async fn put(&self, key: &str, content: &str) {
        let path = self.file("put", content);
        let uri = ObjectUri::new("in", key);
        let info = self.transfers.store(&path, &uri, &self.cancel).await;
        assert_eq!(info.unwrap().size, content.len() as u64);
    }

    async fn fetch_folder(&self, uri: &ObjectUri, to: &Path) -> Result<FolderInfo, StorageError> {
        let transfers = &self.transfers;
        transfers.fetch_folder(uri, to, &self.cancel).await
    }

    async fn fetch(&self, key: &str, expect: &Expected) -> Result<String, StorageError> {
        let path = self.dir.path().join("got");
        let uri = ObjectUri::new("in", key);
        self.transfers
            .fetch(&uri, &path, expect, &self.cancel)
            .await?;
        let names = fs::read_dir(self.dir.path()).unwrap();
        let parts = names.filter(|name| {
            let name = name.as_ref().unwrap().file_name();
            name.to_string_lossy().ends_with(".part")
        });
        assert_eq!(parts.count(), 0);
        Ok(fs::read_to_string(path).unwrap())
    }
}

#[actix_rt::test]
async fn a_file_goes_in_and_comes_out() {
    let stage = stage();
    let large = "0123456789abcdef".repeat(1 << 20);
    for content in ["", "hello", &large] {
        stage.put("a/b.txt", content).await;
        assert_eq!(
            stage.fetch("a/b.txt", &Expected::default()).await.unwrap(),
            content
        );
    }
    assert_eq!(stage.transfers.default_bucket(), "results");
    let counts = stage.transfers.counts();
    assert_eq!(
        (counts.stored, counts.fetched, counts.failed, counts.active),
        (3, 3, 0, 0)
    );
    assert_eq!(counts.fetched_bytes, large.len() as u64 + 5);
}

#[actix_rt::test]
async fn what_is_not_as_announced_is_a_mismatch() {
    let stage = stage();
    stage.put("a", "hello").await;
    let uri = ObjectUri::new("in", "a");
    let info = stage.transfers.stat(&uri, &stage.cancel).await.unwrap();
    let good = Expected {
        size: Some(5),
        etag: info.etag.map(|etag| format!("\"{etag}\"")),
    };
    assert_eq!(stage.fetch("a", &good).await.unwrap(), "hello");
    for (expect, what) in [
        (
            Expected {
                size: Some(6),
                etag: None,
            },
            "its size is 5, expected 6",
        ),
        (
            Expected {
                size: None,
                etag: Some("x".into()),
            },
            "its ETag is",
        ),
    ] {
        let error = stage.fetch("a", &expect).await.unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!(error.code(), ErrorCode::IntegrityMismatch);
    }
}

#[actix_rt::test]
async fn a_missing_object_is_named_and_transient() {
    let stage = stage();
    let error = stage.fetch("a/b", &Expected::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "s3://in/a/b does not exist");
    assert_eq!(error.code(), ErrorCode::Transient);
    assert_eq!(stage.transfers.counts().failed, 1);
}

#[actix_rt::test]
async fn a_folder_goes_in_and_comes_out() {
    let stage = stage();
    for (name, content) in [
        ("out/a.txt", "1"),
        ("out/sub/b", "22"),
        ("out/sub/.c", "333"),
    ] {
        stage.file(name, content);
    }
    std::os::unix::fs::symlink("/etc/hostname", stage.dir.path().join("out/link")).unwrap();
    fs::create_dir(stage.dir.path().join("out/empty")).unwrap();
    let uri = ObjectUri::parse("s3://in/job/out/").unwrap();
    let from = stage.dir.path().join("out");
    let sent = stage
        .transfers
        .store_folder(&from, &uri, &stage.cancel)
        .await
        .unwrap();
    assert_eq!((sent.objects, sent.size), (3, 6));
    let last = ObjectUri::new("in", "job/out/sub/b");
    let last = stage.transfers.stat(&last, &stage.cancel).await.unwrap();
    assert_eq!(sent.last_etag, last.etag);
    let to = stage.dir.path().join("back");
    let got = stage.fetch_folder(&uri, &to).await.unwrap();
    assert_eq!(got, sent);
    assert_eq!(fs::read_to_string(to.join("sub/.c")).unwrap(), "333");
    assert!(!to.join("link").exists());
}

#[actix_rt::test]
async fn an_empty_prefix_is_an_empty_folder() {
    let stage = stage();
    let uri = ObjectUri::parse("s3://nowhere/nothing/").unwrap();
    let to = stage.dir.path().join("to");
    let info = stage.fetch_folder(&uri, &to).await.unwrap();
    assert_eq!(info, FolderInfo::default());
    assert!(to.is_dir());
}

#[actix_rt::test]
async fn a_folder_of_more_than_one_page_comes_whole() {
    let stage = stage();
    for i in 0..1100 {
        stage.file(&format!("store/in/many/{i}"), "x");
    }
    let uri = ObjectUri::parse("s3://in/many/").unwrap();
    let to = stage.dir.path().join("to");
    let info = stage.fetch_folder(&uri, &to).await.unwrap();
    assert_eq!((info.objects, info.size), (1100, 1100));
    assert_eq!(fs::read_dir(to).unwrap().count(), 1100);
}

#[actix_rt::test]
async fn nothing_is_written_through_a_link_in_the_target() {
    let stage = stage();
    stage.put("d/sub/x", "evil").await;
    stage.file("outside/keep", "");
    let to = stage.dir.path().join("to");
    fs::create_dir(&to).unwrap();
    std::os::unix::fs::symlink(stage.dir.path().join("outside"), to.join("sub")).unwrap();
    let uri = ObjectUri::parse("s3://in/d/").unwrap();
    let error = stage.fetch_folder(&uri, &to).await.unwrap_err();
    assert!(matches!(error, StorageError::Io { .. }), "{error}");
    assert!(!stage.dir.path().join("outside/x").exists());
}

#[actix_rt::test]
async fn a_called_off_task_gets_nothing() {
    let stage = stage();
    stage.put("a", "hello").await;
    stage.cancel.cancel(CancelReason::Requested);
    let error = stage.fetch("a", &Expected::default()).await.unwrap_err();
    assert!(matches!(error, StorageError::Cancelled { .. }));
}

#[actix_rt::test]
async fn listeners_hear_of_every_transfer() {
    let stage = stage();
    let mut events = stage.transfers.subscribe();
    stage.put("a", "hello").await;
    let Some(TransferEvent::Started { id, direction, uri }) = events.next().await else {
        panic!("it must begin");
    };
    assert_eq!(
        (direction, uri.to_string().as_str()),
        (Direction::Store, "s3://in/a")
    );
    let end = events.next().await.unwrap();
    assert!(end.rate().unwrap() > 0.0);
    match end {
        TransferEvent::Finished {
            id: other,
            moved,
            error,
            ..
        } => {
            assert_eq!((other, moved, error), (id, 5, None));
        }
        other => panic!("{other:?}"),
    }
}

#[actix_rt::test]
async fn keys_cannot_leave_the_folder_of_their_bucket() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("secret"), "s").unwrap();
    let store = LocalStore::new(dir.path().join("store"));
    fs::create_dir_all(dir.path().join("store/in")).unwrap();
    for (bucket, key) in [
        ("in", "../../secret"),
        ("..", "secret"),
        ("", "secret"),
        ("in/..", "x"),
        (".drafts", "x"),
        ("in", "a//b"),
        ("in", "./a"),
    ] {
        let error = store.stat(&ObjectUri::new(bucket, key)).await.unwrap_err();
        assert!(
            matches!(error, StorageError::UnsafeKey { .. }),
            "{bucket} {key}: {error}"
        );
    }
    for prefix in ["../", "../../", "/", "a/../../"] {
        let page = store.list("in", prefix, None).await.unwrap();
        assert_eq!(page.objects, [], "{prefix}");
    }
}
