//! Heartbeats, and asking whether we are known.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info};

use super::RxonHttp;
use crate::config::RxonVersion;
use crate::transport::http::RetryOnStale;
use crate::transport::rxon::dialect::{Dialect, Records};
use crate::transport::rxon::security::MessageKind;
use crate::transport::rxon::wire_1_0b17::{BeatParts, Stamp};
use crate::transport::rxon::{wire_1_0b2, wire_1_0b17};
use crate::transport::{BeatReply, Report, Standing, TransportError};

/// avtomatika 1.0b30 answers heartbeats of workers that it does not know as if it knew
/// them, so it is asked now and then. It forgets a worker after 120 s.
const ASK_EVERY: Duration = Duration::from_mins(1);

impl RxonHttp {
    pub(super) async fn beat(&self, report: Report) -> Result<BeatReply, TransportError> {
        *self.report.borrow_mut() = Some(report.clone());
        if self.speaks(Dialect::V1_0b2) {
            let card = self.card.borrow().clone();
            let body = wire_1_0b2::write_heartbeat(&self.worker_id, card.as_deref(), &report);
            let request = self.worker_request().body(body).retry(RetryOnStale::Once);
            let answer = self.control(&request).await?;
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
        let takes_commands = card.as_ref().is_some_and(|card| card.takes_commands);
        let write = |stamp: &Stamp| {
            let told = self.told.borrow();
            let parts = BeatParts {
                catalogue: told.catalogue(),
                whole_catalogue: telling.catalogue,
                // Only for cancels.
                capabilities: telling.capabilities && takes_commands,
                usage: usage.map(|usage| &**usage),
            };
            wire_1_0b17::write_heartbeat(&self.worker_id, card.as_deref(), report, parts, stamp)
        };
        let request = self.worker_request();
        let answer = self.signed(MessageKind::Heartbeat, &request, write).await?;
        let names_newer = answer
            .protocol()
            .is_some_and(|it| Dialect::of(Some(it)) == Dialect::V1_0b17);
        let mut answer = wire_1_0b17::read_beat_answer(&answer.whole()?)?;
        let is_telling = !names_newer && self.records.get() != Records::Meaningless;
        if answer.is_record && is_telling && self.version == RxonVersion::Auto {
            self.records.set(Records::Asking);
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

    pub(super) async fn ask_standing(&self) -> Result<Standing, TransportError> {
        let request = self.worker_request().retry(RetryOnStale::Once);
        let answer = self.control(&request).await?;
        let reply = wire_1_0b2::read_beat_reply(&answer.whole()?)?;
        if reply.forgotten {
            return Ok(Standing::Forgotten);
        }
        self.told.borrow_mut().is_known(Instant::now());
        Ok(Standing::Known)
    }
}
