//! The settings of a worker as plain data, with their defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DistWorkerSettings, LoggingSettings, OtlpSettings, Token};
use crate::id::WorkerId;

/// Everything that can be set. Field docs name the environment variable.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// `WORKER_ID`; random when not given.
    pub worker_id: WorkerId,
    /// Whether `worker_id` was given rather than drawn.
    pub worker_id_is_fixed: bool,
    /// `WORKER_TYPE`; what the builder says wins.
    pub worker_type: String,
    /// `AXON_ADMIN_TOKEN`: whoever has it may pause, drain and cancel over HTTP.
    pub admin_token: Option<Token>,
    /// `WORKER_PORT`: port of the health server; 0 means any free one.
    pub worker_port: u16,
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
    /// `TLS_CERT_PATH`: our certificate.
    pub tls_cert_path: Option<PathBuf>,
    /// `TLS_KEY_PATH`: the key of our certificate.
    pub tls_key_path: Option<PathBuf>,
    /// `AXON_ACCESS_TOKENS`: whether requests show access tokens.
    pub access_tokens: AccessTokens,
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
    /// `ORCHESTRATOR_SECRET_KEY` or `SECRET_KEY`: what tasks are signed with.
    pub task_secret: Option<Token>,
    /// `REQUIRE_TASK_SIGNATURE`: with a secret, whether unsigned tasks are refused.
    pub require_task_signature: bool,
    /// `WORKER_TELEMETRY_DEADBAND`: usage is told again when a load has moved by more
    /// points than this, or memory by more percent.
    pub telemetry_deadband: f64,
    /// `WORKER_TELEMETRY_FORCE_INTERVAL`: usage is told again after this time in any case.
    pub telemetry_force_interval: Duration,
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

/// How many tasks, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Intake {
    /// `MAX_CONCURRENT_TASKS`: the global limit, at least 1.
    pub max_concurrent_tasks: usize,
    /// `AXON_TASK_TYPE_LIMITS`: limit by task type; 0 turns a type off.
    pub task_type_limits: BTreeMap<String, usize>,
    /// `AXON_MAX_OPEN_POLLS`: the most polls open at once, at least 1.
    pub max_open_polls: usize,
    /// `AXON_PARKING_LOT`: how many tasks may wait for a slot of their type before
    /// the worker stops polling.
    pub parking_lot: usize,
    /// `AXON_HANDLER_THREADS`: threads that run async handlers; as many as there
    /// are cores unless set.
    pub handler_threads: usize,
    /// `AXON_BLOCKING_THREADS`: the most threads of blocking handlers; 0 means as
    /// many as `max_concurrent_tasks`.
    pub blocking_threads: usize,
}

/// Intervals and time limits. Variables give them in seconds, fractions allowed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Timing {
    /// `HEARTBEAT_INTERVAL`.
    pub heartbeat_interval: Duration,
    /// `WORKER_HEARTBEAT_DEBOUNCE_DELAY`: how long changes are gathered before a heartbeat tells them.
    pub heartbeat_debounce: Duration,
    /// `WORKER_HEARTBEAT_COOLDOWN`: where heartbeats are counted (RXON 1.0b17), the mean time
    /// between those that change nothing about which tasks are taken, after a few in a row.
    pub heartbeat_cooldown: Duration,
    /// `TASK_POLL_TIMEOUT`: how long the orchestrator holds a poll; requests wait 5 s longer.
    pub poll_timeout: Duration,
    /// `TASK_POLL_ERROR_DELAY`: the longest wait after a failed poll, of a backoff that starts small.
    pub poll_error_delay: Duration,
    /// `IDLE_POLL_DELAY`: pause between a poll that brought nothing and the next.
    pub idle_poll_delay: Duration,
    /// `REGISTRATION_RETRY_INITIAL_DELAY`.
    pub registration_retry_initial_delay: Duration,
    /// `REGISTRATION_RETRY_MAX_DELAY`.
    pub registration_retry_max_delay: Duration,
    /// `POLL_BACKOFF_INITIAL`.
    pub poll_backoff_initial: Duration,
    /// `POLL_BACKOFF_MAX`.
    pub poll_backoff_max: Duration,
    /// `POLL_BACKOFF_FACTOR`.
    pub poll_backoff_factor: f64,
    /// `RATE_LIMIT_BACKOFF_FLOOR`: the least silence after a 429 without Retry-After.
    pub rate_limit_floor: Duration,
    /// `AXON_REQUEST_TIMEOUT`: limit of every request but polls.
    pub request_timeout: Duration,
    /// `AXON_CANCEL_GRACE`: time a cancelled handler has to end by itself.
    pub cancel_grace: Duration,
    /// `WORKER_SHUTDOWN_TIMEOUT`: time running tasks have to finish at shutdown.
    pub shutdown_timeout: Duration,
    /// `AXON_DRAIN_POLL_WAIT`: how long open polls are awaited at shutdown once
    /// the orchestrator knows that we take no more.
    pub drain_poll_wait: Duration,
    /// `AXON_DRAIN_RESULTS_WAIT`: how long undelivered results are tried at shutdown.
    pub drain_results_wait: Duration,
}

