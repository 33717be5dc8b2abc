//! Task folders on a real disk.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::RawJson;
use crate::id::{OrchestratorId, TaskId};
use crate::task::{Cancellation, Task};

const SOON: Duration = Duration::from_secs(20);

fn owner() -> Owner {
    Owner {
        worker: "w".to_owned(),
        host: "here".to_owned(),
    }
}

fn start(root: &Path) -> FilesRoot {
    FilesRoot::start(root, owner(), None, &[]).0
}

fn of(root: &FilesRoot, id: &str) -> TaskFiles {
    let params = RawJson::empty_object();
    let task = Task::new(OrchestratorId(0), id, "job", "name", params);
    root.of_task(&task, &Cancellation::new())
}

/// What is below a folder, folders included, without the lock of the process.
fn below(root: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path.clone());
            }
            all.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
    all.retain(|path| !path.ends_with(claim::LOCK));
    all.sort();
    all
}

#[actix_rt::test]
async fn names_that_lead_out_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let files = of(&start(root.path()), "t1");
    files.folder().unwrap();
    for name in [
        "",
        "/",
        "/etc/passwd",
        "..",
        ".",
        "./x",
        "../x",
        "a/../../x",
        "a/..",
        "nul\0byte",
        "a/\0",
    ] {
        for refused in [
            files.write(name, "x").await.map(drop),
            files.path_to(name).await.map(drop),
            files.read(name).await.map(drop),
            files.open(name).await.map(drop),
            files.create(name).await.map(drop),
            files.exists(name).await.map(drop),
            files.list_in(name).await.map(drop),
            files.write_now(name, "x").map(drop),
            files.read_now(name).map(drop),
        ] {
            let kind = refused.map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::InvalidInput), "{name:?}");
        }
    }
    assert_eq!(files.list().await.unwrap(), [""; 0]);
}

#[actix_rt::test]
async fn links_that_lead_out_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "s").unwrap();
    let files = of(&start(root.path()), "t1");
    let folder = files.folder().unwrap();
    symlink(outside.path(), folder.join("dir")).unwrap();
    symlink(outside.path().join("secret"), folder.join("file")).unwrap();
    symlink(outside.path().join("not-yet"), folder.join("later")).unwrap();
    for name in ["dir/secret", "file", "dir"] {
        assert!(files.read(name).await.is_err(), "{name}");
        assert!(files.open(name).await.is_err(), "{name}");
        assert!(files.exists(name).await.is_err(), "{name}");
    }
    assert!(files.list_in("dir").await.is_err());
    for name in [
        "file",
        "dir/new",
        "dir/sub/new",
        "later",
        "dir",
        "dir/secret",
    ] {
        assert!(files.write(name, "x").await.is_err(), "{name}");
        assert!(files.path_to(name).await.is_err(), "{name}");
        assert!(files.create(name).await.is_err(), "{name}");
    }
    assert_eq!(below(outside.path()), ["secret"]);
    let secret = std::fs::read_to_string(outside.path().join("secret"));
    assert_eq!(secret.unwrap(), "s");
}

#[actix_rt::test]
async fn a_link_inside_is_what_it_stands_for() {
    let root = tempfile::tempdir().unwrap();
    let files = of(&start(root.path()), "t1");
    files.write("a.txt", "a").await.unwrap();
    symlink("a.txt", files.folder().unwrap().join("link")).unwrap();
    assert_eq!(files.read_string("link").await.unwrap(), "a");
    files.write("link", "b").await.unwrap();
    assert_eq!(files.read_string("a.txt").await.unwrap(), "b");
}

#[actix_rt::test]
async fn a_file_with_a_second_name_is_replaced_not_written_to() {
    let root = tempfile::tempdir().unwrap();
    let cached = root.path().join("cached");
    std::fs::write(&cached, "shared").unwrap();
    let files = of(&start(&root.path().join("tasks")), "t1");
    for name in ["a", "b"] {
        std::fs::hard_link(&cached, files.path_to(name).await.unwrap()).unwrap();
    }
    files.write("a", "mine").await.unwrap();
    drop(files.create("b").await.unwrap());
    assert_eq!(files.read_string("a").await.unwrap(), "mine");
    assert_eq!(files.read_string("b").await.unwrap(), "");
    assert_eq!(std::fs::read_to_string(cached).unwrap(), "shared");
}

