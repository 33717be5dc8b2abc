//! Everything about a link to a controller that can be wrong, found out before the
//! worker starts.

use std::fmt;
use std::time::Duration;

use super::link::DistWorker;
use super::url::ControllerUrl;
use crate::config::url::shown;
use crate::config::{DistWorkerSettings, Timing, Token};
use crate::id::OrchestratorId;
use crate::transport::http::{HttpSetup, SetupError, TlsFiles};

/// Who we are to the controller, and how to behave.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) provisioner: String,
    /// Empty, unless the controller gave us one.
    pub(super) worker_id: String,
    pub(super) token: Token,
    pub(super) heartbeat_every: Duration,
    pub(super) reconnect_after: Duration,
    pub(super) attempts: Option<u32>,
    pub(super) idle_exit: bool,
}

impl Identity {
    pub(super) fn has_id(&self) -> bool {
        !self.worker_id.is_empty()
    }
}

/// The settings of a [`DistWorker`] link, checked and able to travel to the thread that
/// will use it.
#[derive(Clone)]
pub struct DistWorkerSetup {
    http: HttpSetup,
    url: ControllerUrl,
    identity: Identity,
    connections: usize,
    within: Duration,
    hold: Option<Duration>,
}

impl DistWorkerSetup {
    /// Checks address and TLS files. Reads the files of an `https://` or `wss://` address.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(
        settings: &DistWorkerSettings,
        timing: &Timing,
        tls: &TlsFiles,
    ) -> Result<Self, SetupError> {
        let text = settings.controller_url.as_deref().unwrap_or_default();
        let wrong = |reason: &str| SetupError::Url {
            url: shown(text),
            reason: reason.to_owned(),
        };
        let url = ControllerUrl::parse(text).map_err(wrong)?;
        if url.has_user() {
            return Err(wrong("user names and passwords are not supported in it"));
        }
        let http = HttpSetup::without_token(&url.origin(), timing.request_timeout, tls)?;
        let identity = Identity {
            provisioner: settings.provisioner.clone(),
            worker_id: settings.worker_id.clone(),
            token: settings.worker_token.clone(),
            heartbeat_every: settings.heartbeat_interval,
            reconnect_after: settings.reconnect_interval,
            attempts: settings.max_reconnect_attempts,
            idle_exit: settings.idle_exit,
        };
        let connections = if identity.has_id() {
            1
        } else {
            settings.connections.max(1)
        };
        Ok(Self {
            http,
            url,
            identity,
            connections,
            within: timing.request_timeout,
            hold: None,
        })
    }

    /// Lets each poll end after this time, so that other orchestrators of the same
    /// worker get its slot. Without it a poll waits for as long as nothing comes.
    #[must_use]
    pub fn hold(mut self, time: Duration) -> Self {
        self.hold = Some(time);
        self
    }

    /// What the link is called in logs.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}{}", self.url.origin(), self.url.socket_path())
    }

    /// Makes the transport, on the thread that will use it. It connects when it is asked
    /// to register.
    #[must_use]
    pub fn open(self, origin: OrchestratorId) -> DistWorker {
        DistWorker::new(
            origin,
            self.http.open(),
            self.url,
            self.identity,
            self.connections,
            self.within,
            self.hold,
        )
    }
}

/// Names the address; the token stays out.
impl fmt::Debug for DistWorkerSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DistWorkerSetup")
            .field("url", &self.url)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
