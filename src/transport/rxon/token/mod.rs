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

use actix_http::header::{HeaderName, HeaderValue};
use actix_http::{Method, StatusCode};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use plan::{Plan, Reaction, Way};

use crate::id::WorkerId;
use crate::transport::TransportError;
use crate::transport::http::{Answer, Http, Limits, Outgoing, Repeat, Request, Show};

/// The largest answer with a token.
const ANSWER_LIMIT: usize = 64 * 1024;

/// How long a request waits for a new token while it could still show the old one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sees to it that requests to one orchestrator show a good token.
pub(super) struct TokenKeeper {
    /// `false`: the token of the settings is all there is.
    is_on: bool,
    worker_id: WorkerId,
    issue: Request,
    refresh: Request,
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
    pub(super) fn new(
        http: &Http,
        worker_id: &WorkerId,
        is_on: bool,
        request_timeout: Duration,
    ) -> Self {
        // 1.0b30 gives a token for the name in this header.
        let name = HeaderName::from_static("x-worker-id");
        let id = HeaderValue::from_str(worker_id.as_str());
        let headers: Vec<_> = id.into_iter().map(|id| (name.clone(), id)).collect();
        let prepare = |path| http.prepare(&Method::POST, path, &headers);
        Self {
            is_on,
            worker_id: worker_id.clone(),
            issue: prepare("/_worker/auth/token"),
            refresh: prepare("/_worker/auth/token/refresh"),
            request_timeout,
            plan: RefCell::default(),
            renewing: Mutex::default(),
        }
    }

    /// [`Http::exchange`], with a good token. If the token is refused and another one
    /// can be had, the request is sent once more: the first one had no effect.
    pub(super) async fn exchange(
        &self,
        http: &Http,
        outgoing: &Outgoing<'_>,
    ) -> Result<Answer, TransportError> {
        if !self.is_on {
            return http.exchange(outgoing).await;
        }
        // This future is large, and most have no need of it.
        Box::pin(async move {
            let shown = self.before(http).await?;
            let answer = http.exchange(outgoing).await?;
            if is_refusal(http, &answer) && self.after_refusal(http, shown).await {
                return http.exchange(outgoing).await;
            }
            Ok(answer)
        })
        .await
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
            http.show_access_token(None, None);
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
                    http.show_access_token(None, None);
                }
                true
            }
            Reaction::Renew => {
                let way = self.plan.borrow().any_way();
                let renewed = self.renew(http, way).await;
                if self.shown() == shown && had_token {
                    // Refused, and no other to be had: the static one may do.
                    self.plan.borrow_mut().drop_token();
                    http.show_access_token(None, None);
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
                            http.show_access_token(Some(grant.access), grant.refresh);
                            return Ok(());
                        }
                        Err(reason) => reason,
                    }
                }
                Ok(answer) if denies(answer.status) => match http.judge(answer) {
                    Ok(_) => String::new(),
                    Err(error) => error.to_string(),
                },
                Ok(answer) => {
                    let error = http.judge(answer).err();
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

    async fn ask(&self, http: &Http, way: &Way) -> Result<Answer, TransportError> {
        let limits = Limits {
            within: if self.plan.borrow().has_token() {
                self.request_timeout.min(PATIENCE)
            } else {
                self.request_timeout
            },
            body: ANSWER_LIMIT,
        };
        let (request, body) = match way {
            Way::Issue => (&self.issue, None),
            Way::Refresh(token) => (&self.refresh, Some(grant::write_refresh(token))),
        };
        let outgoing = Outgoing {
            request,
            body: body.as_deref(),
            limits,
            repeat: Repeat::OnceIfClosed,
        };
        http.exchange_showing(Show::Static, &outgoing).await
    }
}

/// Whether the orchestrator will not give us a token, as opposed to not now.
fn denies(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429)
}

/// Whether a request was refused because of the token that it showed. 1.0b30 says 403
/// also of signatures and of rights, for which a token can do nothing.
fn is_refusal(http: &Http, answer: &Answer) -> bool {
    match answer.status {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => {
            let text = http.error_text(answer).to_ascii_lowercase();
            text.contains("token")
        }
        _ => false,
    }
}
