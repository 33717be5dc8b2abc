//! One object.

use std::path::Path;
use std::sync::Arc;

use super::Shared;
use super::retry::{Retries, watched};
use crate::storage::object::meter::Meter;
use crate::storage::object::{
    Direction, Expected, ObjectInfo, ObjectUri, Sink, Source, StorageError,
};

impl Shared {
    /// `known` is what a listing said of the object.
    pub(super) async fn fetch_one(
        self: &Arc<Self>,
        uri: Arc<ObjectUri>,
        to: &Path,
        expect: Expected,
        known: Option<ObjectInfo>,
    ) -> Result<ObjectInfo, StorageError> {
        let meter = self.news.begin(Direction::Fetch, &uri);
        let result = match &self.cache {
            Some(cache) => {
                let cached = self.fetch_cached(cache, &uri, to, &expect, known, &meter);
                Box::pin(cached).await
            }
            None => self.download(&uri, to, expect, &meter).await,
        };
        meter.finish(&uri, result.as_ref().map(drop));
        result
    }

    pub(super) async fn download(
        &self,
        uri: &Arc<ObjectUri>,
        to: &Path,
        expect: Expected,
        meter: &Meter,
    ) -> Result<ObjectInfo, StorageError> {
        let mut sink = Sink::new(Arc::clone(uri), to, expect, meter.clone())?;
        let mut retries = Retries::new(&self.limits);
        loop {
            let error = match self.attempt(uri, &mut sink, meter).await {
                Ok(info) => {
                    sink.place(to).await?;
                    return Ok(info);
                }
                Err(error) => error,
            };
            if matches!(error, StorageError::Changed { .. }) || !sink.is_resumable() {
                sink.restart();
            }
            meter.keep_until(sink.offset());
            if !retries.again(&error, Some(meter)).await {
                return Err(error);
            }
        }
    }

    async fn attempt(
        &self,
        uri: &ObjectUri,
        sink: &mut Sink,
        meter: &Meter,
    ) -> Result<ObjectInfo, StorageError> {
        let got = {
            let _place = self.place().await;
            let request = self.store.get(uri, sink);
            watched(request, Some(meter), uri, self.limits.stall).await
        };
        got?;
        sink.complete()
    }

    pub(super) async fn store_one(
        self: &Arc<Self>,
        path: &Path,
        uri: Arc<ObjectUri>,
    ) -> Result<ObjectInfo, StorageError> {
        let meter = self.news.begin(Direction::Store, &uri);
        let result = self.upload(path, &uri, &meter).await;
        meter.finish(&uri, result.as_ref().map(drop));
        result
    }

    async fn upload(
        self: &Arc<Self>,
        path: &Path,
        uri: &ObjectUri,
        meter: &Meter,
    ) -> Result<ObjectInfo, StorageError> {
        let source = Source::open(path, meter.clone())?;
        if self.store.multipart().is_some() && source.size() > 2 * self.limits.part_size {
            return self.upload_parts(&source, uri, meter).await;
        }
        let mut retries = Retries::new(&self.limits);
        loop {
            let result = {
                let _place = self.place().await;
                let request = self.store.put(&source, uri);
                watched(request, Some(meter), uri, self.limits.stall).await
            };
            match result {
                Err(error) if retries.again(&error, Some(meter)).await => {}
                result => return result,
            }
        }
    }

    pub(super) async fn stat_one(&self, uri: &ObjectUri) -> Result<ObjectInfo, StorageError> {
        let mut retries = Retries::new(&self.limits);
        loop {
            let result = {
                let _place = self.place().await;
                watched(self.store.stat(uri), None, uri, self.limits.stall).await
            };
            match result {
                Err(error) if retries.again(&error, None).await => {}
                result => return result,
            }
        }
    }

    pub(super) async fn delete_one(&self, uri: &ObjectUri) -> Result<(), StorageError> {
        let mut retries = Retries::new(&self.limits);
        loop {
            let result = {
                let _place = self.place().await;
                watched(self.store.delete(uri), None, uri, self.limits.stall).await
            };
            match result {
                Err(error) if retries.again(&error, None).await => {}
                result => return result,
            }
        }
    }

    /// A place among the requests that run at once.
    pub(super) async fn place(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.places.acquire().await.expect("it is never closed")
    }
}
