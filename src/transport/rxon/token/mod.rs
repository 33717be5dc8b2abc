//! Access tokens: short-lived ones, got from the orchestrator, that requests show in
//! place of the token of the settings. That one is shown to get them, signs messages,
//! and does everything where there are no access tokens.
//!
//! A [`TokenKeeper`] belongs to one orchestrator. It has no timer and no task: the
//! request that finds a token old renews it first. While one request renews, others go
//! on with a token that is still good, and wait where there is none.
//!
//! The endpoints are `POST /_worker/auth/token`, answered by avtomatika 1.0b12 to
//! holders of a client certificate and by 1.0b30 to everybody whom it knows, and
//! `POST /_worker/auth/token/refresh`, of 1.0b30 only.

mod grant;
mod plan;

use std::cell::RefCell;
use std::time::Duration;

use awc::http::header::{HeaderName, HeaderValue};
use awc::http::{Method, StatusCode};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use plan::{Plan, Reaction, Way};

use crate::id::WorkerId;
use crate::transport::TransportError;
use crate::transport::http::{
    Credential, Http, Limits, Request, Response, RetryOnStale, SendError,
};

/// The largest answer with a token.
const ANSWER_LIMIT: usize = 64 * 1024;

/// How long a request waits for a new token while it could still show the old one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sees to it that requests to one orchestrator show a good token.
pub(super) struct TokenKeeper {
    /// `false`: the token of the settings is all there is.
    is_on: bool,
    worker_id: WorkerId,
    request_timeout: Duration,
    plan: RefCell<Plan>,
    /// Held by the one request that renews the token.
    renewing: Mutex<()>,
}

/// Which token a request showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown(u64);

impl TokenKeeper {
    /// A keeper that asks for access tokens if `is_on`; otherwise it stays out of the
    /// way.
    pub(super) fn new(worker_id: &WorkerId, is_on: bool, request_timeout: Duration) -> Self {
        Self {
            is_on,
            worker_id: worker_id.clone(),
            request_timeout,
            plan: RefCell::default(),
            renewing: Mutex::default(),
        }
    }

    /// [`Http::send`], with a good token. If the token is refused and another one can be
    /// had, the request is sent once more: the first one had no effect.
    pub(super) async fn exchange(
        &self,
        http: &Http,
        request: &Request,
    ) -> Result<Response, SendError> {
        let shown = self.before(http).await?;
        let response = http.send(request).await?;
        let is_refused = self.is_on && is_refusal(http, &response);
        if is_refused && self.after_refusal(http, shown).await {
            return http.send(request).await;
        }
        Ok(response)
    }

    /// To be called before a request: gets a token when there is none, or when it is
    /// old. Fails only when the orchestrator cannot be reached; without a token the
    /// one of the settings is shown.
    pub(super) async fn before(&self, http: &Http) -> Result<Shown, TransportError> {
        if !self.is_on {
            return Ok(Shown(0));
        }
        let now = Instant::now();
        if self.plan.borrow_mut().expire(now) {
            http.set_access_token(None, None);
        }
        if self.plan.borrow().wants(now).is_some() {
            let turn = if self.plan.borrow().has_token() {
                self.renewing.try_lock().ok()
            } else {
                Some(self.renewing.lock().await)
            };
            // Somebody may have been faster.
            let way = self.plan.borrow().wants(Instant::now());
            if let (Some(_turn), Some(way)) = (turn, way) {
                self.renew(http, way).await?;
            }
        }
        Ok(self.shown())
    }

    /// To be called when a request was refused because of its token. `true`: another
    /// token is shown from now on, so send it again, but only once.
    pub(super) async fn after_refusal(&self, http: &Http, shown: Shown) -> bool {
        if !self.is_on {
            return false;
        }
        let _turn = self.renewing.lock().await;
        let had_token = self.plan.borrow().has_token();
        let reaction = self.plan.borrow_mut().refused(shown.0, Instant::now());
        match reaction {
            Reaction::GiveUp => false,
            Reaction::Repeat => {
                if had_token && !self.plan.borrow().has_token() {
                    let orchestrator = http.url("");
                    warn!(
                        orchestrator,
                        "a fresh access token is refused, the token of the settings is shown"
                    );
                    http.set_access_token(None, None);
                }
                true
            }
            Reaction::Renew => {
                let way = self.plan.borrow().any_way();
                let renewed = self.renew(http, way).await;
                if self.shown() == shown && had_token {
                    // Refused, and no other to be had: the static one may do.
                    self.plan.borrow_mut().drop_token();
                    http.set_access_token(None, None);
                }
                renewed.is_ok() && self.shown() != shown
            }
        }
    }

