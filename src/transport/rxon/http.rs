//! The transport: which requests there are and what their answers mean, in the dialect
//! that the orchestrator speaks.

mod beats;
mod events;
mod examine;
mod registration;
mod tasks;

pub use examine::Examination;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use awc::http::StatusCode;
use futures_util::future::LocalBoxFuture;

use super::chains::Chains;
use super::clock::Clock;
use super::commands::Commands;
use super::cut_results::CutResults;
use super::dialect::{Dialect, Records};
use super::hold::Hold;
use super::patience::Patience;
use super::requests::headers;
use super::security::MessageKind;
use super::setup::RxonSetup;
use super::signing::{Signing, timestamp};
use super::telemetry::Telemetry;
use super::token::TokenKeeper;
use super::told::Told;
use super::trust::Trust;
use super::wire_1_0b17::Stamp;
use super::{cut_results, wire_1_0b2, wire_1_0b17};
use crate::config::{OrchestratorSettings, RxonVersion, Timing};
use crate::id::{OrchestratorId, WorkerId};
use crate::json::RawJson;
use crate::retry::{Backoff, Gate};
use crate::task::{Task, TaskResult};
use crate::transport::http::{
    Http, Request, Response, RetryOnStale, SendError, SetupError, TlsFiles,
};
use crate::transport::{
    BeatReply, Event, Habits, Offer, OpeningCommands, ProgressUpdate, Receipt, Report, SkillCall,
    Standing, Transport, TransportError, WorkerCard,
};

/// The largest task that is taken.
pub(super) const TASK_LIMIT: usize = 64 * 1024 * 1024;

/// For so long the dispatcher of avtomatika 1.0b30 may go by what it knew of a worker,
/// and a little more for the task to come.
const STALE_DISPATCH: Duration = Duration::from_millis(2500);
/// How long orchestrators remember workers that they do not hear of, unless they were set up
/// otherwise: twice `WORKER_HEALTH_CHECK_INTERVAL_SECONDS` (avtomatika 1.0b12 and 1.0b30).
const LEASE: Duration = Duration::from_mins(2);

/// A [`Transport`] to an orchestrator that speaks RXON over HTTP.
pub struct RxonHttp {
    pub(super) origin: OrchestratorId,
    pub(super) http: Http,
    pub(super) worker_id: WorkerId,
    pub(super) version: RxonVersion,
    pub(super) request_timeout: Duration,
    pub(super) poll_hold: Duration,
    pub(super) hold: RefCell<Hold>,
    pub(super) commands: Commands,
    pub(super) tokens: TokenKeeper,
    pub(super) signing: Signing,
    pub(super) trust: Trust,
    pub(super) chains: Chains,
    pub(super) clock: Clock,
    pub(super) dialect: Cell<Dialect>,
    /// As registered last; heartbeats repeat parts of it.
    pub(super) card: RefCell<Option<Arc<WorkerCard>>>,
    /// As told last; polls repeat parts of it.
    pub(super) report: RefCell<Option<Report>>,
    pub(super) told: RefCell<Told>,
    pub(super) cut_results: RefCell<CutResults>,
    /// Results whose answers make no sense.
    pub(super) odd_answers: RefCell<CutResults>,
    pub(super) patience: RefCell<Patience>,
    pub(super) records: Cell<Records>,
    pub(super) telemetry: RefCell<Telemetry>,
    /// Of the endpoint for events, progress among them.
    pub(super) events: RefCell<Gate>,
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

    fn speaks(&self, dialect: Dialect) -> bool {
        self.dialect.get() == dialect
    }

    async fn exchange(&self, request: &Request) -> Result<Response, SendError> {
        let exchange = self.tokens.exchange(&self.http, request);
        let response = exchange.await.inspect_err(|_| {
            // When it answers again, it may have been restarted.
            self.told.borrow_mut().doubt();
        })?;
        if !cut_results::is_large(request.body_length()) {
            self.cut_results.borrow_mut().small_request_passed();
            self.odd_answers.borrow_mut().small_request_passed();
        }
        let url = self.http.url("");
        self.clock.note(response.date(), SystemTime::now(), &url);
        Ok(response)
    }

    /// Sends a request other than a poll; its response has a status of success.
    async fn control(&self, request: &Request) -> Result<Response, TransportError> {
        let response = self.exchange(request).await?;
        self.accept(response)
    }

    /// Returns a response to a request other than a poll, if its status is one of success.
    fn accept(&self, response: Response) -> Result<Response, TransportError> {
        // 1.0b2 answers 500 to what it will never accept (avtomatika 1.0b12).
        if response.status == StatusCode::INTERNAL_SERVER_ERROR && self.speaks(Dialect::V1_0b2) {
            let text = self.http.error_text(&response);
            if wire_1_0b2::is_permanent_refusal(&text) {
                return Err(response.as_refusal(&text));
            }
        }
        self.error_for_status(response)
    }

