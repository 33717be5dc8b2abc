//! A storage in memory that obeys the test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use axon_worker::storage::{
    ListedObject, ObjectInfo, ObjectStore, ObjectUri, Page, Sink, Source, StorageError, StoreFuture,
};
use bytes::Bytes;
use tokio::sync::watch;

/// What happens to requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Willing,
    /// Requests stand still until it is willing again.
    Holding,
    /// As a storage that is down.
    Down,
}

#[derive(Debug, Clone)]
pub struct Shelf(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    objects: Mutex<BTreeMap<(String, String), Bytes>>,
    gets: watch::Sender<Mood>,
    puts: watch::Sender<Mood>,
    /// Requests under way.
    busy: AtomicUsize,
    begun: AtomicUsize,
}

struct Busy<'a>(&'a Inner);

impl<'a> Busy<'a> {
    fn new(inner: &'a Inner) -> Self {
        inner.busy.fetch_add(1, Ordering::SeqCst);
        inner.begun.fetch_add(1, Ordering::SeqCst);
        Self(inner)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shelf {
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            objects: Mutex::default(),
            gets: watch::Sender::new(Mood::Willing),
            puts: watch::Sender::new(Mood::Willing),
            busy: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
        }))
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<(String, String), Bytes>> {
        self.0.objects.lock().unwrap()
    }

    pub fn put(&self, uri: &str, content: impl Into<Bytes>) {
        let uri = ObjectUri::parse(uri).unwrap();
        let key = (uri.bucket().to_owned(), uri.key().to_owned());
        self.objects().insert(key, content.into());
    }

    /// What is there, as text.
    pub fn content(&self, uri: &str) -> Option<String> {
        let uri = ObjectUri::parse(uri).unwrap();
        let key = (uri.bucket().to_owned(), uri.key().to_owned());
        let found = self.objects().get(&key).cloned();
        found.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let objects = self.objects();
        let keys = objects.keys().filter(|(b, _)| b == bucket);
        keys.map(|(_, key)| key.clone()).collect()
    }

    pub fn gets(&self, mood: Mood) {
        self.0.gets.send_replace(mood);
    }

    pub fn puts(&self, mood: Mood) {
        self.0.puts.send_replace(mood);
    }

    /// Requests under way.
    pub fn busy(&self) -> usize {
        self.0.busy.load(Ordering::SeqCst)
    }

    /// Requests so far.
    pub fn begun(&self) -> usize {
        self.0.begun.load(Ordering::SeqCst)
    }

    async fn allowed(
        &self,
        mood: &watch::Sender<Mood>,
        uri: &ObjectUri,
    ) -> Result<(), StorageError> {
        let mut mood = mood.subscribe();
        let mood = mood.wait_for(|mood| *mood != Mood::Holding).await;
        match *mood.expect("we hold the sender") {
            Mood::Down => Err(StorageError::Unavailable {
                uri: uri.clone(),
                reason: "it is down".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn find(&self, at: &ObjectUri) -> Result<(Bytes, ObjectInfo), StorageError> {
        let key = (at.bucket().to_owned(), at.key().to_owned());
        let bytes = self.objects().get(&key).cloned();
        let bytes = bytes.ok_or_else(|| StorageError::NotFound { uri: at.clone() })?;
        let info = info(&bytes);
        Ok((bytes, info))
    }
}

fn info(bytes: &Bytes) -> ObjectInfo {
    let sum = bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    ObjectInfo {
        size: bytes.len() as u64,
        etag: Some(format!("{sum:x}")),
    }
}

impl ObjectStore for Shelf {
    fn stat<'a>(&'a self, at: &'a ObjectUri) -> StoreFuture<'a, ObjectInfo> {
        Box::pin(async { Ok(self.find(at)?.1) })
    }

    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        _: Option<&'a str>,
    ) -> StoreFuture<'a, Page> {
        Box::pin(async move {
            let objects = self.objects();
            let inside = objects
                .iter()
                .filter(|((b, key), _)| b == bucket && key.starts_with(prefix));
            let listed = inside.map(|((_, key), bytes)| ListedObject {
                key: key.clone(),
                info: info(bytes),
            });
            Ok(Page {
                objects: listed.collect(),
                next: None,
            })
        })
    }

    fn get<'a>(&'a self, from: &'a ObjectUri, sink: &'a mut Sink) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let _busy = Busy::new(&self.0);
            self.allowed(&self.0.gets, from).await?;
            let (bytes, info) = self.find(from)?;
            let rest = bytes.slice(usize::try_from(sink.offset()).unwrap()..);
            sink.begin(info)?;
            sink.write(rest).await
        })
    }

    fn put<'a>(&'a self, from: &'a Source, to: &'a ObjectUri) -> StoreFuture<'a, ObjectInfo> {
        Box::pin(async move {
            let _busy = Busy::new(&self.0);
            self.allowed(&self.0.puts, to).await?;
            let bytes = from
                .read(0..from.size())
                .map_err(|error| from.failed(error))?;
            let info = info(&bytes);
            let key = (to.bucket().to_owned(), to.key().to_owned());
            self.objects().insert(key, bytes);
            Ok(info)
        })
    }

    fn delete<'a>(&'a self, at: &'a ObjectUri) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let key = (at.bucket().to_owned(), at.key().to_owned());
            self.objects().remove(&key);
            Ok(())
        })
    }
}
