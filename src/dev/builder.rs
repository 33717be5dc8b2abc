//! Settings of a development orchestrator, and its start.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Dialect;
use super::handle::DevOrchestrator;
use super::job::{Rules, fresh_id};
use super::quirks::Quirks;
use super::recorder::Recorder;
use super::server::{self, Tokens};
use super::state::{Settings, Shared};
use crate::config::Token;
use crate::transport::rxon::security::SigningKey;

/// Why an orchestrator could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevError {
    /// It could not be started, or could not listen again.
    #[error("the development orchestrator cannot listen on port {port}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// It has been stopped.
    #[error("the development orchestrator has been stopped")]
    Stopped,
    /// What was waited for did not happen in time.
    #[error("it did not happen within {0:?}")]
    TimedOut(Duration),
}

/// Settings of a [`DevOrchestrator`].
#[derive(Debug, Clone)]
pub struct DevOrchestratorBuilder {
    token: Token,
    worker_tokens: HashMap<String, Token>,
    client_token: Option<Token>,
    port: u16,
    poll_hold: Duration,
    lease: Duration,
    max_retries: u32,
    threads: usize,
    dialect: Dialect,
    task_secret: Option<Token>,
    token_lifetime: Duration,
    quirks: Quirks,
    is_recording: bool,
    record_limit: usize,
}

impl Default for DevOrchestratorBuilder {
    fn default() -> Self {
        Self {
            token: Token::from("your-secret-worker-token"),
            worker_tokens: HashMap::new(),
            client_token: None,
            port: 0,
            poll_hold: Duration::from_secs(30),
            lease: Duration::from_mins(2),
            max_retries: 3,
            threads: 1,
            dialect: Dialect::default(),
            task_secret: None,
            token_lifetime: Duration::from_hours(1),
            quirks: Quirks::default(),
            is_recording: true,
            record_limit: 10_000,
        }
    }
}

impl DevOrchestratorBuilder {
    /// The token of all workers without one of their own. Default
    /// `your-secret-worker-token`.
    #[must_use]
    pub fn token(mut self, token: impl Into<Token>) -> Self {
        self.token = token.into();
        self
    }

    /// The token of one worker, for which the common one is then refused. Default none.
    #[must_use]
    pub fn worker_token(mut self, worker: impl Into<String>, token: impl Into<Token>) -> Self {
        self.worker_tokens.insert(worker.into(), token.into());
        self
    }

    /// The token that clients have to show as `X-Client-Token` to submit jobs over HTTP and
    /// to look at them. Default none: every program of this machine may.
    #[must_use]
    pub fn client_token(mut self, token: impl Into<Token>) -> Self {
        self.client_token = Some(token.into());
        self
    }

    /// The port on 127.0.0.1. Default 0: any that is free.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// How long a poll is held when there is no task. Default 30 s.
    #[must_use]
    pub fn poll_hold(mut self, time: Duration) -> Self {
        self.poll_hold = time;
        self
    }

    /// How long a worker is known after its last registration or heartbeat. Default 120 s.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.lease = time;
        self
    }

    /// Which version of RXON it speaks. Default [`Dialect::V1_0b2`].
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// The secret that tasks are signed with, as `ORCHESTRATOR_SECRET_KEY`. Default one that
    /// nobody knows. (1.0b17 only.)
    #[must_use]
    pub fn task_secret(mut self, secret: impl Into<Token>) -> Self {
        self.task_secret = Some(secret.into());
        self
    }

    /// How long access tokens are valid; workers are told whole seconds. Default 1 h.
    /// (1.0b17 only.)
    #[must_use]
    pub fn token_lifetime(mut self, time: Duration) -> Self {
        self.token_lifetime = time;
        self
    }

    /// How often a task is tried again after failures that may pass. Default 3.
    #[must_use]
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// How many threads serve requests, at least one. Default 1.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// The odd habits that are on from the start. Default none.
    #[must_use]
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// Whether requests are kept for [`DevOrchestrator::requests`]. Default yes.
    #[must_use]
    pub fn record(mut self, is_on: bool) -> Self {
        self.is_recording = is_on;
        self
    }

    /// How many requests are kept, the newest, with at most 64 MiB of bodies.
    /// Default 10 000.
    #[must_use]
    pub fn record_limit(mut self, limit: usize) -> Self {
        self.record_limit = limit;
        self
    }

    /// Starts the orchestrator on a thread of its own, in whatever runtime this is
    /// awaited.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub async fn start(self) -> Result<DevOrchestrator, DevError> {
        let port = self.port;
        let (launch, started) = self.launch()?;
        let address = started.await.map_err(|_| DevError::Stopped)?;
        let address = address.map_err(|source| DevError::Listen { port, source })?;
        Ok(launch.on(address))
    }

    /// As [`DevOrchestratorBuilder::start`], for code that is not async. Must not
    /// be called in async code: it blocks for a moment.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub fn start_blocking(self) -> Result<DevOrchestrator, DevError> {
        let port = self.port;
        let (launch, started) = self.launch()?;
        let address = started.blocking_recv().map_err(|_| DevError::Stopped)?;
        let address = address.map_err(|source| DevError::Listen { port, source })?;
        Ok(launch.on(address))
    }

    #[allow(clippy::type_complexity)]
    fn launch(
        self,
    ) -> Result<(Launch, oneshot::Receiver<io::Result<std::net::SocketAddr>>), DevError> {
        let settings = Settings {
            tokens: Tokens::new(self.token, self.worker_tokens),
            client_token: self.client_token,
            poll_hold: self.poll_hold,
            lease: self.lease,
            rules: Rules {
                max_retries: self.max_retries,
                dialect: self.dialect,
            },
            threads: self.threads,
            task_key: task_key(self.task_secret.as_ref()),
            token_lifetime: self.token_lifetime,
        };
        let recorder = Recorder::new(self.is_recording, self.record_limit);
        let shared = Arc::new(Shared::new(settings, self.quirks, recorder));
        let (commands, asked) = mpsc::unbounded_channel();
        let (tell, started) = oneshot::channel();
        server::start(Arc::clone(&shared), self.port, asked, tell).map_err(|source| {
            let port = self.port;
            DevError::Listen { port, source }
        })?;
        Ok((Launch { shared, commands }, started))
    }
}

/// A random key when none is given or it is empty, as avtomatika 1.0b30 does.
fn task_key(secret: Option<&Token>) -> SigningKey {
    let given = secret.and_then(|secret| SigningKey::new(secret.expose()).ok());
    given.unwrap_or_else(|| SigningKey::new(&fresh_id()).expect("an id is not empty"))
}

struct Launch {
    shared: Arc<Shared>,
    commands: mpsc::UnboundedSender<server::Command>,
}

impl Launch {
    fn on(self, address: std::net::SocketAddr) -> DevOrchestrator {
        DevOrchestrator::new(self.shared, self.commands, address)
    }
}
