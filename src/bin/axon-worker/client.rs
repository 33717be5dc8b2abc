//! The interface for clients that the orchestrators have in common.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};

/// The limit of one request.
const WITHIN: Duration = Duration::from_secs(30);

/// How long a rate limit is waited out that does not say for how long: the window of the
/// published orchestrators is 60 s, and each request in it begins it anew.
const RATE_LIMIT_WINDOW: Duration = Duration::from_secs(61);

/// The longest that a rate limit is waited out.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// Which orchestrator, and as whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Access {
    /// The orchestrator
    #[arg(
        long,
        env = "ORCHESTRATOR_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    url: String,
    /// The token of the client, shown as `X-Client-Token`
    #[arg(long, env = "AXON_CLIENT_TOKEN", hide_env_values = true)]
    client_token: Option<String>,
    /// The version in the path of the interface, `/api/VERSION/jobs/..`
    #[arg(long, value_name = "VERSION", default_value = "v1")]
    api_version: String,
}

/// Why an orchestrator did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("{0:?} is no address of an orchestrator: http:// or https:// and a host")]
    Url(String),
    #[error("{0:?} cannot be part of a path; --endpoint names the whole path")]
    Task(String),
    #[error("the client token holds characters that a header cannot carry")]
    Token,
    #[error("the orchestrator cannot be reached: {0}")]
    Unreachable(String),
    #[error("{0:?} is no id of a job")]
    Job(String),
    #[error("the orchestrator refuses: {status}, {text}{hint}")]
    Refused {
        status: u16,
        text: String,
        hint: &'static str,
    },
    #[error("the orchestrator limits requests: {text}")]
    RateLimited { wait: Duration, text: String },
    #[error("the orchestrator failed: {status}, {text}")]
    Failed { status: u16, text: String },
    #[error("the answer is not the one of an orchestrator: {0}")]
    Foreign(&'static str),
}

impl ClientError {
    /// Returns `true` if the same request would be refused again.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Url(_) | Self::Task(_) | Self::Token | Self::Job(_) | Self::Refused { .. }
        )
    }
}

/// One orchestrator, seen by a client.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    version: String,
    token: Option<HeaderValue>,
}

impl Client {
    pub(crate) fn new(access: &Access) -> Result<Self, ClientError> {
        let base = access.url.trim_end_matches('/');
        let wrong = || ClientError::Url(without_user(base));
        let url: Url = base.parse().map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong());
        }
        let token = match &access.client_token {
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
        Ok(Self {
            http: http.build().map_err(|error| unreachable(&error))?,
            base: base.to_owned(),
            version: access.api_version.clone(),
            token,
        })
    }

    /// Submits a job to this endpoint and returns its id.
    pub(crate) async fn submit(
        &self,
        endpoint: &str,
        params: &Value,
    ) -> Result<String, ClientError> {
        let body = json!({ "initial_data": params });
        let answer = self.send(Method::POST, endpoint, Some(&body)).await;
        let answer = answer.map_err(|error| match error {
            ClientError::Refused { status: status @ 404, text, .. } => ClientError::Refused {
                status,
                text,
                hint: " (is there a blueprint of that name? --endpoint and --api-version name others)",
            },
            other => other,
        })?;
        let id = answer["job_id"].as_str().map(str::to_owned);
        id.ok_or(ClientError::Foreign("it names no job"))
    }

    /// Returns the record of a job.
    pub(crate) async fn job(&self, id: &str) -> Result<Value, ClientError> {
        self.send(Method::GET, &format!("/jobs/{id}"), None).await
    }

    /// Cancels a job.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Value, ClientError> {
        if axon_worker::check_identifier(id).is_err() {
            return Err(ClientError::Job(id.to_owned()));
        }
        let path = format!("/jobs/{id}/cancel");
        self.send(Method::POST, &path, None).await
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
        let headers = answer.headers().clone();
        let body = answer.bytes().await.map_err(|error| unreachable(&error))?;
        let json = serde_json::from_slice::<Value>(&body);
        if status.is_success() {
            return json.map_err(|_| ClientError::Foreign("it is not JSON"));
        }
        Err(refused(status, &headers, json.ok().as_ref()))
    }
}

fn refused(status: StatusCode, headers: &HeaderMap, body: Option<&Value>) -> ClientError {
    let text = body.and_then(|body| body["error"].as_str());
    let text = text.unwrap_or("without a reason").to_owned();
    let code = status.as_u16();
    let wait = headers
        .get(RETRY_AFTER)
        .and_then(|it| it.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);

    if status == StatusCode::TOO_MANY_REQUESTS || code == 503 && wait.is_some() {
        let wait = wait.unwrap_or(RATE_LIMIT_WINDOW).min(LONGEST_WAIT);
        return ClientError::RateLimited { wait, text };
    }

    // Faults of the server may pass.
    if status.is_client_error() {
        let hint = match code {
            401 | 403 => " (--client-token)",
            _ => "",
        };
        ClientError::Refused {
            status: code,
            text,
            hint,
        }
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
        let none = HeaderMap::new();
        let of = |status: u16| refused(StatusCode::from_u16(status).unwrap(), &none, Some(&body));
        for status in [400, 401, 404] {
            assert!(of(status).is_refusal(), "{status}");
        }
        for status in [302, 429, 500, 503] {
            assert!(!of(status).is_refusal(), "{status}");
        }

        let waits = |status: u16, after: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(after))]);
            match refused(StatusCode::from_u16(status).unwrap(), &headers, None) {
                ClientError::RateLimited { wait, .. } => Some(wait.as_secs()),
                _ => None,
            }
        };
        assert_eq!(waits(429, "7"), Some(7));
        assert_eq!(waits(503, "7"), Some(7));
        assert_eq!(waits(429, "99999999999"), Some(600), "bounded");
        assert_eq!(
            waits(429, "soon"),
            Some(61),
            "the window of the published ones"
        );
        assert_eq!(waits(503, "soon"), None);

        assert!(
            of(401)
                .to_string()
                .ends_with("Job not found (--client-token)")
        );
        assert_eq!(without_user("http://u:p@h"), "h");
    }
}
