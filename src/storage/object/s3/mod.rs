//! S3, and what speaks like it. `rust-s3` signs, lists and controls uploads in parts;
//! bytes go through signed URLs, so that they are neither hashed nor copied on the way,
//! and so that headers of the answer are known before its body.

#[macro_use]
mod signed;

mod address;
mod answer;
mod body;
mod credentials;
mod head;
mod multipart;

use std::fmt;
use std::sync::Arc;

use reqwest::Response;
use reqwest::header::{IF_MATCH, RANGE};
use s3::creds::Credentials;
use s3::{Bucket, Region};

use self::address::{check_bucket, check_host, check_key, plain_endpoint};
use self::answer::{Failure, broken, failed, refused};
use self::body::Digests;
use self::credentials::Keys;
use self::head::etag_of;
use super::{
    ListedObject, Multipart, ObjectInfo, ObjectStore, ObjectUri, Page, Sink, Source, StorageError,
    StoreFuture, etag,
};
use crate::config::{S3Addressing, StorageSettings};
use crate::net::ProxyRules;

/// How long a signed URL is good for, in seconds: until the request has begun.
const SIGNED_FOR: u32 = 900;

/// An object storage behind an endpoint.
pub struct S3Store {
    /// Any bucket: all have the same connections.
    base: Bucket,
    keys: Keys,
    addressing: S3Addressing,
    digests: Digests,
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
    /// standard places of AWS are looked for with the first request. Proxies are those of
    /// the environment, see [`ProxyRules`](crate::transport::ProxyRules).
    ///
    /// # Errors
    /// [`StorageError::Setup`], naming the variable.
    pub fn new(settings: &StorageSettings) -> Result<Self, StorageError> {
        Self::with_proxies(settings, ProxyRules::from_env())
    }

    fn with_proxies(
        settings: &StorageSettings,
        rules: Arc<ProxyRules>,
    ) -> Result<Self, StorageError> {
        let setup = |reason: String| StorageError::Setup { reason };
        let endpoint = settings
            .endpoint_url
            .as_deref()
            .ok_or_else(|| setup("S3_ENDPOINT_URL is not set".to_owned()))?;
        let proxies = rules
            .for_reqwest(endpoint)
            .map_err(|error| setup(error.to_string()))?;
        // We try again ourselves.
        s3::set_retries(0);
        let region = Region::Custom {
            region: settings.region.clone(),
            endpoint: plain_endpoint(endpoint),
        };
        let keys = Keys::new(settings);
        let unusable = |error| setup(format!("S3_ENDPOINT_URL: {error}"));
        let mut base = Bucket::new("any", region, Keys::none())
            .map_err(unusable)?
            .with_path_style()
            .set_proxy(proxies)
            .map_err(unusable)?;
        // The transfers watch that bytes move; how long it takes is nobody's business.
        base.set_request_timeout(None);
        Ok(Self {
            base,
            keys,
            addressing: settings.addressing,
            digests: Digests::new(settings.checksum),
        })
    }

    fn bucket(&self, uri: &ObjectUri, keys: &Credentials) -> Result<Bucket, StorageError> {
        check_bucket(uri)?;
        let mut bucket = self.base.clone();
        uri.bucket().clone_into(&mut bucket.name);
        if self.addressing == S3Addressing::Virtual {
            check_host(uri)?;
            bucket.set_subdomain_style();
        }
        bucket.set_credentials(keys.clone());
        Ok(bucket)
    }

    fn object(&self, uri: &ObjectUri, keys: &Credentials) -> Result<Bucket, StorageError> {
        check_key(uri)?;
        self.bucket(uri, keys)
    }

    async fn read(
        &self,
        from: &ObjectUri,
        sink: &mut Sink,
        keys: &Credentials,
    ) -> Result<(), Failure> {
        let bucket = self.object(from, keys)?;
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

    async fn write(
        &self,
        from: &Source,
        to: &ObjectUri,
        keys: &Credentials,
    ) -> Result<ObjectInfo, Failure> {
        let bucket = self.object(to, keys)?;
        let whole = 0..from.size();
        let answer = self.send_body(&bucket, from, whole, to, None).await?;
        Ok(ObjectInfo {
            size: from.size(),
            etag: etag_of(&answer),
        })
    }
}

/// An answer that says yes, or the error.
async fn good(uri: &ObjectUri, answer: Response) -> Result<Response, Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let body = answer::beginning(answer).await;
    Err(refused(uri, status.as_u16(), &body))
}

