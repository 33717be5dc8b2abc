//! Attempts that are given up while another thread still works for them.

use std::fs::{self, File};
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::task::Context;
use std::time::Duration;

use crate::Cancellation;
use crate::storage::object::meter::News;
use crate::storage::{
    Direction, Expected, LocalStore, ObjectInfo, ObjectStore, ObjectUri, Page, Sink, Source,
    StorageError, StoreFuture, TransferLimits, Transfers,
};

const MIB: usize = 1024 * 1024;

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i ^ (i >> 8)).to_le_bytes()[0]).collect()
}

/// Keeps threads for files busy, so that whatever is asked of them stalls.
#[derive(Debug, Default, Clone)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Returns when so many threads are busy.
    fn occupy(&self, threads: usize) {
        let all = Arc::new(Barrier::new(threads + 1));
        for _ in 0..threads {
            let (gate, all) = (self.clone(), Arc::clone(&all));
            tokio::task::spawn_blocking(move || {
                all.wait();
                let is_open = gate.0.0.lock().unwrap();
                drop(gate.0.1.wait_while(is_open, |is_open| !*is_open).unwrap());
            });
        }
        all.wait();
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// A storage of a user's own, whose first copy stalls until the second begins.
#[derive(Debug)]
struct Stalling {
    file: PathBuf,
    gate: Gate,
    attempts: Arc<AtomicUsize>,
}

impl ObjectStore for Stalling {
    fn get<'a>(&'a self, from: &'a ObjectUri, sink: &'a mut Sink) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let failed = StorageError::io(&self.file);
            let file = File::open(&self.file).map_err(failed)?;
            let size = file.metadata().map_err(StorageError::io(&self.file))?.len();
            let etag = Some(from.key().to_owned());
            sink.begin(ObjectInfo { size, etag })?;
            if self.attempts.fetch_add(1, Relaxed) == 0 {
                // The file of the attempt is made, and is all that works.
                sink.write_file(File::open("/dev/null").unwrap()).await?;
                self.gate.occupy(8);
            } else {
                self.gate.open();
            }
            sink.write_file(file).await
        })
    }

    fn stat<'a>(&'a self, at: &'a ObjectUri) -> StoreFuture<'a, ObjectInfo> {
        Box::pin(async move { Err(StorageError::NotFound { uri: at.clone() }) })
    }

    fn list<'a>(&'a self, _: &'a str, _: &'a str, _: Option<&'a str>) -> StoreFuture<'a, Page> {
        Box::pin(async { Ok(Page::default()) })
    }

    fn put<'a>(&'a self, _: &'a Source, to: &'a ObjectUri) -> StoreFuture<'a, ObjectInfo> {
        Box::pin(async move { Err(StorageError::NotFound { uri: to.clone() }) })
    }

    fn delete<'a>(&'a self, _: &'a ObjectUri) -> StoreFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

#[actix_rt::test]
async fn a_stalled_copy_and_the_next_attempt_do_not_write_to_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let (file, to) = (dir.path().join("object"), dir.path().join("got"));
    // Copied in two pieces.
    let bytes = content(12 * MIB);
    fs::write(&file, &bytes).unwrap();
    let attempts = Arc::<AtomicUsize>::default();
    let store = Stalling {
        file,
        gate: Gate::default(),
        attempts: Arc::clone(&attempts),
    };
    let limits = TransferLimits {
        stall: Duration::from_millis(200),
        ..TransferLimits::default()
    };
    let transfers = Transfers::new(store, "b", limits);
    let (uri, any) = (ObjectUri::new("b", "k"), Expected::default());
    let fetched = transfers.fetch(&uri, &to, &any, &Cancellation::new()).await;
    assert_eq!(fetched.unwrap().size, bytes.len() as u64);
    assert_eq!(attempts.load(Relaxed), 2, "the first one stalled");
    assert!(fs::read(&to).unwrap() == bytes);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

fn source(path: &std::path::Path) -> Source {
    let uri = Arc::new(ObjectUri::new("b", "k"));
    let meter = News::new().begin(Direction::Store, &uri);
    Source::open(path, meter).unwrap()
}

#[tokio::test]
async fn two_attempts_that_read_one_file_at_once_both_read_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let bytes = content(8 * MIB);
    fs::write(&path, &bytes).unwrap();
    let (source, store) = (source(&path), LocalStore::new(dir.path().join("store")));
    let (one, other) = (ObjectUri::new("b", "1"), ObjectUri::new("b", "2"));
    let (first, second) = tokio::join!(store.put(&source, &one), store.put(&source, &other));
    assert_eq!(first.unwrap().size, bytes.len() as u64);
    assert_eq!(second.unwrap().size, bytes.len() as u64);
    for key in ["1", "2"] {
        let stored = fs::read(dir.path().join("store/b").join(key)).unwrap();
        assert!(stored == bytes, "{key}");
    }
}

#[test]
fn an_attempt_that_was_given_up_puts_nothing_in_the_place_of_a_later_one() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(1).build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    fs::write(&old, "old").unwrap();
    fs::write(&new, "new").unwrap();
    let store = LocalStore::new(dir.path().join("store"));
    let uri = ObjectUri::new("b", "k");
    runtime.block_on(async {
        let gate = Gate::default();
        gate.occupy(1);
        {
            let (source, mut context) =
                (source(&old), Context::from_waker(std::task::Waker::noop()));
            assert!(
                pin!(store.put(&source, &uri))
                    .poll(&mut context)
                    .is_pending()
            );
        }
        // As another process would do it meanwhile.
        fs::create_dir_all(dir.path().join("store/b")).unwrap();
        fs::copy(&new, dir.path().join("store/b/k")).unwrap();
        gate.open();
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    });
    let stored = fs::read_to_string(dir.path().join("store/b/k")).unwrap();
    assert_eq!(stored, "new");
    let drafts = fs::read_dir(dir.path().join("store/.drafts")).unwrap();
    assert_eq!(drafts.count(), 0);
}
