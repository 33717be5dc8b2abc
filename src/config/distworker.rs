//! Settings of the link to a `DistWorker` controller.

use std::time::Duration;

use super::Token;
use super::problem::Notes;

/// A `DistWorker` controller and how to be its worker. Names and defaults are those of
/// distworker-sdk 0.0.6, whose examples read the first four variables.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DistWorkerSettings {
    /// `DISTWORKER_CONTROLLER_URL`; without it there is no such link.
    pub controller_url: Option<String>,
    /// `DISTWORKER_PROVISIONER`: which of the controller's provisioners the worker
    /// belongs to.
    pub provisioner: String,
    /// `DISTWORKER_WORKER_ID`: empty, unless the controller made this worker and gave
    /// it an id.
    pub worker_id: String,
    /// `DISTWORKER_WORKER_TOKEN`: the token of the session, or of the provisioner.
    pub worker_token: Token,
    /// `DISTWORKER_CONNECTIONS`: each carries one task at a time. 1 with a worker id.
    pub connections: usize,
    /// `DISTWORKER_HEARTBEAT_INTERVAL`.
    pub heartbeat_interval: Duration,
    /// `DISTWORKER_RECONNECT_INTERVAL`: the first wait after a connection has ended; it
    /// doubles with every failure, up to half a minute.
    pub reconnect_interval: Duration,
    /// `DISTWORKER_MAX_RECONNECT_ATTEMPTS`: failures in a row before the worker gives
    /// up; no limit when not set.
    pub max_reconnect_attempts: Option<u32>,
    /// `DISTWORKER_IDLE_EXIT`: whether to leave when there was no task for as long as
    /// the controller says.
    pub idle_exit: bool,
}

impl Default for DistWorkerSettings {
    fn default() -> Self {
        Self {
            controller_url: None,
            provisioner: String::new(),
            worker_id: String::new(),
            worker_token: Token::from(""),
            connections: 1,
            heartbeat_interval: Duration::from_secs(30),
            reconnect_interval: Duration::from_secs(5),
            max_reconnect_attempts: None,
            idle_exit: true,
        }
    }
}

/// Says what is odd, and settles what cannot be.
pub(super) fn check(settings: &mut DistWorkerSettings, notes: &mut Notes) {
    if settings.controller_url.is_none() {
        let rest = DistWorkerSettings {
            controller_url: None,
            ..settings.clone()
        };
        if rest != DistWorkerSettings::default() {
            notes.warn(
                "settings of DISTWORKER_... are ignored: DISTWORKER_CONTROLLER_URL is not set",
            );
        }
        return;
    }
    if settings.worker_token.expose().is_empty() {
        notes.warn(
            "DISTWORKER_WORKER_TOKEN is not set: the controller will hardly take this worker",
        );
    }
    if !settings.worker_id.is_empty() && settings.connections > 1 {
        notes.warn("DISTWORKER_CONNECTIONS is taken for 1: a worker with DISTWORKER_WORKER_ID has one connection");
        settings.connections = 1;
    }
}
