//! The requests of RXON 1.0b2.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use awc::FrozenClientRequest;
use awc::http::header::HeaderName;
use awc::http::{Method, StatusCode};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;

use super::commands::Commands;
use super::token::TokenKeeper;
use super::wire_1_0b2 as wire;
use crate::config::{AccessTokens, OrchestratorSettings, Timing};
use crate::id::OrchestratorId;
use crate::id::WorkerId;
use crate::task::{Task, TaskResult};
use crate::transport::http::{Answer, Http, HttpSetup, Limits, Repeat, SetupError, TlsFiles};
use crate::transport::{
    BeatReply, Offer, OpeningCommands, ProgressUpdate, Receipt, Report, Standing, Transport,
    TransportError, WorkerCard,
};

const PROTOCOL: &str = "1.0b2";

/// How much longer than the orchestrator's hold time a poll may take. A poll cut
/// short takes the next task with it (avtomatika 1.0b12 does not notice).
const POLL_MARGIN: Duration = Duration::from_secs(5);

/// The largest task that is taken.
const TASK_LIMIT: usize = 64 * 1024 * 1024;

/// The largest answer to anything else. Heartbeats echo the whole record of the worker.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// The settings of a [`RxonHttp`], checked and able to travel to the thread that
/// will use it.
#[derive(Debug, Clone)]
pub struct RxonSetup {
    http: HttpSetup,
    worker_id: WorkerId,
    request_timeout: Duration,
    poll_limit: Duration,
    uses_access_tokens: bool,
    has_tls_files: bool,
}

impl RxonSetup {
    /// Checks address, token and TLS files. Reads the files of an `https://` address.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(
        settings: &OrchestratorSettings,
        worker_id: &WorkerId,
        timing: &Timing,
        tls: &TlsFiles,
    ) -> Result<Self, SetupError> {
        let token_header = HeaderName::from_static("x-worker-token");
        let http = HttpSetup::new(
            &settings.url,
            &settings.token,
            token_header,
            timing.request_timeout,
            tls,
        )?;
        Ok(Self {
            http: http.header(HeaderName::from_static("x-rxon-version"), PROTOCOL),
            worker_id: worker_id.clone(),
            request_timeout: timing.request_timeout,
            poll_limit: timing.poll_timeout.saturating_add(POLL_MARGIN),
            uses_access_tokens: false,
            has_tls_files: !tls.is_empty(),
        }
        .access_tokens(AccessTokens::default()))
    }

    /// Whether to show access tokens in place of the token of the settings, where the
    /// orchestrator gives some. Default [`AccessTokens::Auto`].
    #[must_use]
    pub fn access_tokens(mut self, when: AccessTokens) -> Self {
        self.uses_access_tokens = match when {
            AccessTokens::Auto => self.http.is_secure() && self.has_tls_files,
            AccessTokens::On => true,
            AccessTokens::Off => false,
        };
        self
    }

    /// Makes the transport, on the thread that will use it. Opens no connection.
    #[must_use]
    pub fn open(self, origin: OrchestratorId) -> RxonHttp {
        let http = self.http.open();
        let worker = format!("/_worker/workers/{}", self.worker_id);
        RxonHttp {
            origin,
            requests: Requests {
                register: http.prepare(&Method::POST, "/_worker/workers/register", &[]),
                worker: http.prepare(&Method::PATCH, &worker, &[]),
                poll: http.prepare(&Method::GET, &format!("{worker}/tasks/next"), &[]),
                result: http.prepare(&Method::POST, "/_worker/tasks/result", &[]),
            },
            commands: Commands::new(&self.worker_id, self.request_timeout),
            tokens: TokenKeeper::new(
                &http,
                &self.worker_id,
                self.uses_access_tokens,
                self.request_timeout,
            ),
            http,
            worker_id: self.worker_id,
            card: RefCell::default(),
            request_timeout: self.request_timeout,
            poll_limit: self.poll_limit,
        }
    }
}

/// A [`Transport`] to an orchestrator that speaks RXON 1.0b2 over HTTP.
pub struct RxonHttp {
    origin: OrchestratorId,
    http: Http,
    requests: Requests,
    commands: Commands,
    tokens: TokenKeeper,
    worker_id: WorkerId,
    /// As registered last; heartbeats repeat parts of it.
    card: RefCell<Option<Arc<WorkerCard>>>,
    request_timeout: Duration,
    poll_limit: Duration,
}

struct Requests {
    register: FrozenClientRequest,
    /// Heartbeat with a body, probe without.
    worker: FrozenClientRequest,
    poll: FrozenClientRequest,
    result: FrozenClientRequest,
}

impl RxonHttp {
    /// A transport to one orchestrator, for use on this thread. Where the settings
    /// are to be checked on another one, see [`RxonSetup`].
    ///
    /// # Errors
    /// When address, token or TLS files cannot be used.
    pub fn new(
        origin: OrchestratorId,
        settings: &OrchestratorSettings,
        worker_id: &WorkerId,
        timing: &Timing,
        tls: &TlsFiles,
    ) -> Result<Self, SetupError> {
        Ok(RxonSetup::new(settings, worker_id, timing, tls)?.open(origin))
    }

