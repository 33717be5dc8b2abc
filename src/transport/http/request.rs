//! Requests, built anew for each exchange.

use std::rc::Rc;
use std::time::Duration;

use awc::http::Method;
use awc::http::header::{self, HeaderName, HeaderValue};
use awc::{Client, SendClientRequest};
use bytes::Bytes;

use super::Http;
use super::progress::{Outgoing, Progress};

/// Headers beside those of all requests.
pub(crate) type Headers = [(HeaderName, HeaderValue)];

/// A request to the orchestrator. Cloning it is cheap; it may be sent more than once.
#[derive(Clone)]
pub(crate) struct Request {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Bytes>,
    pub(super) limits: Limits,
    pub(super) retry: RetryOnStale,
    credential: Credential,
}

/// The limits of an exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From the start of the request to the last byte of the response; with `stall`, how
    /// long the request may stand still, and then until the head of the response.
    pub(crate) within: Duration,
    /// How long a body may stand still once the head is there, however long all of it
    /// takes.
    pub(crate) stall: Option<Duration>,
    /// The largest body of a response, counted after decompression.
    pub(crate) body: usize,
}

/// Which token a request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    /// The access token if there is one, else the token of the settings.
    Current,
    /// The token of the settings.
    Static,
}

/// Whether to repeat a request whose connection closed before the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryOnStale {
    Never,
    /// Once, at once: the server had closed an idle connection that was taken from the
    /// pool. For requests that may be repeated.
    Once,
}

impl Request {
    /// A request without a body that is never repeated and shows the current token.
    /// `path` comes behind the base address; it may have a query.
    pub(crate) fn new(method: Method, path: impl Into<String>, limits: Limits) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            limits,
            retry: RetryOnStale::Never,
            credential: Credential::Current,
        }
    }

    /// Adds headers.
    pub(crate) fn headers(
        mut self,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Sets the body, which is JSON.
    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Says whether it may be repeated.
    pub(crate) fn retry(self, retry: RetryOnStale) -> Self {
        Self { retry, ..self }
    }

    /// Chooses the token.
    pub(crate) fn credential(self, credential: Credential) -> Self {
        Self { credential, ..self }
    }

    /// Lets it take as long as it moves: neither the request nor its response may stand
    /// still for longer than this.
    pub(crate) fn while_moving(mut self, within: Duration) -> Self {
        self.limits.stall = self.limits.stall.or(Some(self.limits.within));
        self.limits.within = within;
        self
    }

    pub(crate) fn body_length(&self) -> usize {
        self.body.as_ref().map_or(0, Bytes::len)
    }

    pub(super) fn send_with(
        &self,
        client: &Client,
        http: &Http,
        progress: &Rc<Progress>,
    ) -> SendClientRequest {
        let mut request = client
            .request(self.method.clone(), http.url(&self.path))
            // `awc` leaves out the ports 80 and 443, of either scheme.
            .insert_header((header::HOST, http.host()));
        if matches!(self.method, Method::POST | Method::PATCH) {
            let json = HeaderValue::from_static("application/json");
            request = request.insert_header((header::CONTENT_TYPE, json));
        }
        for header in &self.headers {
            request = request.insert_header(header.clone());
        }
        if let Some(header) = http.secrets.header(self.credential) {
            request = request.insert_header(header);
        }

        match &self.body {
            Some(body) => request.send_body(Outgoing::new(body.clone(), Rc::clone(progress))),
            None => request.send(),
        }
    }
}
