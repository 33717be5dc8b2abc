//! Orchestrators: which, how they are chosen, and what their protocol needs.

use std::time::Duration;

use crate::config::Token;

/// One orchestrator.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OrchestratorSettings {
    /// Base URL without a trailing slash.
    pub url: String,
    /// Lower is preferred.
    pub priority: i64,
    /// Share of the polls in `ROUND_ROBIN`, at least 1.
    pub weight: u32,
    /// `WORKER_INDIVIDUAL_TOKEN`, else `WORKER_TOKEN`, unless it has its own.
    pub token: Token,
    /// `RXON_VERSION`, unless it has its own.
    pub rxon_version: RxonVersion,
}

impl OrchestratorSettings {
    /// An orchestrator with priority 1 and weight 1.
    #[must_use]
    pub fn new(url: impl Into<String>, token: impl Into<Token>) -> Self {
        let url: String = url.into();
        Self {
            url: url.trim_end_matches('/').to_owned(),
            priority: 1,
            weight: 1,
            token: token.into(),
            rxon_version: RxonVersion::Auto,
        }
    }
}

/// How polls are spread over several orchestrators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OrchestratorMode {
    /// The best priority that works; equal priorities share.
    #[default]
    Failover,
    /// In proportion to the weights.
    RoundRobin,
    /// All of them in order of priority, beginning anew after each task.
    Waterfall,
}

/// The dialect of RXON that an orchestrator speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RxonVersion {
    /// Found out from the orchestrator, anew with each registration.
    #[default]
    Auto,
    /// `1.0b2`, as avtomatika 1.0b12.
    V1_0b2,
    /// `1.0b17`, as avtomatika 1.0b30: messages and tasks are signed.
    V1_0b17,
}

/// What concerns the protocol RXON.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RxonSettings {
    /// `RXON_VERSION`: the dialect of orchestrators that say nothing else.
    pub version: RxonVersion,
    /// `ORCHESTRATOR_SECRET_KEY`: what tasks are signed with.
    pub task_secret: Option<Token>,
    /// `REQUIRE_TASK_SIGNATURE`: with a secret, whether unsigned tasks are refused.
    pub require_task_signature: bool,
    /// `WORKER_TELEMETRY_DEADBAND`: usage is told again when a load has moved by more
    /// points than this, or memory by more percent.
    pub telemetry_deadband: f64,
    /// `WORKER_TELEMETRY_FORCE_INTERVAL`: usage is told again after this time in any case.
    pub telemetry_force_interval: Duration,
}

impl Default for RxonSettings {
    fn default() -> Self {
        Self {
            version: RxonVersion::Auto,
            task_secret: None,
            require_task_signature: true,
            telemetry_deadband: 5.0,
            telemetry_force_interval: Duration::from_mins(1),
        }
    }
}

/// Whether the worker gets access tokens from its orchestrators and shows them in
/// place of its own token. Where an orchestrator gives none, its own token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AccessTokens {
    /// From orchestrators at `https://`, if a TLS file is set.
    #[default]
    Auto,
    /// From all.
    On,
    /// From none.
    Off,
}