    fn error_for_status(&self, response: Response) -> Result<Response, TransportError> {
        let says = response
            .protocol()
            .map(|version| Dialect::of(Some(version)));
        let error = match self.http.error_for_status(response) {
            Err(TransportError::Unauthorized { reason }) => reason,
            judged => return judged,
        };
        let hint = if error.to_ascii_lowercase().contains("timestamp") {
            self.clock.explanation()
        } else {
            None
        };
        let hint = match (self.version, says) {
            (RxonVersion::V1_0b2, Some(Dialect::V1_0b17)) => Some(
                "it speaks RXON 1.0b17, but RXON_VERSION has it that it speaks 1.0b2".to_owned(),
            ),
            _ => hint,
        };
        let reason = match hint {
            Some(hint) => format!("{error} ({hint})"),
            None => error,
        };
        Err(TransportError::Unauthorized { reason })
    }

    /// Sends a signed request other than a poll. `write` is asked for the message of each
    /// attempt: no two may be the same.
    async fn signed(
        &self,
        kind: MessageKind,
        request: &Request,
        write: impl Fn(&Stamp) -> Vec<u8>,
    ) -> Result<Response, TransportError> {
        let attempt = async || {
            let message = write(&self.signing.stamp());
            let body = self.signing.seal(&message, kind, &[])?;
            let request = request.clone().body(body).retry(RetryOnStale::Once);
            self.control(&request).await
        };
        match attempt().await {
            // Repeated for us because the connection had closed, although it had arrived.
            Err(error) if is_duplicate(&error) => attempt().await,
            answer => answer,
        }
    }
}

/// avtomatika 1.0b30 has seen this very message before.
fn is_duplicate(error: &TransportError) -> bool {
    match error {
        TransportError::Unauthorized { reason } => {
            reason.to_ascii_lowercase().contains("duplicate message")
        }
        _ => false,
    }
}

/// The gate of an endpoint on which nothing waits: only rate limits close it.
pub(super) fn gate() -> Gate {
    let none = Duration::ZERO;
    Gate::new(Backoff::new(none, none, 1.0), none)
}

impl Transport for RxonHttp {
    fn register(
        &self,
        card: Arc<WorkerCard>,
        report: Report,
    ) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        Box::pin(self.make_known(card, report))
    }

    fn heartbeat(&self, report: Report) -> LocalBoxFuture<'_, Result<BeatReply, TransportError>> {
        Box::pin(self.beat(report))
    }

    fn probe(&self) -> LocalBoxFuture<'_, Result<Standing, TransportError>> {
        Box::pin(self.ask_standing())
    }

    fn poll(&self, offer: Offer) -> LocalBoxFuture<'_, Result<Option<Task>, TransportError>> {
        Box::pin(self.take_task(offer))
    }

    fn deliver(
        &self,
        result: Arc<TaskResult>,
    ) -> LocalBoxFuture<'_, Result<Receipt, TransportError>> {
        Box::pin(async move { self.give_result(&result).await })
    }

    /// 1.0b2 takes progress over its WebSocket only. Without one it is not sent.
    fn progress(&self, update: ProgressUpdate) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            if self.speaks(Dialect::V1_0b2) {
                return self.commands.send_progress(&update);
            }
            let stamp = self.signing.stamp();
            let message = wire_1_0b17::write_progress(&self.worker_id, &update, &stamp);
            self.tell(&update.task_id, &message).await
        })
    }

    /// 1.0b2 has no events.
    fn event(&self, event: Event) -> LocalBoxFuture<'_, Result<bool, TransportError>> {
        Box::pin(async move {
            if self.speaks(Dialect::V1_0b2) {
                return Ok(false);
            }
            let message = wire_1_0b17::write_event(&self.worker_id, &event, timestamp())?;
            self.tell(&event.task_id, &message).await.map(|()| true)
        })
    }

    fn call_skill(&self, call: SkillCall) -> LocalBoxFuture<'_, Result<RawJson, TransportError>> {
        Box::pin(async move { self.call(&call).await })
    }

    fn habits(&self) -> Habits {
        match self.dialect.get() {
            Dialect::V1_0b2 => Habits {
                lease: Some(LEASE),
                ..Habits::default()
            },
            Dialect::V1_0b17 => Habits {
                dispatch_lag: STALE_DISPATCH,
                counts_requests: true,
                lease: Some(LEASE),
            },
        }
    }

    fn open_commands(&self) -> Option<OpeningCommands<'_>> {
        Some(Box::pin(async move {
            let headers = headers(self.dialect.get(), &self.worker_id);
            let shown = self.tokens.before(&self.http).await?;
            let opened = self.commands.open(&self.http, &headers).await;
            if let Err(TransportError::Unauthorized { .. }) = opened
                && self.tokens.after_refusal(&self.http, shown).await
            {
                return self.commands.open(&self.http, &headers).await;
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
