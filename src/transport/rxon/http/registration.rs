//! Registering, and finding out the dialect.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::{info, warn};

use super::RxonHttp;
use crate::config::RxonVersion;
use crate::transport::http::Repeat;
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
}
