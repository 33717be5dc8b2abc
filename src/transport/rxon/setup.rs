//! Everything about a transport that can be wrong, found out before the worker starts.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use awc::http::header::HeaderName;

use super::chains::Chains;
use super::clock::Clock;
use super::commands::Commands;
use super::dialect::Dialect;
use super::hold::Hold;
use super::http::{RxonHttp, gate};
use super::signing::Signing;
use super::telemetry::Telemetry;
use super::token::TokenKeeper;
use super::told::Told;
use super::trust::Trust;
use crate::config::{AccessTokens, OrchestratorSettings, RxonSettings, RxonVersion, Timing};
use crate::id::{OrchestratorId, WorkerId};
use crate::transport::http::{HttpSetup, SetupError, TlsFiles};

/// The settings of a [`RxonHttp`], checked and able to travel to the thread that
/// will use it.
#[derive(Debug, Clone)]
pub struct RxonSetup {
    http: HttpSetup,
    orchestrator: OrchestratorSettings,
    worker_id: WorkerId,
    request_timeout: Duration,
    poll_hold: Duration,
    rxon: RxonSettings,
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
        if settings.rxon_version == RxonVersion::V1_0b17 && settings.token.expose().is_empty() {
            return Err(SetupError::NoToken {
                url: settings.url.clone(),
            });
        }
        let token_header = HeaderName::from_static("x-worker-token");
        let http = HttpSetup::new(
            &settings.url,
            &settings.token,
            token_header,
            timing.request_timeout,
            tls,
        )?;
        Ok(Self {
            http,
            orchestrator: settings.clone(),
            worker_id: worker_id.clone(),
            request_timeout: timing.request_timeout,
            poll_hold: timing.poll_timeout,
            rxon: RxonSettings::default(),
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

    /// How tasks are verified and how often usage is told. The version is that of the
    /// orchestrator. Default: no secret, so that signatures of tasks are not looked at.
    #[must_use]
    pub fn rxon(self, settings: &RxonSettings) -> Self {
        Self {
            rxon: settings.clone(),
            ..self
        }
    }

    /// Makes the transport, on the thread that will use it. Opens no connection.
    #[must_use]
    pub fn open(self, origin: OrchestratorId) -> RxonHttp {
        let Self {
            http,
            orchestrator,
            worker_id,
            request_timeout,
            poll_hold,
            rxon,
            uses_access_tokens,
            has_tls_files: _,
        } = self;
        let (http, version) = (http.open(), orchestrator.rxon_version);
        let dialect = Dialect::at_first(version);
        let trust = match version {
            // Its tasks have no signatures, and who says that it is 1.0b2 knows.
            RxonVersion::V1_0b2 => Trust::default(),
            _ => Trust::new(&rxon),
        };
        let telemetry = Telemetry::new(rxon.telemetry_deadband, rxon.telemetry_force_interval);
        RxonHttp {
            origin,
            signing: Signing::new(&orchestrator.token, &worker_id),
            commands: Commands::new(&worker_id, request_timeout),
            tokens: TokenKeeper::new(&worker_id, uses_access_tokens, request_timeout),
            http,
            worker_id,
            version,
            request_timeout,
            poll_hold,
            hold: RefCell::new(Hold::new(poll_hold)),
            trust,
            chains: Chains::default(),
            clock: Clock::default(),
            dialect: Cell::new(dialect),
            card: RefCell::default(),
            report: RefCell::default(),
            told: RefCell::new(Told::default()),
            cut_results: RefCell::default(),
            odd_answers: RefCell::default(),
            patience: RefCell::default(),
            records: Cell::default(),
            telemetry: RefCell::new(telemetry),
            events: RefCell::new(gate()),
        }
    }
}
