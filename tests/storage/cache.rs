//! Objects that several tasks want.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use axon_worker::config::BlobCacheMode::{self, Auto, Copy, Link};
use axon_worker::storage::{Expected, StorageError, Transfers};

use crate::server::Fault;
use crate::stage::{Stage, cached, content, uri};

const ROOMY: u64 = 1 << 30;
const ALL: [BlobCacheMode; 3] = [Auto, Link, Copy];

impl Stage {
    /// Fetches into a file of its own and leaves it there.
    async fn take(&self, transfers: &Transfers, key: &str, name: &str) -> PathBuf {
        let to = self.path(name);
        let expect = Expected::default();
        let result = transfers.fetch(&uri(key), &to, &expect, &self.cancel).await;
        result.unwrap();
        to
    }

    fn gets(&self) -> usize {
        self.server.faults.count("GET", "")
    }

    /// Complete files of the cache.
    fn kept(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("cache")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.is_file() && path.extension().is_none())
            .collect()
    }
}

#[actix_rt::test]
async fn what_was_fetched_is_not_fetched_again() {
    for mode in ALL {
        let stage = cached(mode, ROOMY);
        let bytes = content(300_000);
        stage.object("k", bytes.clone());
        for i in 0..4 {
            let file = stage.take(&stage.transfers, "k", &format!("{i}")).await;
            assert_eq!(fs::read(file).unwrap(), bytes, "{mode:?}");
            // The next copy is made beside; wait for it, so that all ways of giving are seen.
            stage.transfers.settled(Duration::from_secs(5)).await;
        }
        assert_eq!(stage.gets(), 1);
        let counts = stage.transfers.counts();
        assert_eq!(
            (counts.cache_hits, counts.cache_misses, counts.fetched),
            (3, 1, 4)
        );
        assert_eq!(counts.fetched_bytes, bytes.len() as u64);
        // Replacing a file that is there already works as well.
        let again = stage.take(&stage.transfers, "k", "0").await;
        assert_eq!(fs::read(again).unwrap(), bytes);
    }
}

#[actix_rt::test]
async fn many_tasks_that_want_one_object_cause_one_transfer() {
    for mode in ALL {
        let stage = cached(mode, ROOMY);
        let bytes = content(2_000_000);
        stage.object("k", bytes.clone());
        let names: Vec<_> = (0..20).map(|i| i.to_string()).collect();
        let tasks = names
            .iter()
            .map(|name| stage.take(&stage.transfers, "k", name));
        for file in futures_util::future::join_all(tasks).await {
            assert_eq!(fs::read(file).unwrap(), bytes);
        }
        assert_eq!(stage.gets(), 1, "{mode:?}");
    }
}

#[actix_rt::test]
async fn a_task_that_gives_up_leaves_the_fetching_to_the_next() {
    let stage = cached(Auto, ROOMY);
    stage.object("k", content(2_000_000));
    stage
        .server
        .faults
        .add("GET", "", Fault::Freeze(1_000_000), 1);
    let mut first = Box::pin(stage.take(&stage.transfers, "k", "first"));
    tokio::select! {
        _ = &mut first => panic!("it must hang"),
        () = stage.server.until(|server| server.faults.count("GET", "") == 1) => {}
    }
    let second = stage.take(&stage.transfers, "k", "second");
    drop(first);
    assert_eq!(fs::metadata(second.await).unwrap().len(), 2_000_000);
    stage.transfers.settled(Duration::from_secs(5)).await;
    assert_eq!(fs::read_dir(stage.path("cache/drafts")).unwrap().count(), 0);
}

#[actix_rt::test]
async fn workers_of_one_machine_share_what_they_fetch() {
    let stage = cached(Auto, ROOMY);
    stage.object("k", content(1000));
    stage.take(&stage.transfers, "k", "one").await;
    let other = stage.other_worker(Auto, ROOMY);
    stage.take(&other, "k", "two").await;
    assert_eq!(stage.gets(), 1);
    assert_eq!(other.counts().cache_hits, 1);
}

#[actix_rt::test]
async fn a_new_version_of_an_object_is_fetched() {
    let stage = cached(Auto, ROOMY);
    for text in ["one", "two", "3"] {
        stage.object("k", text);
        let file = stage.take(&stage.transfers, "k", "f").await;
        assert_eq!(fs::read_to_string(file).unwrap(), text);
    }
    assert_eq!(stage.gets(), 3);
}

