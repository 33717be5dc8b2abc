//! The transport: which requests there are and what their answers mean, in the dialect
//! that the orchestrator speaks.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use awc::FrozenClientRequest;
use awc::http::StatusCode;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::clock::Clock;
use super::commands::Commands;
use super::dialect::Dialect;
use super::requests::{Requests, headers};
use super::security::MessageKind;
use super::setup::RxonSetup;
use super::signing::{Signing, timestamp};
use super::told::Told;
use super::trust::Trust;
use super::wire_1_0b17::{BeatParts, Catalogue, Stamp};
use super::{union, wire_1_0b2, wire_1_0b17};
use crate::config::{OrchestratorSettings, RxonVersion, Timing};
use crate::id::{OrchestratorId, WorkerId};
use crate::json::RawJson;
use crate::policy::{Backoff, Gate, Telemetry};
use crate::task::{Task, TaskResult};
use crate::transport::http::{Answer, Http, Limits, Repeat, SetupError, TlsFiles};
use crate::transport::{
    BeatReply, Event, Habits, Offer, OpeningCommands, ProgressUpdate, Receipt, Report, SkillCall,
    Standing, Transport, TransportError, WorkerCard,
};

/// The largest task that is taken.
const TASK_LIMIT: usize = 64 * 1024 * 1024;

/// The largest answer to anything else. 1.0b2 echoes the whole record of the worker.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// How long another worker may take over a skill that a handler calls.
const CALL_WITHIN: Duration = Duration::from_mins(5);

/// avtomatika 1.0b30 answers heartbeats of workers that it does not know as if it knew
/// them, so it is asked now and then. It forgets a worker after 120 s.
const ASK_EVERY: Duration = Duration::from_mins(1);

/// For so long the dispatcher of avtomatika 1.0b30 may go by what it knew of a worker,
/// and a little more for the task to come.
const STALE_DISPATCH: Duration = Duration::from_millis(2500);

/// A [`Transport`] to an orchestrator that speaks RXON over HTTP.
pub struct RxonHttp {
    pub(super) origin: OrchestratorId,
    pub(super) http: Http,
    pub(super) worker_id: WorkerId,
    pub(super) version: RxonVersion,
    pub(super) request_timeout: Duration,
    pub(super) poll_hold: Duration,
    pub(super) poll_limit: Duration,
    pub(super) commands: Commands,
    pub(super) signing: Signing,
    pub(super) trust: Trust,
    pub(super) clock: Clock,
    pub(super) dialect: Cell<Dialect>,
    pub(super) requests: RefCell<Rc<Requests>>,
    /// As registered last; heartbeats repeat parts of it.
    pub(super) card: RefCell<Option<Arc<WorkerCard>>>,
    /// As told last; polls repeat parts of it.
    pub(super) report: RefCell<Option<Report>>,
    pub(super) told: RefCell<Told>,
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

    fn requests(&self) -> Rc<Requests> {
        self.requests.borrow().clone()
    }

    fn speaks(&self, dialect: Dialect) -> bool {
        self.dialect.get() == dialect
    }

    fn switch_to(&self, dialect: Dialect) {
        if self.dialect.replace(dialect) != dialect {
            let newest = Dialect::newest(self.version);
            let (http, worker_id) = (&self.http, &self.worker_id);
            let requests = Requests::new(http, newest, dialect, worker_id, self.poll_hold);
            *self.requests.borrow_mut() = Rc::new(requests);
        }
    }

    async fn exchange(
        &self,
        request: &FrozenClientRequest,
        body: Option<Bytes>,
        limits: Limits,
        repeat: Repeat,
    ) -> Result<Answer, TransportError> {
        let answer = self.http.exchange(request, body, limits, repeat).await?;
        if self.signing.is_possible() && self.version != RxonVersion::V1_0b2 {
            let url = self.http.url("");
            self.clock.note(answer.date(), SystemTime::now(), &url);
        }
        Ok(answer)
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
        let answer = self.exchange(request, body, limits, repeat).await?;
        // 1.0b2 answers 500 to what it will never accept (avtomatika 1.0b12).
        if answer.status == StatusCode::INTERNAL_SERVER_ERROR && self.speaks(Dialect::V1_0b2) {
            let text = self.http.error_text(&answer);
            if wire_1_0b2::is_permanent_refusal(&text) {
                return Err(answer.as_refusal(&text));
            }
        }
        self.judge(answer)
    }

