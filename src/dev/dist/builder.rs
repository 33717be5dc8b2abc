//! Settings of a controller.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::server;
use super::state::{Shared, State};
use super::{DevError, DistController};
use crate::config::Token;

/// Settings of a [`DistController`].
#[derive(Debug, Clone)]
pub struct DistControllerBuilder {
    port: u16,
    provisioner: String,
    token: Token,
    sessions: Vec<(String, Token)>,
    keeps_sessions: bool,
    idle_time: i32,
    ping_every: Duration,
    cut_after: Duration,
}

impl Default for DistControllerBuilder {
    fn default() -> Self {
        Self {
            port: 0,
            provisioner: "example".to_owned(),
            token: Token::from("demo-token-123"),
            sessions: Vec::new(),
            keeps_sessions: false,
            idle_time: 3600,
            ping_every: Duration::from_secs(3),
            cut_after: Duration::from_secs(15),
        }
    }
}

impl DistControllerBuilder {
    /// The port on 127.0.0.1. Default 0: any that is free.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The provisioner that any number of workers can register with, and its token.
    /// Default `example` and `demo-token-123`.
    #[must_use]
    pub fn provisioner(mut self, name: impl Into<String>, token: impl Into<Token>) -> Self {
        (self.provisioner, self.token) = (name.into(), token.into());
        self
    }

    /// A session for a worker with an id of its own. It is gone when the connection of
    /// that worker ends, as in the controller v0.0.6.
    #[must_use]
    pub fn session(mut self, worker_id: impl Into<String>, token: impl Into<Token>) -> Self {
        self.sessions.push((worker_id.into(), token.into()));
        self
    }

    /// Keeps sessions when connections end.
    #[must_use]
    pub fn keep_sessions(mut self) -> Self {
        self.keeps_sessions = true;
        self
    }

    /// How long workers may idle, in seconds. Default 3600.
    #[must_use]
    pub fn idle_time(mut self, seconds: i32) -> Self {
        self.idle_time = seconds;
        self
    }

    /// How often it pings, and after which silence it hangs up. Default 3 s and 15 s.
    #[must_use]
    pub fn pings(mut self, every: Duration, cut_after: Duration) -> Self {
        (self.ping_every, self.cut_after) = (every, cut_after);
        self
    }

    /// Starts the controller on a thread of its own, in whatever runtime this is
    /// awaited.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub async fn start(self) -> Result<DistController, DevError> {
        let port = self.port;
        let shared = Arc::new(Shared::new(
            self.provisioner,
            self.token,
            self.ping_every,
            self.cut_after,
            State::new(self.sessions, self.keeps_sessions, self.idle_time),
        ));
        let (commands, asked) = mpsc::unbounded_channel();
        let (tell, started) = oneshot::channel();
        let listen = |source| DevError::Listen { port, source };
        server::start(Arc::clone(&shared), port, asked, tell).map_err(listen)?;
        let address = started.await.map_err(|_| DevError::Stopped)?;
        Ok(DistController {
            shared,
            commands,
            address: address.map_err(listen)?,
        })
    }
}