    /// A request other than a poll; its answer has a status of success.
    async fn control(
        &self,
        request: &FrozenClientRequest,
        body: Option<Bytes>,
        repeat: Repeat,
    ) -> Result<Answer, TransportError> {
        let limits = Limits {
            within: self.request_timeout,
            body: ANSWER_LIMIT,
        };
        let answer = self
            .tokens
            .exchange(&self.http, request, body, limits, repeat)
            .await?;
        // 1.0b2 answers 500 to what it will never accept (avtomatika 1.0b12).
        if answer.status == StatusCode::INTERNAL_SERVER_ERROR {
            let text = self.http.error_text(&answer);
            if wire::is_permanent_refusal(&text) {
                return Err(answer.as_refusal(&text));
            }
        }
        self.http.judge(answer)
    }

    async fn take_task(&self) -> Result<Option<Task>, TransportError> {
        let limits = Limits {
            within: self.poll_limit,
            body: TASK_LIMIT,
        };
        let poll = &self.requests.poll;
        let answer = self
            .tokens
            .exchange(&self.http, poll, None, limits, Repeat::Never)
            .await?;
        let answer = self.http.judge(answer)?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        // The orchestrator counts this task as handed out. If only its ids can be
        // read, they are enough to tell it that the task failed.
        let Some(reason) = answer.flaw() else {
            return wire::read_task(self.origin, &answer.body).map(Some);
        };
        Err(match (wire::ids_in(&answer.body), answer.broke_off()) {
            (Some(task), true) => TransportError::CutOff { reason, task },
            (None, true) => TransportError::NoAnswer { reason },
            (task, false) => TransportError::Malformed { reason, task },
        })
    }

    async fn give_result(&self, result: &TaskResult) -> Result<Receipt, TransportError> {
        let body = wire::write_result(&self.worker_id, result)?;
        // Never repeated here: 1.0b2 runs a job's transition once per copy.
        let request = &self.requests.result;
        match self.control(request, Some(body), Repeat::Never).await {
            // The status has said it; a broken body changes nothing.
            Ok(answer) => Ok(wire::read_receipt(&answer.body)),
            // The job is over and forgotten.
            Err(TransportError::Refused { reason }) if wire::is_job_gone(&reason) => {
                Ok(Receipt::Ignored(reason))
            }
            Err(error) => Err(error),
        }
    }
}

impl Transport for RxonHttp {
    fn register(
        &self,
        card: Arc<WorkerCard>,
        report: Report,
    ) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            let body = wire::write_registration(&card, &report);
            *self.card.borrow_mut() = Some(card);
            let request = &self.requests.register;
            let answer = self
                .control(request, Some(body), Repeat::OnceIfClosed)
                .await?;
            wire::read_registered(&answer.whole()?)
        })
    }

    fn heartbeat(&self, report: Report) -> LocalBoxFuture<'_, Result<BeatReply, TransportError>> {
        Box::pin(async move {
            let card = self.card.borrow().clone();
            let body = wire::write_heartbeat(&self.worker_id, card.as_deref(), &report);
            let request = &self.requests.worker;
            let answer = self
                .control(request, Some(body), Repeat::OnceIfClosed)
                .await?;
            wire::read_beat_reply(&answer.whole()?)
        })
    }

    fn probe(&self) -> LocalBoxFuture<'_, Result<Standing, TransportError>> {
        Box::pin(async move {
            let request = &self.requests.worker;
            let answer = self.control(request, None, Repeat::OnceIfClosed).await?;
            let reply = wire::read_beat_reply(&answer.whole()?)?;
            Ok(if reply.forgotten {
                Standing::Forgotten
            } else {
                Standing::Known
            })
        })
    }

    fn poll(&self, _offer: Offer) -> LocalBoxFuture<'_, Result<Option<Task>, TransportError>> {
        Box::pin(self.take_task())
    }

    fn deliver(
        &self,
        result: Arc<TaskResult>,
    ) -> LocalBoxFuture<'_, Result<Receipt, TransportError>> {
        Box::pin(async move { self.give_result(&result).await })
    }

    /// 1.0b2 takes progress over its WebSocket only. Without one it is not sent.
    fn progress(&self, update: ProgressUpdate) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        Box::pin(std::future::ready(self.commands.send_progress(&update)))
    }

    fn open_commands(&self) -> Option<OpeningCommands<'_>> {
        Some(Box::pin(async {
            let shown = self.tokens.before(&self.http).await?;
            let opened = self.commands.open(&self.http).await;
            if let Err(TransportError::Unauthorized { .. }) = opened
                && self.tokens.after_refusal(&self.http, shown).await
            {
                return self.commands.open(&self.http).await;
            }
            opened
        }))
    }
}

/// Says who talks to whom; headers and token stay out.
impl fmt::Debug for RxonHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RxonHttp")
            .field("origin", &self.origin)
            .field("url", &self.http.url(""))
            .field("worker_id", &self.worker_id)
            .finish_non_exhaustive()
    }
}

impl From<RxonHttp> for Rc<dyn Transport> {
    fn from(transport: RxonHttp) -> Self {
        Rc::new(transport)
    }
}