#[actix_rt::test]
async fn the_root_may_be_a_link_or_a_relative_path() {
    let real = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    let link = root.path().join("link");
    symlink(real.path(), &link).unwrap();
    let files = of(&start(&link), "t1");
    let path = files.write("a.txt", "x").await.unwrap();
    assert!(path.starts_with(&link) && path.is_absolute());
    assert_eq!(files.read("a.txt").await.unwrap(), b"x");
    assert!(files.resolve(&path).is_some());
    assert!(files.resolve(&path.canonicalize().unwrap()).is_some());
}

#[actix_rt::test]
async fn the_folder_comes_with_the_first_file_and_goes_with_the_task() {
    let root = tempfile::tempdir().unwrap();
    let all = start(root.path());
    let files = of(&all, "t1");
    assert!(!files.exists("a.txt").await.unwrap());
    assert_eq!(files.list().await.unwrap(), [""; 0]);
    assert!(below(root.path()).is_empty(), "nothing was made");
    let path = files.write("sub/a.txt", "hello").await.unwrap();
    assert_eq!(path, files.folder().unwrap().join("sub/a.txt"));
    assert_eq!(files.read_string("sub/a.txt").await.unwrap(), "hello");
    assert_eq!(files.list().await.unwrap(), ["sub"]);
    assert_eq!(files.list_in("sub").await.unwrap(), ["a.txt"]);
    assert!(files.exists("sub/a.txt").await.unwrap());
    let other = files.clone();
    drop(files);
    all.settled(SOON).await;
    assert!(path.exists(), "somebody still holds it");
    drop(other);
    all.settled(SOON).await;
    assert!(!path.exists());
    drop(all);
    let gone = || below(root.path()).is_empty();
    for _ in 0..2000 {
        if gone() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(gone(), "the folder of the process goes with its last task");
}

#[actix_rt::test]
async fn files_are_read_and_written_in_pieces_and_as_json() {
    let root = tempfile::tempdir().unwrap();
    let files = of(&start(root.path()), "t1");
    let mut writer = files.create("big").await.unwrap();
    for _ in 0..3 {
        writer.write_all(b"piece").await.unwrap();
    }
    writer.flush().await.unwrap();
    let mut text = String::new();
    let mut reader = files.open("big").await.unwrap();
    reader.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "piecepiecepiece");
    let value = json!({ "a": [1, null] });
    files.write_json("a.json", &value).await.unwrap();
    assert_eq!(files.read_json::<Value>("a.json").await.unwrap(), value);
    let error = files.read_json::<Value>("big").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    files.write("bytes", [0xff]).await.unwrap();
    let error = files.read_string("bytes").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(
        files.read("missing").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn blocking_handlers_have_the_same() {
    let root = tempfile::tempdir().unwrap();
    let files = of(&start(root.path()), "t1");
    assert_eq!(files.list_now().unwrap(), [""; 0]);
    files.create_now("a/b").unwrap().write_all(b"x").unwrap();
    let mut text = String::new();
    let mut file = files.open_now("a/b").unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "x");
    assert_eq!(files.read_string_now("a/b").unwrap(), "x");
    files.write_json_now("c", &[1]).unwrap();
    assert_eq!(files.read_json_now::<Value>("c").unwrap(), json!([1]));
    assert!(files.exists_now("c").unwrap());
    assert_eq!(files.list_in_now("a").unwrap(), ["b"]);
    assert_eq!(files.list_now().unwrap(), ["a", "c"]);
    assert!(!files.has_storage());
    assert!(files.upload_now("c").is_err(), "there is no storage");
}

#[actix_rt::test]
async fn a_second_spelling_of_a_name_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let files = of(&start(root.path()), "t1");
    files.write("Report.txt", "1").await.unwrap();
    files.path_to("caf\u{e9}").await.unwrap();
    for name in ["report.txt", "REPORT.TXT", "report.txt/x"] {
        let error = files.write(name, "2").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{name}");
        assert!(error.to_string().contains("Report.txt"), "{error}");
    }
    // Nothing is there under the first spelling, so nothing can be overwritten.
    files.write("cafe\u{301}", "2").await.unwrap();
    assert!(files.write("caf\u{e9}", "3").await.is_err());
    files.write("Report.txt", "3").await.unwrap();
    assert_eq!(files.read_string("Report.txt").await.unwrap(), "3");
}