#[actix_rt::test]
async fn a_task_that_writes_to_its_file_does_not_harm_others() {
    for mode in [Auto, Copy] {
        let stage = cached(mode, ROOMY);
        let bytes = content(10_000);
        stage.object("k", bytes.clone());
        for i in 0..4 {
            let file = stage.take(&stage.transfers, "k", &format!("{i}")).await;
            assert_eq!(fs::read(&file).unwrap(), bytes, "{mode:?}");
            // It may be refused, or succeed: nobody else sees it.
            let _ = fs::write(&file, "spoiled");
            stage.transfers.settled(Duration::from_secs(5)).await;
        }
        if mode == Copy {
            assert_eq!(fs::read(stage.path("0")).unwrap(), b"spoiled");
            assert_eq!(stage.gets(), 1);
        }
    }
}

#[actix_rt::test]
async fn linked_files_are_read_only_and_what_was_spoiled_nevertheless_is_fetched_again() {
    let stage = cached(Link, ROOMY);
    let bytes = content(10_000);
    stage.object("k", bytes.clone());
    let file = stage.take(&stage.transfers, "k", "one").await;
    let metadata = fs::metadata(&file).unwrap();
    assert!(metadata.permissions().readonly());
    assert_eq!(metadata.nlink(), 2);
    // As root would, or somebody who insists.
    let mut permissions = metadata.permissions();
    #[allow(clippy::permissions_set_readonly_false)]
    permissions.set_readonly(false);
    fs::set_permissions(&file, permissions).unwrap();
    let mut spoiled = bytes.to_vec();
    spoiled[5] ^= 1;
    fs::write(&file, spoiled).unwrap();
    let again = stage.take(&stage.transfers, "k", "two").await;
    assert_eq!(fs::read(again).unwrap(), bytes);
    assert_eq!(stage.gets(), 2);
}

#[actix_rt::test]
async fn broken_files_of_the_cache_are_fetched_again() {
    let stage = cached(Copy, ROOMY);
    let bytes = content(10_000);
    stage.object("k", bytes.clone());
    stage.take(&stage.transfers, "k", "f").await;
    let breaks: [fn(&PathBuf); 4] = [
        |path| fs::write(path, "short").unwrap(),
        |path| fs::write(path, vec![0; 10_000]).unwrap(),
        |path| fs::remove_file(path).unwrap(),
        |path| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
        },
    ];
    for (i, spoil) in breaks.iter().enumerate() {
        let path = &stage.kept()[0];
        let mut permissions = fs::metadata(path).unwrap().permissions();
        #[allow(clippy::permissions_set_readonly_false)]
        permissions.set_readonly(false);
        fs::set_permissions(path, permissions).unwrap();
        spoil(path);
        let file = stage.take(&stage.transfers, "k", "f").await;
        assert_eq!(fs::read(file).unwrap(), bytes);
        assert_eq!(stage.gets(), i + 2);
    }
}

#[actix_rt::test]
async fn what_was_not_used_for_longest_goes_first() {
    let stage = cached(Copy, 35_000);
    for key in ["a", "b", "c"] {
        stage.object(key, content(10_000));
        stage.take(&stage.transfers, key, key).await;
    }
    stage.take(&stage.transfers, "a", "a").await;
    stage.transfers.settled(Duration::from_secs(5)).await;
    stage.object("d", content(10_000));
    stage.take(&stage.transfers, "d", "d").await;
    let sum: u64 = stage
        .kept()
        .iter()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert_eq!(sum, 30_000);
    let before = stage.gets();
    for key in ["a", "c", "d"] {
        stage.take(&stage.transfers, key, "f").await;
    }
    assert_eq!(stage.gets(), before, "only b had to go");
    stage.take(&stage.transfers, "b", "f").await;
    assert_eq!(stage.gets(), before + 1);
}

