//! Registering, and finding out the dialect.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::RxonHttp;
use crate::config::RxonVersion;
use crate::transport::http::{Response, RetryOnStale};
use crate::transport::rxon::dialect::Dialect;
use crate::transport::rxon::security::MessageKind;
use crate::transport::rxon::wire_1_0b17::{Catalogue, Stamp};
use crate::transport::rxon::{union, wire_1_0b2, wire_1_0b17};
use crate::transport::{Report, TransportError, WorkerCard};

impl RxonHttp {
    pub(super) async fn make_known(
        &self,
        card: Arc<WorkerCard>,
        report: Report,
    ) -> Result<(), TransportError> {
        let catalogue = self.catalogue(&card)?;
        match &catalogue {
            None => self.register_as_older(&card, &report).await?,
            Some(catalogue) => self.register_as_newer(&card, catalogue, &report).await?,
        }
        *self.card.borrow_mut() = Some(card);
        *self.report.borrow_mut() = Some(report);
        let now = Instant::now();
        self.told.borrow_mut().registered(catalogue, now);
        self.telemetry.borrow_mut().forget();
        Ok(())
    }

    async fn register_as_older(
        &self,
        card: &WorkerCard,
        report: &Report,
    ) -> Result<(), TransportError> {
        let version = self.tell_older(card, report).await?;
        self.found(version.as_deref());
        Ok(())
    }

    /// Returns the version that the answer tells.
    async fn tell_older(
        &self,
        card: &WorkerCard,
        report: &Report,
    ) -> Result<Option<String>, TransportError> {
        let body = wire_1_0b2::write_registration(card, report);
        let request = self.register_request().body(body).retry(RetryOnStale::Once);
        let answer = self.control(&request).await?;
        version_in(answer)
    }

    /// In the newer form, or in the one that both understand.
    async fn register_as_newer(
        &self,
        card: &WorkerCard,
        catalogue: &Catalogue,
        report: &Report,
    ) -> Result<(), TransportError> {
        let is_open = self.version == RxonVersion::Auto;
        // One that spoke the older dialect the last time probably still does.
        let is_older = is_open && self.speaks(Dialect::V1_0b2) && self.has_registered();
        if is_older {
            match self.register_as_older(card, report).await {
                Err(TransportError::Unauthorized { .. }) => {}
                answered => return answered,
            }
        }
        let write = |stamp: &Stamp| {
            let newer = wire_1_0b17::write_registration(card, catalogue, report, stamp);
            if is_open {
                union::of(&wire_1_0b2::write_registration(card, report), newer)
            } else {
                newer
            }
        };
        let kind = MessageKind::Registration;
        let request = self.register_request();
        let version = version_in(self.signed(kind, &request, write).await?)?;
        self.found(version.as_deref());
        if is_open && self.speaks(Dialect::V1_0b2) {
            // It keeps what it does not understand, schemas and all, and repeats it with
            // every answer to a heartbeat. It knows us already, should this fail.
            if let Err(error) = self.tell_older(card, report).await {
                debug!(%error, "could not register in the shorter form");
            }
        }
        Ok(())
    }

    fn has_registered(&self) -> bool {
        self.card.borrow().is_some()
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
                if !self.speaks(found) || !self.has_registered() {
                    info!(orchestrator = %url, told, dialect = found.name(), "its RXON version");
                }
                self.dialect.set(found);
                self.records.set(self.records.get().registered(found));
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
}

fn version_in(answer: Response) -> Result<Option<String>, TransportError> {
    let protocol = answer.protocol().map(str::to_owned);
    let body = answer.whole()?;
    wire_1_0b2::read_registered(&body)?;
    Ok(wire_1_0b17::read_version(&body).or(protocol))
}
