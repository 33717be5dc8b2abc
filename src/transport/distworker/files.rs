//! The content of files that tasks name.

use std::time::SystemTime;

use awc::http::Method;
use awc::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use bytes::Bytes;

use super::url::ControllerUrl;
use super::wire::date;
use super::wire::signing::{self, DATE_HEADER};
use crate::config::{DistWorkerSettings, Settings, Token};
use crate::handler::QueueTask;
use crate::task::{Attachment, ErrorCode, TaskError};
use crate::transport::TransportError;
use crate::transport::http::{HttpSetup, Limits, Request, RetryOnStale, SetupError, TlsFiles};

/// Reads files from a controller, and from where its storage has them. Handlers have it
/// as [`QueueTask::fetch`].
#[derive(Clone)]
pub(crate) struct ControllerFiles {
    url: ControllerUrl,
    worker_id: String,
    token: Token,
    timeout: std::time::Duration,
    tls: TlsFiles,
}

impl ControllerFiles {
    pub(crate) fn new(settings: &Settings) -> Option<Self> {
        let DistWorkerSettings {
            controller_url,
            worker_id,
            worker_token,
            ..
        } = &settings.distworker;
        Some(Self {
            url: ControllerUrl::parse(controller_url.as_deref()?).ok()?,
            worker_id: worker_id.clone(),
            token: worker_token.clone(),
            timeout: settings.timing.request_timeout,
            tls: TlsFiles::from(settings),
        })
    }

    /// An address is read as it is; a name is a file of the controller's own storage.
    async fn fetch(&self, file: &Attachment, limit: usize) -> Result<Bytes, FetchError> {
        let is_address = file.url.starts_with("http://") || file.url.starts_with("https://");
        if is_address {
            let (origin, path) = split(&file.url);
            // Whoever is asked there is whom the task names: our certificate is not for them.
            let tls = if is_same_origin(origin, &self.url.origin()) {
                self.tls.clone()
            } else {
                self.tls.without_identity()
            };
            return self.get(origin, path, Vec::new(), limit, &tls).await;
        }
        if self.worker_id.is_empty() {
            return Err(FetchError::NoId);
        }
        if file.id.is_empty() || !file.id.bytes().all(is_plain) {
            return Err(FetchError::OddId);
        }
        let path = self.url.file_path(&file.id);
        let date = date::write(SystemTime::now());
        let request = signing::Request {
            method: "GET",
            path: &path,
            query: "",
            headers: &[(DATE_HEADER, &date)],
            signed: &[DATE_HEADER],
        };
        let authorization = request.authorization(&self.worker_id, self.token.expose());
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| FetchError::OddId);
        let mut authorization = value(&authorization)?;
        authorization.set_sensitive(true);
        let headers = vec![
            (HeaderName::from_static(DATE_HEADER), value(&date)?),
            (AUTHORIZATION, authorization),
        ];
        let origin = self.url.origin();
        self.get(&origin, &path, headers, limit, &self.tls).await
    }

    async fn get(
        &self,
        origin: &str,
        path: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
        limit: usize,
        tls: &TlsFiles,
    ) -> Result<Bytes, FetchError> {
        let setup = HttpSetup::without_token(origin, self.timeout, tls)?;
        let http = setup.open();
        let limits = Limits {
            within: self.timeout,
            stall: Some(self.timeout),
            body: limit,
        };
        let request = Request::new(Method::GET, path, limits)
            .headers(headers)
            .retry(RetryOnStale::Once);
        let response = http.send(&request).await.map_err(TransportError::from)?;
        Ok(http.error_for_status(response)?.whole()?)
    }
}

/// Scheme and host, and the rest.
fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    match url[host..].find(['/', '?']) {
        Some(at) => url.split_at(host + at),
        None => (url, "/"),
    }
}

fn is_same_origin(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Characters that a path can have without escapes.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("a controller gives files only to workers with an id of its own: DISTWORKER_WORKER_ID")]
    NoId,
    #[error("its id is none that an address can hold")]
    OddId,
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl QueueTask {
    /// Reads the content of a file that the task came with, up to `limit` bytes, within
    /// `AXON_REQUEST_TIMEOUT`.
    ///
    /// Where the file has an address, that is read as it is, which works for public and
    /// presigned ones. Else it is asked of the controller with a signed request. Expect
    /// that to fail: the controllers v0.0.3 to v0.0.6 answer 404, and all want a worker
    /// with an id that they gave it.
    ///
    /// # Errors
    /// `DEPENDENCY_ERROR` when it can never be had, `HANDLER_ERROR` when it may work later.
    pub async fn fetch(&self, file: &Attachment, limit: usize) -> Result<Bytes, TaskError> {
        let named = |reason: String| format!("file {:?}: {reason}", file.name);
        let Some(files) = self.context().data::<ControllerFiles>() else {
            let reason = named("the worker has no controller to ask".to_owned());
            return Err(TaskError::new(ErrorCode::Dependency, reason));
        };
        files.fetch(file, limit).await.map_err(|error| {
            let code = match &error {
                FetchError::Transport(
                    TransportError::Unreachable { .. }
                    | TransportError::NoAnswer { .. }
                    | TransportError::Faulted { .. }
                    | TransportError::RateLimited { .. },
                ) => ErrorCode::Transient,
                _ => ErrorCode::Dependency,
            };
            TaskError::new(code, named(error.to_string()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_the_rest() {
        for (url, origin, rest) in [
            ("http://a:1/b?c=d", "http://a:1", "/b?c=d"),
            ("https://a", "https://a", "/"),
            ("https://a?b", "https://a", "?b"),
        ] {
            assert_eq!(split(url), (origin, rest));
        }
    }
}