#[actix_rt::test]
async fn what_a_task_uses_stays_with_it_and_in_the_cache() {
    let stage = cached(Link, 25_000);
    let bytes = content(10_000);
    for key in ["a", "b", "c", "d"] {
        stage.object(key, bytes.clone());
        // The tasks of b and d end before the next begins.
        let file = stage.take(&stage.transfers, key, key).await;
        if matches!(key, "b" | "d") {
            fs::remove_file(file).unwrap();
        }
    }
    for key in ["a", "c"] {
        assert_eq!(fs::read(stage.path(key)).unwrap(), bytes);
    }
    let before = stage.gets();
    stage.take(&stage.transfers, "a", "again").await;
    assert_eq!(stage.gets(), before);
    stage.take(&stage.transfers, "b", "again").await;
    assert_eq!(stage.gets(), before + 1);
}

#[actix_rt::test]
async fn what_is_larger_than_the_cache_is_just_fetched() {
    let stage = cached(Auto, 5_000);
    stage.object("k", content(10_000));
    for _ in 0..2 {
        stage.take(&stage.transfers, "k", "f").await;
    }
    assert_eq!(stage.gets(), 2);
    assert!(!stage.path("cache").exists() || stage.kept().is_empty());
}

#[actix_rt::test]
async fn a_cache_that_does_not_work_does_not_stop_the_task() {
    let stage = cached(Auto, ROOMY);
    fs::write(stage.path("cache"), "not a folder").unwrap();
    let bytes = content(10_000);
    stage.object("k", bytes.clone());
    let file = stage.take(&stage.transfers, "k", "f").await;
    assert_eq!(fs::read(file).unwrap(), bytes);
}

#[actix_rt::test]
async fn a_folder_that_others_may_write_into_is_no_cache() {
    let stage = cached(Auto, ROOMY);
    stage.object("k", content(10_000));
    let file = stage.take(&stage.transfers, "k", "f").await;
    let cache = stage.path("cache");
    for (path, bits) in [(&file, 0o077), (&cache, 0o077)] {
        assert_eq!(fs::metadata(path).unwrap().mode() & bits, 0, "{path:?}");
    }
    // The names of its files can be known: anybody could have put something else there.
    for entry in fs::read_dir(&cache).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::remove_file(&path).unwrap();
            fs::write(&path, vec![b'!'; 10_000]).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(time).unwrap();
        }
    }
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    let next = stage.other_worker(Auto, ROOMY);
    let file = stage.take(&next, "k", "g").await;
    assert_eq!(fs::read(file).unwrap(), content(10_000));
    assert_eq!(next.counts().cache_hits, 0);
}

#[actix_rt::test]
async fn the_announced_size_is_checked_before_anything_is_fetched() {
    let stage = cached(Auto, ROOMY);
    stage.object("k", content(10_000));
    let expect = Expected {
        size: Some(5),
        etag: None,
    };
    let error = stage.fetch_as("k", &expect).await.unwrap_err();
    assert!(matches!(error, StorageError::Mismatch { .. }), "{error}");
    assert_eq!(stage.gets(), 0);
}

#[actix_rt::test]
async fn objects_of_a_folder_are_kept_without_asking_for_each() {
    let stage = cached(Auto, ROOMY);
    for i in 0..50 {
        stage.object(&format!("d/{i}"), format!("{i}"));
    }
    for _ in 0..2 {
        assert_eq!(stage.fetch_folder("d/").await.unwrap().objects, 50);
    }
    assert_eq!(stage.server.faults.count("HEAD", ""), 0);
    assert_eq!(stage.server.faults.count("GET", "list-type"), 2);
    assert_eq!(stage.gets(), 52);
}

#[actix_rt::test]
async fn unfinished_files_of_killed_workers_are_swept_when_they_are_old() {
    let stage = cached(Auto, ROOMY);
    fs::create_dir_all(stage.path("cache/drafts")).unwrap();
    let old = [
        stage.file("cache/drafts/1-1", b"x"),
        stage.file("cache/.axon-1-c1.part", b"x"),
    ];
    let long_ago = SystemTime::now() - Duration::from_secs(7200);
    for path in &old {
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
    }
    let fresh = stage.file("cache/drafts/2-1", b"x");
    stage.object("k", "x");
    stage.take(&stage.transfers, "k", "f").await;
    assert!(old.iter().all(|path| !path.exists()));
    assert!(fresh.exists());
}
