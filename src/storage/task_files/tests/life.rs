//! When a folder comes, when it goes, and what a dead process leaves.

use std::time::Duration;

use super::*;
use crate::id::TaskId;

const SOON: Duration = Duration::from_secs(20);

#[actix_rt::test]
async fn the_folder_comes_with_the_first_file_and_goes_with_the_task() {
    let root = tempfile::tempdir().unwrap();
    let all = start(root.path());
    let files = of(&all, "t1");
    all.settled(SOON).await;
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
