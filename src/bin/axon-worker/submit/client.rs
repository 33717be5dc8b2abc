//! The interface for clients that the orchestrators have in common.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};

use super::Args;

/// The limit of one request.
const WITHIN: Duration = Duration::from_secs(30);

/// Why an orchestrator did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("{0:?} is no address of an orchestrator: http:// or https:// and a host")]
    Url(String),
    #[error("{0:?} cannot be part of a path; --endpoint names the whole path")]
    Task(String),
    #[error("the client token holds characters that a header cannot carry")]
    Token,
    #[error("the orchestrator cannot be reached: {0}")]
    Unreachable(String),
    #[error("the orchestrator refuses: {status}, {text}{}", hint(*status))]
    Refused { status: u16, text: String },
    #[error("the orchestrator failed: {status}, {text}")]
    Failed { status: u16, text: String },
    #[error("the answer is not the one of an orchestrator: {0}")]
    Foreign(&'static str),
}

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => " (--client-token)",
        404 => " (is there a blueprint of that name? --endpoint and --api-version name others)",
        _ => "",
    }
}

impl ClientError {
    /// Whether the same request would be refused again.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Url(_) | Self::Task(_) | Self::Token | Self::Refused { .. }
        )
    }
}

/// One orchestrator, seen by a client.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    version: String,
    endpoint: String,
    token: Option<HeaderValue>,
}

impl Client {
    pub(super) fn new(args: &Args) -> Result<Self, ClientError> {
        let base = args.url.trim_end_matches('/');
        let wrong = || ClientError::Url(without_user(base));
        let url: Url = base.parse().map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong());
        }
        let token = match &args.client_token {
            None => None,
            Some(token) => {
                let mut token =
                    HeaderValue::from_str(token.trim()).map_err(|_| ClientError::Token)?;
                token.set_sensitive(true);
                Some(token)
            }
        };
        // A redirect would carry the token elsewhere, and a proxy knows no loopback.
        let http = reqwest::Client::builder()
            .timeout(WITHIN)
            .redirect(reqwest::redirect::Policy::none());
        let http = match url.host_str() {
            Some("127.0.0.1" | "localhost" | "[::1]") => http.no_proxy(),
            _ => http,
        };
        let endpoint = match &args.endpoint {
            Some(path) => format!("/{}", path.trim_start_matches('/')),
            None if axon_worker::check_identifier(&args.task).is_ok() => {
                format!("/jobs/{}", args.task)
            }
            None => return Err(ClientError::Task(args.task.clone())),
        };
        Ok(Self {
            http: http.build().map_err(|error| unreachable(&error))?,
            base: base.to_owned(),
            version: args.api_version.clone(),
            endpoint,
            token,
        })
    }

    /// Hands in a job; its id.
    pub(super) async fn submit(&self, params: &Value) -> Result<String, ClientError> {
        let body = json!({ "initial_data": params });
        let answer = self.send(Method::POST, &self.endpoint, Some(&body)).await?;
        let id = answer["job_id"].as_str().map(str::to_owned);
        id.ok_or(ClientError::Foreign("it names no job"))
    }

    /// The record of a job.
    pub(super) async fn job(&self, id: &str) -> Result<Value, ClientError> {
        self.send(Method::GET, &format!("/jobs/{id}"), None).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let url = format!("{}/api/{}{path}", self.base, self.version);
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        if let Some(token) = &self.token {
            request = request.header("X-Client-Token", token);
        }
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| unreachable(&error))?;
        let json = serde_json::from_slice::<Value>(&body);
        if status.is_success() {
            return json.map_err(|_| ClientError::Foreign("it is not JSON"));
        }
        Err(refused(status, json.ok().as_ref()))
    }
}

fn refused(status: StatusCode, body: Option<&Value>) -> ClientError {
    let text = body.and_then(|body| body["error"].as_str());
    let text = text.unwrap_or("without a reason").to_owned();
    let code = status.as_u16();
    // Too many requests pass, as do faults of the server.
    if status.is_client_error() && code != 429 {
        ClientError::Refused { status: code, text }
    } else {
        ClientError::Failed { status: code, text }
    }
}

/// The innermost reason is the one that says something.
fn unreachable(error: &reqwest::Error) -> ClientError {
    let mut text = if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        "no connection".to_owned()
    };
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    ClientError::Unreachable(text)
}

/// An address as it may be shown.
fn without_user(url: &str) -> String {
    url.rsplit('@').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_from_what_may_pass() {
        let body = json!({ "error": "Job not found" });
        let of = |status: u16| refused(StatusCode::from_u16(status).unwrap(), Some(&body));
        for status in [400, 401, 404] {
            assert!(of(status).is_refusal(), "{status}");
        }
        for status in [302, 429, 500, 503] {
            assert!(!of(status).is_refusal(), "{status}");
        }
        assert!(of(404).to_string().contains("Job not found (is there"));
        assert_eq!(without_user("http://u:p@h"), "h");
    }
}
