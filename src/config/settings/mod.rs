//! The settings of a worker as plain data, with their defaults.

mod links;
mod machine;
mod pace;
mod storage;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde_json::Value;

pub use links::{AccessTokens, OrchestratorMode, OrchestratorSettings, RxonSettings, RxonVersion};
pub use machine::{Artifact, Device, Gpu, Resources};
pub(in crate::config) use pace::temporary_state_dir;
pub use pace::{Ambiguous, Intake, JournalMode, JournalSettings, JournalSync, Results, Timing};
pub use storage::{BlobCacheMode, S3Addressing, S3Checksum, StorageSecret, StorageSettings};

use super::{DistWorkerSettings, LoggingSettings, OtlpSettings, Token};
use crate::id::WorkerId;

/// Everything that can be set. Field docs name the environment variable.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// `WORKER_ID`; random when not given.
    pub worker_id: WorkerId,
    /// Whether `worker_id` was given rather than drawn.
    pub worker_id_is_fixed: bool,
    /// `WORKER_TYPE`, for [`Worker::from_env`](crate::Worker::from_env); what
    /// [`Worker::builder`](crate::Worker::builder) is given wins.
    pub worker_type: String,
    /// `AXON_ADMIN_TOKEN`: whoever has it may pause, drain and cancel over HTTP.
    pub admin_token: Option<Token>,
    /// `WORKER_PORT`: port of the health server; 0 means any free one.
    pub worker_port: u16,
    /// `WORKER_HOST`: address that the health server listens on; all of them without it.
    pub worker_host: Option<IpAddr>,
    /// `AXON_ALLOWED_HOSTS`: names in lower case by which the health server may be asked,
    /// beyond addresses and names of the machine and its network.
    pub allowed_hosts: Vec<String>,
    /// `ORCHESTRATORS_CONFIG` or `ORCHESTRATOR_URL`, sorted by priority, then URL. Only
    /// empty when none of them is set and `DISTWORKER_CONTROLLER_URL` is.
    pub orchestrators: Vec<OrchestratorSettings>,
    /// `MULTI_ORCHESTRATOR_MODE`.
    pub mode: OrchestratorMode,
    /// `WORKER_ENABLE_WEBSOCKETS`.
    pub enable_websockets: bool,
    /// How many tasks, and which.
    pub intake: Intake,
    /// Intervals and time limits.
    pub timing: Timing,
    /// What concerns the protocol RXON.
    pub rxon: RxonSettings,
    /// Retries of results.
    pub results: Results,
    /// What outlives the process.
    pub journal: JournalSettings,
    /// Hardware, as told to the orchestrators.
    pub resources: Resources,
    /// `INSTALLED_SOFTWARE`.
    pub installed_software: BTreeMap<String, String>,
    /// `INSTALLED_MODELS`.
    pub installed_models: Vec<Artifact>,
    /// `COST_PER_SKILL`: cost per second by task name.
    pub cost_per_skill: BTreeMap<String, f64>,
    /// `WORKER_EXTRA_*`: whatever else dispatch rules may look at, by name.
    pub extra: BTreeMap<String, Value>,
    /// `STRICT_EVENT_VALIDATION`: whether events that a contract does not declare are
    /// held back. Payloads that break it always are.
    pub strict_event_validation: bool,
    /// Files and object storage.
    pub storage: StorageSettings,
    /// The link to a `DistWorker` controller.
    pub distworker: DistWorkerSettings,
    /// What is logged.
    pub logging: LoggingSettings,
    /// Export of traces and metrics.
    pub otlp: OtlpSettings,
    /// `TLS_CA_PATH`: certificate authority of the orchestrators.
    pub tls_ca_path: Option<PathBuf>,
    /// `AXON_TLS_CA_ONLY`: whether that one alone is trusted.
    pub tls_ca_only: bool,
    /// `TLS_CERT_PATH`: our certificate.
    pub tls_cert_path: Option<PathBuf>,
    /// `TLS_KEY_PATH`: the key of our certificate.
    pub tls_key_path: Option<PathBuf>,
    /// `AXON_ACCESS_TOKENS`: whether requests show access tokens.
    pub access_tokens: AccessTokens,
}

impl Settings {
    /// The folder of the journal; none when it is off.
    #[must_use]
    pub fn journal_dir(&self) -> Option<PathBuf> {
        let on = match self.journal.mode {
            JournalMode::Auto => self.worker_id_is_fixed,
            JournalMode::On => true,
            JournalMode::Off => false,
        };
        on.then(|| match &self.journal.dir {
            Some(dir) => dir.clone(),
            None => {
                let among = self.journal.state_dir.join("journal");
                among.join(self.worker_id.as_str())
            }
        })
    }
}

impl Settings {
    /// Whether the journal is among temporary files, which systems remove.
    #[cfg_attr(not(feature = "journal"), allow(dead_code, reason = "journals only"))]
    pub(crate) fn journal_is_temporary(&self) -> bool {
        self.journal.dir.is_none() && self.journal.state_dir == temporary_state_dir()
    }
}

impl Eq for Token {}

impl Default for Settings {
    fn default() -> Self {
        Self {
            worker_id: WorkerId::random(),
            worker_id_is_fixed: false,
            worker_type: "generic-cpu-worker".to_owned(),
            admin_token: None,
            worker_port: 8083,
            worker_host: None,
            allowed_hosts: Vec::new(),
            orchestrators: vec![OrchestratorSettings::new(
                "http://localhost:8080",
                DEFAULT_TOKEN,
            )],
            mode: OrchestratorMode::default(),
            enable_websockets: false,
            intake: Intake::default(),
            timing: Timing::default(),
            rxon: RxonSettings::default(),
            results: Results::default(),
            journal: JournalSettings::default(),
            logging: LoggingSettings::default(),
            otlp: OtlpSettings::default(),
            resources: Resources::default(),
            installed_software: BTreeMap::new(),
            installed_models: Vec::new(),
            cost_per_skill: BTreeMap::new(),
            extra: BTreeMap::new(),
            strict_event_validation: true,
            storage: StorageSettings::default(),
            distworker: DistWorkerSettings::default(),
            tls_ca_path: None,
            tls_ca_only: false,
            tls_cert_path: None,
            tls_key_path: None,
            access_tokens: AccessTokens::default(),
        }
    }
}

/// The built-in token of the reference worker; good for trials only.
pub(crate) const DEFAULT_TOKEN: &str = "your-secret-worker-token";