/// Retries of results.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Results {
    /// `RESULT_MAX_RETRIES`: refusals of a result before it is given up; outages do not count.
    pub max_retries: u32,
    /// `RESULT_RETRY_INITIAL_DELAY`: first wait; doubles from there.
    pub retry_initial_delay: Duration,
    /// `AXON_RESULT_AMBIGUOUS`: what follows when a result may have arrived.
    pub ambiguous: Ambiguous,
}

/// What follows when the answer to a result got lost, so that the orchestrator may
/// have the result or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ambiguous {
    /// Send it again: never lost, but an orchestrator that does not tell a
    /// duplicate apart takes it twice.
    #[default]
    Repeat,
    /// Take it for delivered: never twice, but possibly lost.
    Drop,
}

/// What outlives the process: results without an answer, and which tasks ran.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalSettings {
    /// `AXON_JOURNAL`.
    pub mode: JournalMode,
    /// `AXON_JOURNAL_DIR`: its folder; unless given, one named after the worker
    /// among the task folders.
    pub dir: Option<PathBuf>,
    /// `AXON_JOURNAL_MAX_BYTES`: how much it may hold before the worker takes no
    /// more tasks, at least 1.
    pub max_bytes: u64,
}

/// Whether there is a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum JournalMode {
    /// When the worker has a name that it will have again.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
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
                let among = self.storage.task_files_dir.join(".journal");
                among.join(self.worker_id.as_str())
            }
        })
    }
}

/// The hardware, as told to the orchestrators.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Resources {
    /// `CPU_CORES`.
    pub cpu_cores: u32,
    /// `GPU_MODEL` and `GPU_VRAM_GB`.
    pub gpu: Option<Gpu>,
    /// `RAM_GB`; 0 when not told.
    pub ram_gb: f64,
    /// `WORKER_DEVICES`: accelerators and other devices beyond `gpu`.
    pub devices: Vec<Device>,
    /// Whatever else dispatch rules may look at.
    pub properties: BTreeMap<String, Value>,
}

impl Resources {
    /// All devices, as RXON 1.0b17 lists them: the graphics card of `gpu` first, then
    /// `devices`.
    #[must_use]
    pub fn all_devices(&self) -> Vec<Device> {
        let card = self.gpu.iter().map(|gpu| Device {
            kind: "gpu".to_owned(),
            model: Some(gpu.model.clone()),
            id: Some(gpu.id.clone()),
            properties: Some(serde_json::json!({ "memory_gb": gpu.vram_gb })),
        });
        card.chain(self.devices.iter().cloned()).collect()
    }
}

/// A device, as told to the orchestrators.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Device {
    /// What it is, for example `gpu`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tells it from others of this worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What does not change, for example `memory_gb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Value>,
}

/// A graphics card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// `GPU_MODEL`, for example `RTX 4090`.
    pub model: String,
    /// `GPU_VRAM_GB`, in GiB as the protocol counts.
    pub vram_gb: u32,
    /// `GPU_ID`.
    pub id: String,
}