    fn shown(&self) -> Shown {
        Shown(self.plan.borrow().version())
    }

    /// One attempt, or two when the refresh token is not taken.
    async fn renew(&self, http: &Http, way: Way) -> Result<(), TransportError> {
        let (mut way, mut is_last) = (way, false);
        let orchestrator = http.url("");
        loop {
            let answer = self.ask(http, &way).await;
            let now = Instant::now();
            let reason = match answer {
                Ok(answer) if answer.status.is_success() => {
                    match grant::read(answer, &self.worker_id) {
                        Ok(grant) => {
                            self.plan.borrow_mut().granted(&grant, now, fastrand::f64());
                            info!(orchestrator, life = ?grant.life, "access token obtained");
                            http.set_access_token(Some(grant.access), grant.refresh);
                            return Ok(());
                        }
                        Err(reason) => reason,
                    }
                }
                Ok(answer) if denies(answer.status) => match http.error_for_status(answer) {
                    Ok(_) => String::new(),
                    Err(error) => error.to_string(),
                },
                Ok(answer) => {
                    let error = http.error_for_status(answer).err();
                    let error = error.unwrap_or(TransportError::NotRegistered);
                    return self.failed(&orchestrator, error, now);
                }
                Err(error) => return self.failed(&orchestrator, error, now),
            };
            if self.plan.borrow_mut().denied(&way, now) && !is_last {
                debug!(orchestrator, reason, "the refresh token is not taken");
                (way, is_last) = (Way::Issue, true);
                continue;
            }
            info!(
                orchestrator,
                reason, "no access token is given to us, the token of the settings is shown"
            );
            return Ok(());
        }
    }

    fn failed(
        &self,
        orchestrator: &str,
        error: TransportError,
        now: Instant,
    ) -> Result<(), TransportError> {
        let at_least = match &error {
            TransportError::RateLimited { retry_after } => *retry_after,
            _ => None,
        };
        let mut plan = self.plan.borrow_mut();
        plan.failed(now, at_least, fastrand::f64());
        debug!(orchestrator, %error, "no access token came");
        match error {
            // The request itself would only find out the same.
            TransportError::Unreachable { .. } if !plan.has_token() => Err(error),
            _ => Ok(()),
        }
    }

    async fn ask(&self, http: &Http, way: &Way) -> Result<Response, TransportError> {
        let limits = Limits {
            within: if self.plan.borrow().has_token() {
                self.request_timeout.min(PATIENCE)
            } else {
                self.request_timeout
            },
            stall: None,
            body: ANSWER_LIMIT,
        };
        let request = match way {
            Way::Issue => Request::new(Method::POST, "/_worker/auth/token", limits),
            Way::Refresh(token) => {
                let path = "/_worker/auth/token/refresh";
                Request::new(Method::POST, path, limits).body(grant::write_refresh(token))
            }
        };
        // 1.0b30 gives a token for the name in this header.
        let name = HeaderName::from_static("x-worker-id");
        let id = HeaderValue::from_str(self.worker_id.as_str());
        let request = request
            .headers(id.into_iter().map(|id| (name.clone(), id)))
            .retry(RetryOnStale::Once)
            .credential(Credential::Static);
        Ok(http.send(&request).await?)
    }
}

/// Whether the orchestrator will not give us a token, as opposed to not now.
fn denies(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429)
}

/// Whether a request was refused because of the token that it showed. 1.0b30 says 403
/// also of signatures and of rights, for which a token can do nothing.
fn is_refusal(http: &Http, answer: &Response) -> bool {
    match answer.status {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => {
            let text = http.error_text(answer).to_ascii_lowercase();
            text.contains("token")
        }
        _ => false,
    }
}
