//! S3, and what speaks like it. `rust-s3` signs, lists and controls uploads in parts;
//! bytes go through signed URLs, so that they are neither hashed nor copied on the way,
//! and so that headers of the answer are known before its body.

mod answer;
mod credentials;
mod multipart;

use std::fmt;

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_MATCH, RANGE};
use reqwest::{Body, Response, StatusCode};
use s3::{Bucket, Region};

use self::answer::{broken, failed, refused};
use self::credentials::Keys;
use super::store::unquoted;
use super::{
    ListedObject, Multipart, ObjectInfo, ObjectStore, ObjectUri, Page, Sink, Source, StorageError,
    StoreFuture,
};
use crate::config::StorageSettings;

/// How long a signed URL is good for, in seconds: until the request has begun.
const SIGNED_FOR: u32 = 900;
/// Bodies up to this size are read at once rather than as a stream.
const SMALL: u64 = 256 * 1024;

/// An object storage behind an endpoint, with path style addresses.
pub struct S3Store {
    /// Any bucket: all have the same connections.
    base: Bucket,
    keys: Keys,
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Store")
            .field("region", &self.base.region)
            .finish_non_exhaustive()
    }
}

impl S3Store {
    /// With endpoint, region and keys of the settings. Without keys, those of the
    /// standard places of AWS are looked for with the first request.
    ///
    /// # Errors
    /// [`StorageError::Setup`], naming the variable.
    pub fn new(settings: &StorageSettings) -> Result<Self, StorageError> {
        let setup = |reason: String| StorageError::Setup { reason };
        let endpoint = settings
            .endpoint_url
            .as_deref()
            .ok_or_else(|| setup("S3_ENDPOINT_URL is not set".to_owned()))?;
        // We try again ourselves.
        s3::set_retries(0);
        let region = Region::Custom {
            region: settings.region.clone(),
            endpoint: plain_endpoint(endpoint),
        };
        let keys = Keys::new(settings);
        let mut base = Bucket::new("any", region, Keys::none())
            .map_err(|error| setup(format!("S3_ENDPOINT_URL: {error}")))?
            .with_path_style();
        // The transfers watch that bytes move; how long it takes is nobody's business.
        base.set_request_timeout(None);
        Ok(Self { base: *base, keys })
    }

    /// The bucket, with keys that are still good.
    async fn bucket(&self, uri: &ObjectUri) -> Result<Bucket, StorageError> {
        check_bucket(uri)?;
        let mut bucket = self.base.clone();
        uri.bucket().clone_into(&mut bucket.name);
        bucket.set_credentials(self.keys.get(uri).await?);
        Ok(bucket)
    }

    async fn object(&self, uri: &ObjectUri) -> Result<Bucket, StorageError> {
        check_key(uri)?;
        self.bucket(uri).await
    }

    async fn read(&self, from: &ObjectUri, sink: &mut Sink) -> Result<(), StorageError> {
        let bucket = self.object(from).await?;
        let url = bucket
            .presign_get(from.key(), SIGNED_FOR, None)
            .await
            .map_err(failed(from))?;
        let offset = sink.offset();
        let mut request = bucket.http_client().get(url);
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        if let Some(etag) = sink.if_match() {
            request = request.header(IF_MATCH, format!("\"{etag}\""));
        }
        let answer = request.send().await.map_err(broken(from))?;
        let mut answer = good(from, answer).await?;
        let mut skip = sink.begin_with(from, &answer)?;
        while let Some(bytes) = answer.chunk().await.map_err(broken(from))? {
            let known = skip.min(bytes.len() as u64);
            skip -= known;
            let at = usize::try_from(known).unwrap_or(bytes.len());
            let fresh = bytes.slice(at..);
            if fresh.is_empty() {
                sink.skipped(at);
            } else {
                sink.write(fresh).await?;
            }
        }
        Ok(())
    }

    async fn write(&self, from: &Source, to: &ObjectUri) -> Result<ObjectInfo, StorageError> {
        let bucket = self.object(to).await?;
        let url = bucket
            .presign_put(to.key(), SIGNED_FOR, None, None)
            .await
            .map_err(failed(to))?;
        let answer = send_body(&bucket, url, from, 0..from.size(), to).await?;
        Ok(ObjectInfo {
            size: from.size(),
            etag: etag(&answer),
        })
    }
}

/// Sends a part of a file to a signed URL.
async fn send_body(
    bucket: &Bucket,
    url: String,
    from: &Source,
    range: std::ops::Range<u64>,
    to: &ObjectUri,
) -> Result<Response, StorageError> {
    let length = range.end - range.start;
    let body = if length <= SMALL {
        Body::from(from.read(range).map_err(|error| from.failed(error))?)
    } else {
        Body::wrap_stream(from.stream(range))
    };
    let request = bucket.http_client().put(url).body(body);
    let answer = request.header(CONTENT_LENGTH, length).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Err(answer::of_body(from, to, error)),
    };
    good(to, answer).await
}

/// An answer that says yes, or the error.
async fn good(uri: &ObjectUri, answer: Response) -> Result<Response, StorageError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let body = answer::beginning(answer).await;
    Err(refused(uri, status.as_u16(), &body))
}

fn etag(answer: &Response) -> Option<String> {
    let value = answer.headers().get(ETAG)?.to_str().ok()?;
    Some(unquoted(value).to_owned())
}

