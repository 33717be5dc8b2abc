//! Bodies of uploads, with a digest where a bucket wants one.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Response};
use s3::Bucket;

use super::answer::{Failure, failed, of_body};
use super::{S3Store, SIGNED_FOR, good};
use crate::config::S3Checksum;
use crate::storage::object::{ObjectUri, Source, StorageError};

/// Bodies up to this size are read at once rather than as a stream.
const SMALL: u64 = 256 * 1024;
/// What is read at once for a digest.
const CHUNK: usize = 256 * 1024;
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// Which uploads need a digest.
///
/// MD5, since it is a header of the body alone: the newer checksums of S3 have to be named
/// when an upload in parts begins and again when it is completed, and not every service
/// knows them. Where a digest is asked for, either will do.
#[derive(Debug)]
pub(super) struct Digests {
    always: bool,
    /// Buckets that asked for one.
    buckets: Mutex<HashSet<String>>,
}

impl Digests {
    pub(super) fn new(checksum: S3Checksum) -> Self {
        Self {
            always: checksum == S3Checksum::Md5,
            buckets: Mutex::default(),
        }
    }

    fn are_wanted(&self, bucket: &str) -> bool {
        self.always || self.lock().contains(bucket)
    }

    fn want(&self, bucket: &str) {
        if self.lock().insert(bucket.to_owned()) {
            tracing::info!(bucket, "uploads to this bucket need Content-MD5 and get it");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl S3Store {
    /// Sends a part of a file, once more with a digest if the bucket turns out to want one.
    pub(super) async fn send_body(
        &self,
        bucket: &Bucket,
        from: &Source,
        range: Range<u64>,
        to: &ObjectUri,
        query: Option<HashMap<String, String>>,
    ) -> Result<Response, Failure> {
        let with_digest = self.digests.are_wanted(to.bucket());
        let sent = send(bucket, from, range.clone(), to, query.clone(), with_digest).await;
        match sent {
            Err(failure) if failure.is_about_digest && !with_digest => {
                self.digests.want(to.bucket());
                send(bucket, from, range, to, query, true).await
            }
            sent => sent,
        }
    }
}

async fn send(
    bucket: &Bucket,
    from: &Source,
    range: Range<u64>,
    to: &ObjectUri,
    query: Option<HashMap<String, String>>,
    with_digest: bool,
) -> Result<Response, Failure> {
    let length = range.end - range.start;
    let mut headers = HeaderMap::new();
    if with_digest {
        headers.insert(CONTENT_MD5, md5_of(from, range.clone()).await?);
    }
    // Signed as well, if there is one.
    let signed = with_digest.then(|| headers.clone());
    let url = bucket
        .presign_put(to.key(), SIGNED_FOR, signed, query)
        .await
        .map_err(failed(to))?;
    let body = if length <= SMALL {
        Body::from(from.read(range).map_err(|error| from.failed(error))?)
    } else {
        Body::wrap_stream(from.stream(range))
    };
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let request = bucket.http_client().put(url).headers(headers).body(body);
    match request.send().await {
        Ok(answer) => good(to, answer).await,
        Err(error) => Err(of_body(from, to, error).into()),
    }
}

/// The digest of a part of a file, as the header has it. Read on another thread.
async fn md5_of(from: &Source, range: Range<u64>) -> Result<HeaderValue, StorageError> {
    let source = from.clone();
    let digest = move || {
        let mut digest = md5::Context::new();
        let mut buffer = vec![0; CHUNK];
        let mut at = range.start;
        while at < range.end {
            let left = usize::try_from(range.end - at).unwrap_or(CHUNK);
            let piece = &mut buffer[..left.min(CHUNK)];
            source.file().read_exact_at(piece, at)?;
            digest.consume(&piece);
            at += piece.len() as u64;
        }
        let text = STANDARD.encode(digest.finalize().0);
        HeaderValue::from_str(&text).map_err(io::Error::other)
    };
    let done = tokio::task::spawn_blocking(digest).await;
    let done = done.map_err(io::Error::other).and_then(|done| done);
    done.map_err(|error| from.failed(error))
}