    fn judge(&self, answer: Answer) -> Result<Answer, TransportError> {
        let says = answer.protocol().map(|version| Dialect::of(Some(version)));
        let error = match self.http.judge(answer) {
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

    /// A signed request other than a poll. `write` is asked for the message of each
    /// attempt: no two may be the same.
    async fn signed(
        &self,
        kind: MessageKind,
        request: &FrozenClientRequest,
        write: impl Fn(&Stamp) -> Vec<u8>,
    ) -> Result<Answer, TransportError> {
        let attempt = async || {
            let message = write(&self.signing.stamp());
            let body = self.signing.seal(&message, kind, &[])?;
            self.control(request, Some(body), Repeat::OnceIfClosed)
                .await
        };
        match attempt().await {
            // Repeated for us because the connection had closed, although it had arrived.
            Err(error) if is_duplicate(&error) => attempt().await,
            answer => answer,
        }
    }

    async fn make_known(
        &self,
        card: Arc<WorkerCard>,
        report: Report,
    ) -> Result<(), TransportError> {
        let catalogue = self.catalogue(&card)?;
        let request = self.requests().register.clone();
        let answer = match &catalogue {
            None => {
                let body = wire_1_0b2::write_registration(&card, &report);
                self.control(&request, Some(body), Repeat::OnceIfClosed)
                    .await?
            }
            Some(catalogue) => {
                let write = |stamp: &Stamp| {
                    let newer = wire_1_0b17::write_registration(&card, catalogue, &report, stamp);
                    if self.version == RxonVersion::V1_0b17 {
                        return newer;
                    }
                    union::of(&wire_1_0b2::write_registration(&card, &report), newer)
                };
                let kind = MessageKind::Registration;
                self.signed(kind, &request, write).await?
            }
        };
        let protocol = answer.protocol().map(str::to_owned);
        let body = answer.whole()?;
        wire_1_0b2::read_registered(&body)?;
        self.found(wire_1_0b17::read_version(&body).or(protocol).as_deref());
        *self.card.borrow_mut() = Some(card);
        *self.report.borrow_mut() = Some(report);
        let now = Instant::now();
        self.told.borrow_mut().registered(catalogue, now);
        self.telemetry.borrow_mut().forget();
        Ok(())
    }

    /// What to tell in a form that newer orchestrators understand; nothing if this one
    /// cannot be one of them.
    fn catalogue(&self, card: &WorkerCard) -> Result<Option<Catalogue>, TransportError> {
        if self.version == RxonVersion::V1_0b2 || !self.signing.is_possible() {
            return Ok(None);
        }
        match Catalogue::of(card) {
            Ok(catalogue) => Ok(Some(catalogue)),
            Err(error) if self.version == RxonVersion::Auto => {
                warn!(%error, "registering in the form of RXON 1.0b2 only");
                Ok(None)
            }
            Err(error) => Err(TransportError::Refused {
                reason: error.to_string(),
            }),
        }
    }

    /// The orchestrator has answered a registration and said this of its version.
    fn found(&self, version: Option<&str>) {
        let (found, url) = (Dialect::of(version), self.http.url(""));
        let told = version.unwrap_or("none");
        match self.version {
            RxonVersion::Auto => {
                if !self.speaks(found) || self.told.borrow().known_at().is_none() {
                    info!(orchestrator = %url, told, dialect = found.name(), "its RXON version");
                }
                self.switch_to(found);
            }
            _ if !self.speaks(found) => warn!(
                orchestrator = %url,
                told,
                dialect = self.dialect.get().name(),
                "its RXON version does not seem to be the one of RXON_VERSION"
            ),
            _ => {}
        }
    }

    async fn beat(&self, report: Report) -> Result<BeatReply, TransportError> {
        *self.report.borrow_mut() = Some(report.clone());
        if self.speaks(Dialect::V1_0b2) {
            let card = self.card.borrow().clone();
            let body = wire_1_0b2::write_heartbeat(&self.worker_id, card.as_deref(), &report);
            let request = &self.requests().worker;
            let answer = self
                .control(request, Some(body), Repeat::OnceIfClosed)
                .await?;
            return wire_1_0b2::read_beat_reply(&answer.whole()?);
        }
        let (mut reply, wants_catalogue) = self.beat_once(&report).await?;
        if wants_catalogue {
            let (again, _) = self.beat_once(&report).await?;
            reply.cancel.extend(again.cancel);
            reply.forgotten |= again.forgotten;
            reply.extra_delay = again.extra_delay;
        }
        let now = Instant::now();
        let known_at = self.told.borrow().known_at();
        if !reply.forgotten && known_at.is_none_or(|at| now >= at + ASK_EVERY) {
            match self.ask_standing().await {
                Ok(Standing::Known) => {}
                Ok(Standing::Forgotten) => reply.forgotten = true,
                Err(error) => debug!(%error, "could not ask whether we are known"),
            }
        }
        Ok(reply)
    }

    /// One heartbeat of 1.0b17, and whether the orchestrator wants the catalogue.
    async fn beat_once(&self, report: &Report) -> Result<(BeatReply, bool), TransportError> {
        let card = self.card.borrow().clone();
        let now = Instant::now();
        let is_news = |usage: &&Arc<_>| self.telemetry.borrow().is_due(usage, now);
        let usage = report.usage.as_ref().filter(is_news);
        let telling = self.told.borrow().telling();
        let write = |stamp: &Stamp| {
            let told = self.told.borrow();
            let parts = BeatParts {
                catalogue: told.catalogue(),
                whole_catalogue: telling.catalogue,
                capabilities: telling.capabilities,
                usage: usage.map(|usage| &**usage),
            };
            wire_1_0b17::write_heartbeat(&self.worker_id, card.as_deref(), report, parts, stamp)
        };
        let request = &self.requests().worker;
        let answer = self.signed(MessageKind::Heartbeat, request, write).await?;
        let mut answer = wire_1_0b17::read_beat_answer(&answer.whole()?)?;
        if answer.is_record && self.version == RxonVersion::Auto {
            info!(orchestrator = %self.http.url(""), "it answers like one of RXON 1.0b2 now");
            answer.reply.forgotten = true;
        }
        let mut told = self.told.borrow_mut();
        told.was_told(telling, answer.wants_catalogue);
        if let Some(usage) = usage {
            self.telemetry.borrow_mut().told((**usage).clone(), now);
        }
        Ok((answer.reply, answer.wants_catalogue))
    }

    async fn ask_standing(&self) -> Result<Standing, TransportError> {
        let request = &self.requests().worker;
        let answer = self.control(request, None, Repeat::OnceIfClosed).await?;
        let reply = wire_1_0b2::read_beat_reply(&answer.whole()?)?;
        if reply.forgotten {
            return Ok(Standing::Forgotten);
        }
        self.told.borrow_mut().is_known(Instant::now());
        Ok(Standing::Known)
    }

    async fn take_task(&self, offer: Offer) -> Result<Option<Task>, TransportError> {
        let limits = Limits {
            within: self.poll_limit,
            body: TASK_LIMIT,
        };
        let poll = self.poll_request(&offer);
        let answer = self.exchange(&poll, None, limits, Repeat::Never).await?;
        let answer = self.judge(answer)?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        // The orchestrator counts this task as handed out. If only its ids can be
        // read, they are enough to tell it that the task failed.
        let Some(reason) = answer.flaw() else {
            let task = wire_1_0b2::read_task(self.origin, &answer.body)?;
            self.trust.check(&task, &answer.body)?;
            return Ok(Some(task));
        };
        Err(
            match (wire_1_0b2::ids_in(&answer.body), answer.broke_off()) {
                (Some(task), true) => TransportError::CutOff { reason, task },
                (None, true) => TransportError::NoAnswer { reason },
                (task, false) => TransportError::Malformed { reason, task },
            },
        )
    }

    fn poll_request(&self, offer: &Offer) -> FrozenClientRequest {
        let (card, report) = (self.card.borrow(), self.report.borrow());
        let hot = report
            .as_ref()
            .map(|report| wire_1_0b17::hot_skills(card.as_deref(), report, &offer.available));
        let hot = hot.unwrap_or_default();
        self.requests().poll(&self.http, &offer.available, &hot)
    }

    async fn give_result(&self, result: &TaskResult) -> Result<Receipt, TransportError> {
        let request = &self.requests().result;
        let (body, repeat) = match self.dialect.get() {
            // Never repeated here: 1.0b2 runs a job's transition once per copy.
            Dialect::V1_0b2 => (
                wire_1_0b2::write_result(&self.worker_id, result)?,
                Repeat::Never,
            ),
            // A second copy is recognised.
            Dialect::V1_0b17 => (self.sealed_result(result)?, Repeat::OnceIfClosed),
        };
        match self.control(request, Some(body), repeat).await {
            // The status has said it; a broken body changes nothing.
            Ok(answer) => Ok(wire_1_0b2::read_receipt(&answer.body)),
            // The job is over and forgotten.
            Err(TransportError::Refused { reason }) if wire_1_0b2::is_job_gone(&reason) => {
                Ok(Receipt::Ignored(reason))
            }
            // No two of our messages are the same, so it was this one that came before.
            Err(error) if is_duplicate(&error) => Ok(Receipt::Accepted),
            Err(error) => Err(error),
        }
    }

    fn sealed_result(&self, result: &TaskResult) -> Result<Bytes, TransportError> {
        let stamp = self.signing.stamp();
        let message = wire_1_0b17::write_result(&self.worker_id, result, &stamp)?;
        let body = self.signing.seal(&message, MessageKind::Result, &[])?;
        if body.len() > wire_1_0b17::BODY_LIMIT {
            return Err(TransportError::TooLarge { size: body.len() });
        }
        Ok(body)
    }

    /// Sends an event of 1.0b17 over the WebSocket if there is one, else by itself.
    async fn tell(&self, message: &[u8]) -> Result<(), TransportError> {
        let body = self.signing.seal(message, MessageKind::Event, &[])?;
        if body.len() > wire_1_0b17::BODY_LIMIT {
            return Err(TransportError::TooLarge { size: body.len() });
        }
        if self.commands.send(&body) {
            return Ok(());
        }
        if let Some(opens) = self.events.borrow().opens_at(Instant::now()) {
            return Err(TransportError::RateLimited {
                retry_after: Some(opens - Instant::now()),
            });
        }
        let request = &self.requests().event;
        let sent = self
            .control(request, Some(body), Repeat::OnceIfClosed)
            .await;
        match sent {
            Ok(answer) => wire_1_0b17::read_event_answer(&answer.body),
            Err(error) if is_duplicate(&error) => Ok(()),
            // Of this event only: heartbeats tell when nothing of ours is accepted.
            Err(TransportError::Unauthorized { reason }) => Err(TransportError::Refused { reason }),
            Err(TransportError::RateLimited { retry_after }) => {
                let mut gate = self.events.borrow_mut();
                gate.rate_limited(Instant::now(), retry_after, fastrand::f64());
                Err(TransportError::RateLimited { retry_after })
            }
            Err(error) => Err(error),
        }
    }

    async fn call(&self, call: &SkillCall) -> Result<RawJson, TransportError> {
        let limits = Limits {
            within: CALL_WITHIN.max(self.request_timeout),
            body: TASK_LIMIT,
        };
        let body = Bytes::from(wire_1_0b17::write_call(call));
        let request = &self.requests().call;
        let answer = self
            .exchange(request, Some(body), limits, Repeat::Never)
            .await?;
        if matches!(
            answer.status,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
        ) {
            return Err(TransportError::Refused {
                reason: format!(
                    "this orchestrator has no POST /skills/call, so skill {:?} cannot be called",
                    call.skill
                ),
            });
        }
        let body = self.judge(answer)?.whole()?;
        RawJson::from_bytes(body).map_err(|error| TransportError::Malformed {
            reason: format!("this does not answer a call of a skill: {error}"),
            task: None,
        })
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
            self.tell(&wire_1_0b17::write_progress(
                &self.worker_id,
                &update,
                &stamp,
            ))
            .await
        })
    }

    /// 1.0b2 has no events.
    fn event(&self, event: Event) -> LocalBoxFuture<'_, Result<bool, TransportError>> {
        Box::pin(async move {
            if self.speaks(Dialect::V1_0b2) {
                return Ok(false);
            }
            let message = wire_1_0b17::write_event(&self.worker_id, &event, timestamp())?;
            self.tell(&message).await.map(|()| true)
        })
    }

    fn call_skill(&self, call: SkillCall) -> LocalBoxFuture<'_, Result<RawJson, TransportError>> {
        Box::pin(async move { self.call(&call).await })
    }

    fn habits(&self) -> Habits {
        match self.dialect.get() {
            Dialect::V1_0b2 => Habits::default(),
            Dialect::V1_0b17 => Habits {
                dispatch_lag: STALE_DISPATCH,
                counts_heartbeats: true,
            },
        }
    }

    fn open_commands(&self) -> Option<OpeningCommands<'_>> {
        Some(Box::pin(async move {
            let headers = headers(self.dialect.get(), &self.worker_id);
            self.commands.open(&self.http, &headers).await
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