impl Sink {
    /// Reads the head of an answer; returns how many bytes of its body we have already.
    fn begin_with(&mut self, uri: &ObjectUri, answer: &Response) -> Result<u64, StorageError> {
        let odd = |reason: &str| StorageError::unavailable(uri, reason);
        let offset = self.offset();
        let header = |name| {
            answer
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let (size, skip) = if answer.status() == StatusCode::PARTIAL_CONTENT {
            let range = header(CONTENT_RANGE).and_then(read_range);
            let (from, size) = range.ok_or_else(|| odd("it sent a part without saying which"))?;
            if from != offset {
                return Err(odd("it sent another part than the one asked for"));
            }
            (size, 0)
        } else {
            let size = header(CONTENT_LENGTH).and_then(|text| text.parse().ok());
            (
                size.ok_or_else(|| odd("it did not say how large the object is"))?,
                offset,
            )
        };
        let etag = etag(answer);
        self.begin(ObjectInfo { size, etag })?;
        Ok(skip)
    }
}

/// The first byte and the size of the whole, from `bytes 5-9/10`.
fn read_range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    Some((from.parse().ok()?, size.parse().ok()?))
}

/// Without a slash at its end and without the scheme's usual port, which the library
/// signs but does not send.
fn plain_endpoint(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let port = if url.starts_with("https:") {
        ":443"
    } else {
        ":80"
    };
    url.strip_suffix(port).unwrap_or(url).to_owned()
}

fn check_bucket(uri: &ObjectUri) -> Result<(), StorageError> {
    let name = uri.bucket();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.len() > 255 || name.starts_with('.') || !name.chars().all(is_plain) {
        return Err(StorageError::UnsafeKey {
            uri: uri.clone(),
            reason: "its bucket is no name of a bucket",
        });
    }
    Ok(())
}

/// The library would silently take some keys for others.
fn check_key(uri: &ObjectUri) -> Result<(), StorageError> {
    let key = uri.key();
    let reason = if key.is_empty() {
        "it is empty"
    } else if key.starts_with('/') {
        "it begins with a slash"
    } else if key.split('/').any(|part| matches!(part, "." | "..")) {
        "it has a part . or .."
    } else if key.contains('\0') {
        "it contains a NUL"
    } else if key.len() > 1024 {
        "it is longer than 1024 bytes"
    } else {
        return Ok(());
    };
    Err(StorageError::UnsafeKey {
        uri: uri.clone(),
        reason,
    })
}

impl ObjectStore for S3Store {
    fn stat<'a>(&'a self, at: &'a ObjectUri) -> StoreFuture<'a, ObjectInfo> {
        Box::pin(async move {
            let bucket = self.object(at).await?;
            let (head, _) = bucket.head_object(at.key()).await.map_err(failed(at))?;
            let size = head
                .content_length
                .and_then(|size| u64::try_from(size).ok());
            Ok(ObjectInfo {
                size: size.ok_or_else(|| StorageError::unavailable(at, "it has no size"))?,
                etag: head.e_tag.map(|etag| unquoted(&etag).to_owned()),
            })
        })
    }

    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> StoreFuture<'a, Page> {
        Box::pin(async move {
            let uri = ObjectUri::new(bucket, prefix);
            let bucket = self.bucket(&uri).await?;
            let after = after.map(str::to_owned);
            let (page, _) = bucket
                .list_page(prefix.to_owned(), None, after, None, None)
                .await
                .map_err(failed(&uri))?;
            let objects = page.contents.into_iter().map(|object| ListedObject {
                key: object.key,
                info: ObjectInfo {
                    size: object.size,
                    etag: object.e_tag.map(|etag| unquoted(&etag).to_owned()),
                },
            });
            Ok(Page {
                objects: objects.collect(),
                next: page.next_continuation_token.filter(|_| page.is_truncated),
            })
        })
    }

    fn get<'a>(&'a self, from: &'a ObjectUri, sink: &'a mut Sink) -> StoreFuture<'a, ()> {
        Box::pin(self.read(from, sink))
    }

    fn put<'a>(&'a self, from: &'a Source, to: &'a ObjectUri) -> StoreFuture<'a, ObjectInfo> {
        Box::pin(self.write(from, to))
    }

    fn delete<'a>(&'a self, at: &'a ObjectUri) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let bucket = self.object(at).await?;
            match bucket.delete_object(at.key()).await.map_err(failed(at)) {
                Ok(_) | Err(StorageError::NotFound { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    fn multipart(&self) -> Option<&dyn Multipart> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_answers_are_read() {
        assert_eq!(read_range("bytes 5-9/10"), Some((5, 10)));
        for odd in ["bytes */10", "bytes 5-9/*", "5-9/10", "bytes 5/10", ""] {
            assert_eq!(read_range(odd), None, "{odd}");
        }
    }

    #[test]
    fn usual_ports_and_slashes_are_left_out() {
        for (given, used) in [
            ("http://s3:80/", "http://s3"),
            ("https://s3:443", "https://s3"),
            ("http://s3:443", "http://s3:443"),
            ("http://s3:8080", "http://s3:8080"),
        ] {
            assert_eq!(plain_endpoint(given), used);
        }
    }

    #[test]
    fn keys_that_would_become_others_are_refused() {
        for key in [
            "",
            "/a",
            "./a",
            "a/../b",
            "..",
            "a/.",
            "a\0",
            &"x".repeat(1025),
        ] {
            assert!(check_key(&ObjectUri::new("b", key)).is_err(), "{key:?}");
        }
        for key in ["a//b", "a/", "...", ".a", "a b", "%2e%2e/x", "a\nb", "ü"] {
            assert!(check_key(&ObjectUri::new("b", key)).is_ok(), "{key:?}");
        }
        for bucket in ["", "..", "a/b", "u@b", "b:1", "b?x", "ü"] {
            assert!(
                check_bucket(&ObjectUri::new(bucket, "k")).is_err(),
                "{bucket}"
            );
        }
    }
}