/// A model or other artifact that is installed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default = "unknown")]
    pub version: String,
    /// What it is, for example `model`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whatever else dispatch rules may look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Value>,
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// Files and object storage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageSettings {
    /// `TASK_FILES_DIR`, else `WORKER_PAYLOAD_DIR`: folder of the task folders.
    pub task_files_dir: PathBuf,
    /// `S3_ENDPOINT_URL`; object storage is off without it.
    pub endpoint_url: Option<String>,
    /// `S3_ACCESS_KEY`.
    pub access_key: Option<StorageSecret>,
    /// `S3_SECRET_KEY`.
    pub secret_key: Option<StorageSecret>,
    /// `S3_DEFAULT_BUCKET`.
    pub default_bucket: String,
    /// `S3_REGION`.
    pub region: String,
    /// `AXON_STORAGE_DIR`: a folder that stands in for object storage.
    pub local_root: Option<PathBuf>,
    /// `AXON_STORAGE_PARALLEL`: requests at once.
    pub parallel: usize,
    /// `AXON_STORAGE_PART_MIB`: size of the parts of large files, in bytes.
    pub part_size: u64,
    /// `AXON_STORAGE_STALL_TIMEOUT`: a request that stands still for this long has failed.
    pub stall_timeout: Duration,
    /// `AXON_STORAGE_MAX_RETRIES`: how often a request is tried again.
    pub max_retries: u32,
    /// `WORKER_BLOB_CACHE_DIR`: folder of objects that tasks share; none without it.
    pub blob_cache_dir: Option<PathBuf>,
    /// `AXON_BLOB_CACHE_MIB`: what the cache may hold, in bytes.
    pub blob_cache_bytes: u64,
    /// `AXON_BLOB_CACHE_MODE`.
    pub blob_cache_mode: BlobCacheMode,
}

/// How a task gets a file that is in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum BlobCacheMode {
    /// What is fastest and safe here: a clone where the file system can, a read-only
    /// link where permissions bind this process, else a copy.
    #[default]
    Auto,
    /// A read-only link to the cached file. A process that permissions do not bind
    /// (root) can write through it and harm other tasks.
    Link,
    /// A copy (or clone) of its own, which the task may write to.
    Copy,
}

/// A key of the object storage.
pub type StorageSecret = Token;

impl Eq for Token {}

const MIB: u64 = 1024 * 1024;

impl Default for Settings {
    fn default() -> Self {
        Self {
            worker_id: WorkerId::random(),
            worker_id_is_fixed: false,
            worker_type: "generic-cpu-worker".to_owned(),
            admin_token: None,
            worker_port: 8083,
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
            tls_cert_path: None,
            tls_key_path: None,
            access_tokens: AccessTokens::default(),
        }
    }
}

/// The built-in token of the reference worker; good for trials only.
pub(crate) const DEFAULT_TOKEN: &str = "your-secret-worker-token";

impl Default for Intake {
    fn default() -> Self {
        Self {
            max_concurrent_tasks: 10,
            task_type_limits: BTreeMap::new(),
            max_open_polls: 8,
            parking_lot: 16,
            handler_threads: std::thread::available_parallelism().map_or(2, usize::from),
            blocking_threads: 0,
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            heartbeat_interval: seconds(15),
            heartbeat_debounce: Duration::from_millis(100),
            heartbeat_cooldown: seconds(2),
            poll_timeout: seconds(30),
            poll_error_delay: seconds(5),
            idle_poll_delay: Duration::from_millis(10),
            registration_retry_initial_delay: seconds(1),
            registration_retry_max_delay: seconds(60),
            poll_backoff_initial: seconds(1),
            poll_backoff_max: seconds(60),
            poll_backoff_factor: 2.0,
            rate_limit_floor: seconds(30),
            request_timeout: seconds(10),
            cancel_grace: seconds(5),
            shutdown_timeout: seconds(30),
            drain_poll_wait: seconds(1),
            drain_results_wait: seconds(10),
        }
    }
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

impl Default for Results {
    fn default() -> Self {
        Self {
            max_retries: 5,
            retry_initial_delay: Duration::from_secs(1),
            ambiguous: Ambiguous::default(),
        }
    }
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            mode: JournalMode::default(),
            dir: None,
            max_bytes: 256 * 1024 * 1024,
        }
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            cpu_cores: 4,
            gpu: None,
            ram_gb: 0.0,
            devices: Vec::new(),
            properties: BTreeMap::new(),
        }
    }
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            task_files_dir: PathBuf::from("/tmp/payloads"),
            endpoint_url: None,
            access_key: None,
            secret_key: None,
            default_bucket: "avtomatika-payloads".to_owned(),
            region: "us-east-1".to_owned(),
            local_root: None,
            parallel: 16,
            part_size: 8 * MIB,
            stall_timeout: Duration::from_mins(1),
            max_retries: 5,
            blob_cache_dir: None,
            blob_cache_bytes: 10_240 * MIB,
            blob_cache_mode: BlobCacheMode::default(),
        }
    }
}