impl ObjectStore for S3Store {
    fn stat<'a>(&'a self, at: &'a ObjectUri) -> StoreFuture<'a, ObjectInfo> {
        signed!(self, at, |keys| {
            let bucket = self.object(at, keys)?;
            let (head, _) = bucket.head_object(at.key()).await.map_err(failed(at))?;
            let size = head
                .content_length
                .and_then(|size| u64::try_from(size).ok());
            Ok(ObjectInfo {
                size: size.ok_or_else(|| StorageError::unavailable(at, "it has no size"))?,
                etag: head.e_tag.as_deref().map(etag::read),
            })
        })
    }

    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> StoreFuture<'a, Page> {
        let uri = ObjectUri::new(bucket, prefix);
        signed!(self, &uri, |keys| {
            let bucket = self.bucket(&uri, keys)?;
            let after = after.map(str::to_owned);
            let (page, _) = bucket
                .list_page(prefix.to_owned(), None, after, None, None)
                .await
                .map_err(failed(&uri))?;
            let objects = page.contents.into_iter().map(|object| ListedObject {
                key: object.key,
                info: ObjectInfo {
                    size: object.size,
                    etag: object.e_tag.as_deref().map(etag::read),
                },
            });
            Ok(Page {
                objects: objects.collect(),
                next: page.next_continuation_token.filter(|_| page.is_truncated),
            })
        })
    }

    fn get<'a>(&'a self, from: &'a ObjectUri, sink: &'a mut Sink) -> StoreFuture<'a, ()> {
        signed!(self, from, |keys| self.read(from, sink, keys).await)
    }

    fn put<'a>(&'a self, from: &'a Source, to: &'a ObjectUri) -> StoreFuture<'a, ObjectInfo> {
        signed!(self, to, |keys| self.write(from, to, keys).await)
    }

    fn delete<'a>(&'a self, at: &'a ObjectUri) -> StoreFuture<'a, ()> {
        signed!(self, at, |keys| {
            let bucket = self.object(at, keys)?;
            match bucket.delete_object(at.key()).await.map_err(failed(at)) {
                Err(failure) if !failure.is_not_found() => Err(failure),
                _ => Ok(()),
            }
        })
    }

    fn multipart(&self) -> Option<&dyn Multipart> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Settings;

    fn settings(endpoint: &str) -> StorageSettings {
        let vars = [
            ("S3_ENDPOINT_URL", endpoint),
            ("S3_ACCESS_KEY", "access"),
            ("S3_SECRET_KEY", "secret"),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Settings::from_vars(vars).unwrap().settings.storage
    }

    fn rules(vars: &[(&str, &str)]) -> Arc<ProxyRules> {
        let vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Arc::new(ProxyRules::from_vars(vars))
    }

    #[actix_rt::test]
    async fn requests_go_through_the_proxy_of_the_rules() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://user:pass@{}", listener.local_addr().unwrap());
        let seen = actix_rt::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            String::from_utf8(head).unwrap()
        });

        let store = S3Store::with_proxies(
            &settings("http://s3.test:9000"),
            rules(&[("HTTP_PROXY", &proxy)]),
        );
        let object = ObjectUri::new("bucket", "key");
        let error = store.unwrap().stat(&object).await.unwrap_err();
        assert!(matches!(error, StorageError::NotFound { .. }), "{error}");
        let head = seen.await.unwrap();
        let line = head.lines().next().unwrap();
        assert!(
            line.starts_with("HEAD http://s3.test:9000/bucket/key"),
            "{head}"
        );
        assert!(
            head.to_ascii_lowercase()
                .contains("proxy-authorization: basic"),
            "{head}"
        );
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_told_when_the_store_is_made() {
        let rules = rules(&[
            ("HTTPS_PROXY", "socks5://u:hunter2@p"),
            ("NO_PROXY", "near.test"),
        ]);
        let store = S3Store::with_proxies(&settings("https://s3.test"), rules.clone());
        let error = store.unwrap_err().to_string();
        assert!(error.contains("HTTPS_PROXY cannot be used"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        assert!(S3Store::with_proxies(&settings("https://near.test"), rules).is_ok());
    }
}
