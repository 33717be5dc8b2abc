//! One large object, in parts.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::oneshot;

use super::retry::{Retries, watched};
use super::{Shared, StorageThread};
use crate::storage::object::meter::Meter;
use crate::storage::object::{Multipart, ObjectInfo, ObjectUri, Part, Source, StorageError};

/// Parts of one object at once.
const AT_ONCE: usize = 4;
/// S3 takes no more parts than this.
const MOST_PARTS: u64 = 10_000;

/// An upload that the storage keeps open. Dropping it makes the storage forget it.
struct Upload {
    shared: Arc<Shared>,
    uri: ObjectUri,
    id: String,
    is_done: bool,
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let (shared, uri) = (Arc::clone(&self.shared), self.uri.clone());
        let id = std::mem::take(&mut self.id);
        if let Some(thread) = self.shared.thread.get() {
            drop(thread.spawn(async move { shared.abort(&uri, &id).await }));
        }
    }
}

impl Shared {
    fn multipart(&self) -> &dyn Multipart {
        let multipart = self.store.multipart();
        multipart.expect("it was there when the upload began")
    }

    pub(super) fn storage_thread(&self) -> &StorageThread {
        let thread = self.thread.get();
        thread.expect("transfers run on it")
    }

    pub(super) async fn upload_parts(
        self: &Arc<Self>,
        source: &Source,
        uri: &ObjectUri,
        meter: &Meter,
    ) -> Result<ObjectInfo, StorageError> {
        let mut upload = self.begin(uri, meter).await?;
        let id = upload.id.clone();
        let parts = parts(source.size(), self.limits.part_size);
        let count = parts.len();
        let mut done: Vec<(u32, String)> = stream::iter(parts)
            .map(|part| self.upload_part(source, part, uri, &id, meter))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        done.sort_unstable();
        let etags: Vec<String> = done.into_iter().map(|(_, etag)| etag).collect();
        debug_assert_eq!(etags.len(), count);
        let etag = self.finish(source, uri, &id, &etags, meter).await?;
        upload.is_done = true;
        Ok(ObjectInfo {
            size: source.size(),
            etag,
        })
    }

    /// Begins on its own, so that an upload which is called off in this moment is known
    /// and can be forgotten.
    async fn begin(
        self: &Arc<Self>,
        uri: &ObjectUri,
        meter: &Meter,
    ) -> Result<Upload, StorageError> {
        let (shared, to, meter) = (Arc::clone(self), uri.clone(), meter.clone());
        let (tell, told) = oneshot::channel();
        drop(self.storage_thread().spawn(async move {
            // If nobody waits any more, this drops the upload, which ends it.
            let _ = tell.send(shared.begin_now(to, &meter).await);
        }));
        let lost = |_| StorageError::unavailable(uri, "the storage code panicked");
        told.await.map_err(lost)?
    }

    async fn begin_now(
        self: &Arc<Self>,
        uri: ObjectUri,
        meter: &Meter,
    ) -> Result<Upload, StorageError> {
        let mut retries = Retries::new(&self.limits);
        loop {
            let result = {
                let _place = self.place().await;
                let request = self.multipart().begin(&uri);
                watched(request, Some(meter), &uri, self.limits.stall).await
            };
            match result {
                Ok(id) => {
                    return Ok(Upload {
                        shared: Arc::clone(self),
                        uri,
                        id,
                        is_done: false,
                    });
                }
                Err(error) if retries.again(&error, Some(meter)).await => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn upload_part(
        &self,
        source: &Source,
        part: Part,
        uri: &ObjectUri,
        id: &str,
        meter: &Meter,
    ) -> Result<(u32, String), StorageError> {
        let mut retries = Retries::new(&self.limits);
        loop {
            let result = {
                let _place = self.place().await;
                let request = self.multipart().put_part(source, &part, uri, id);
                watched(request, Some(meter), uri, self.limits.stall).await
            };
            match result {
                Ok(etag) => {
                    meter.keep(part.bytes.end - part.bytes.start);
                    return Ok((part.number, etag));
                }
                Err(error) if retries.again(&error, Some(meter)).await => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn finish(
        &self,
        source: &Source,
        uri: &ObjectUri,
        id: &str,
        etags: &[String],
        meter: &Meter,
    ) -> Result<Option<String>, StorageError> {
        let mut retries = Retries::new(&self.limits);
        let mut is_repeated = false;
        loop {
            let result = {
                let _place = self.place().await;
                let request = self.multipart().finish(uri, id, etags);
                watched(request, Some(meter), uri, self.limits.stall).await
            };
            match result {
                // It may be finished, and only the answer was lost.
                Err(StorageError::NotFound { .. }) if is_repeated => {
                    let found = self.stat_one(uri).await?;
                    let lost = || StorageError::unavailable(uri, "its upload got lost");
                    return (found.size == source.size())
                        .then_some(found.etag)
                        .ok_or_else(lost);
                }
                Err(error) if retries.again(&error, Some(meter)).await => is_repeated = true,
                result => return result,
            }
        }
    }

    async fn abort(&self, uri: &ObjectUri, id: &str) {
        let mut retries = Retries::new(&self.limits);
        loop {
            let request = self.multipart().abort(uri, id);
            match watched(request, None, uri, self.limits.stall).await {
                Ok(()) => return,
                Err(error) if retries.again(&error, None).await => {}
                Err(error) => {
                    tracing::warn!(%uri, %error, "the storage keeps parts of an upload that was given up");
                    return;
                }
            }
        }
    }
}

/// Parts of equal size but for the last, and not too many.
fn parts(size: u64, wanted: u64) -> Vec<Part> {
    let each = wanted.max(size.div_ceil(MOST_PARTS)).max(1);
    let starts = (0..size).step_by(usize::try_from(each).unwrap_or(usize::MAX));
    (1..)
        .zip(starts)
        .map(|(number, start)| Part {
            number,
            bytes: start..size.min(start + each),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_are_the_whole_in_order(size in 1u64..1 << 40, wanted in 1u64..1 << 33) {
            let parts = parts(size, wanted);
            prop_assert!(parts.len() as u64 <= MOST_PARTS);
            let mut at = 0;
            for (number, part) in (1..).zip(&parts) {
                prop_assert_eq!((part.number, part.bytes.start), (number, at));
                prop_assert!(!part.bytes.is_empty());
                at = part.bytes.end;
            }
            prop_assert_eq!(at, size);
        }
    }
}