#[test]
fn no_two_tasks_have_one_folder_whatever_their_ids_are() {
    let root = tempfile::tempdir().unwrap();
    let (one, other) = (start(root.path()), start(root.path()));
    let mut folders = std::collections::HashSet::new();
    let mut all = Vec::new();
    let long = "x".repeat(5000);
    for id in [
        "t", "t", "T", "..", "../../x", "/etc", "a/b", "", "x\0y", &long, "1-t",
    ] {
        for root in [&one, &other] {
            let files = of(root, id);
            let folder = files.folder().unwrap().to_owned();
            assert!(folder.is_dir(), "{id:?}");
            let process = folder.parent().unwrap();
            assert_eq!(process.parent(), Some(root_of(root)), "{id:?}");
            assert!(folders.insert(folded(folder.to_str().unwrap())), "{id:?}");
            all.push(files);
        }
    }
}

fn root_of(root: &FilesRoot) -> &Path {
    root.path()
}

#[actix_rt::test]
async fn what_dead_processes_left_is_removed_and_what_live_ones_have_stays() {
    let root = tempfile::tempdir().unwrap();
    let alive = start(root.path());
    let used = of(&alive, "used").write("a", "x").await.unwrap();
    let held = of(&alive, "held");
    let held_path = held.write("a", "x").await.unwrap();
    alive.settled(SOON).await;
    assert!(!used.exists());
    // A process that ended without a word: the lock is free, the folder is there.
    let dead = claim::Claim::make(root.path(), &owner()).unwrap();
    std::fs::create_dir(dead.folder.join("1-t")).unwrap();
    let left = dead.folder.clone();
    drop(dead);
    let next = start(root.path());
    next.settled(SOON).await;
    assert!(!left.exists());
    assert!(held_path.exists());
}

#[actix_rt::test]
async fn a_folder_that_the_journal_needs_is_handed_on() {
    let root = tempfile::tempdir().unwrap();
    let (kept, gone) = {
        let process = start(root.path());
        let (kept, gone) = (of(&process, "kept"), of(&process, "gone"));
        let paths = (
            kept.write("a", "x").await.unwrap(),
            gone.write("a", "x").await.unwrap(),
        );
        kept.leave();
        gone.leave();
        paths
    };
    // The thread of the first process lets go of the lock when it ends.
    while claim::abandoned(root.path(), &owner()).is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let keep = [TaskId::from("kept")];
    let (next, mut adopted) = FilesRoot::start(root.path(), owner(), None, &keep);
    next.settled(SOON).await;
    let (id, files) = adopted.pop().expect("the folder of the task");
    assert!(adopted.is_empty());
    assert_eq!(id.as_str(), "kept");
    assert_eq!(files.read_string("a").await.unwrap(), "x");
    assert!(!kept.exists() && !gone.exists());
    let now = files.folder().unwrap().to_owned();
    drop(files);
    next.settled(SOON).await;
    assert!(!now.exists());
}

proptest! {
    #[test]
    fn no_name_leads_out(name: String) {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("root");
        let all = start(&inner);
        let files = of(&all, "t");
        if let Ok(path) = files.write_now(&name, "x") {
            let real = path.canonicalize().unwrap();
            let folder = files.folder().unwrap().canonicalize().unwrap();
            prop_assert!(real.starts_with(&folder) && real != folder);
            prop_assert_eq!(files.read_now(&name).unwrap(), b"x");
        }
        // Nothing beside the root.
        prop_assert!(std::fs::read_dir(root.path()).unwrap().count() <= 1);
    }
}
