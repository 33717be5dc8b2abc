//! The one table of all variables: name, key of the file, default, kind, place.

use std::time::Duration;

use super::draft::{Draft, Slot};
use super::kind::Kind;
use super::orchestrators;
use super::shapes::{MAX_TASKS, costs, devices, extra, limits, models, software};
use super::telemetry::{SAMPLER_WORDS, SAMPLERS};
use super::{AccessTokens, Ambiguous, BlobCacheMode, JournalMode, LogFormat, RxonVersion, Token};

/// One environment variable, and the key of the file that sets the same.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Variable {
    /// The name of the variable.
    pub name: &'static str,
    /// The key of the file; `timing.poll_timeout` is `poll_timeout` in `[timing]`.
    /// Variables with the same key set the same thing: the one that comes first in
    /// [`VARIABLES`] wins. Empty if the file cannot set it.
    pub key: &'static str,
    /// The default as one would write it, or in parentheses what happens without.
    pub default: &'static str,
    /// What it holds, and what is allowed.
    pub kind: Kind,
    /// What it means, in one line.
    pub meaning: &'static str,
    pub(super) slot: Slot,
}

impl Variable {
    /// Whether an empty text is a value, and so probably a mistake, rather than
    /// not set: a worker that silently goes by another name, or to another
    /// orchestrator, helps nobody.
    pub(super) fn blank_counts(&self) -> bool {
        matches!(self.kind, Kind::Identifier | Kind::OrchestratorUrl)
    }

    /// Whether it is one of OpenTelemetry's, which whole fleets of programs share. A
    /// value that we cannot use is passed over with a warning, as its specification has it.
    pub(super) fn is_shared(&self) -> bool {
        self.name.starts_with("OTEL_")
    }
}

/// Begins the names of all variables that [`Settings::extra`](super::Settings::extra)
/// is made of. The table has one row for them, whose name ends in `*`.
pub(super) const EXTRA_PREFIX: &str = "WORKER_EXTRA_";
/// The key of the file for the same.
pub(super) const EXTRA_KEY: &str = "extra";

/// Names the optional file.
pub(super) const FILE_VARIABLE: &str = "AXON_WORKER_CONFIG";

const SECONDS: Kind = Kind::Seconds { above_zero: false };
const SOME_SECONDS: Kind = Kind::Seconds { above_zero: true };
const MODES: Kind = Kind::OneOf(&["FAILOVER", "ROUND_ROBIN", "WATERFALL"]);
const SWITCH: Kind = Kind::OneOf(&["auto", "on", "off"]);
const LOSSES: Kind = Kind::OneOf(&["repeat", "drop"]);
pub(super) const RXON_VERSION_WORDS: &[&str] = &["auto", "1.0b2", "1.0b17"];
/// Their meaning, in the same order.
pub(super) const RXON_VERSIONS: [(&str, RxonVersion); 3] = [
    (RXON_VERSION_WORDS[0], RxonVersion::Auto),
    (RXON_VERSION_WORDS[1], RxonVersion::V1_0b2),
    (RXON_VERSION_WORDS[2], RxonVersion::V1_0b17),
];
const EXPORTERS: Kind = Kind::OneOf(&["otlp", "none"]);
const CACHE_MODES: Kind = Kind::OneOf(&["auto", "link", "copy"]);
const LIST: Kind = Kind::Json {
    shape: "a list of objects with url, priority, weight, token, rxon_version",
    lenient: true,
};
const SOFTWARE: Kind = Kind::Json {
    shape: "an object of versions by name",
    lenient: true,
};
const ARTIFACTS: Kind = Kind::Json {
    shape: "a list of objects with name, version, type and properties",
    lenient: true,
};
const DEVICES: Kind = Kind::Json {
    shape: "a list of objects with type, model, id and properties",
    lenient: true,
};
const EXTRA: Kind = Kind::Json {
    shape: "an object, of which each variable gives one value",
    lenient: false,
};
const COSTS: Kind = Kind::Json {
    shape: "an object of numbers from 0 by task name",
    lenient: true,
};
const LIMITS: Kind = Kind::Json {
    shape: "an object of whole numbers from 0 by task type",
    lenient: false,
};

const fn whole(min: u32, max: u32) -> Kind {
    Kind::Whole { min, max }
}

fn token(draft: &mut Draft, text: String) {
    draft.worker_token = Some(Token::from(text));
}

fn task_secret(draft: &mut Draft, text: String) {
    draft.settings.rxon.task_secret = Some(Token::from(text));
}

fn task_files(draft: &mut Draft, text: String) {
    draft.settings.storage.task_files_dir = text.into();
}

fn mib(count: u32) -> u64 {
    u64::from(count) * 1024 * 1024
}

macro_rules! table {
    ($($name:tt $key:literal $default:literal $kind:expr => $slot:ident $set:expr, $meaning:literal;)*) => {
        &[$(Variable {
            name: $name,
            key: $key,
            default: $default,
            kind: $kind,
            meaning: $meaning,
            slot: Slot::$slot($set),
        }),*]
    };
}

/// All variables, by topic. Where two of them set the same thing, the stronger is first.
pub const VARIABLES: &[Variable] = table! {
    "WORKER_ID" "worker_id" "(random)" Kind::Identifier
        => Id |d, v| { d.settings.worker_id = v; d.settings.worker_id_is_fixed = true; },
        "Name of this worker, unique at its orchestrators; without it `worker-` and a random UUID.";
    "WORKER_TYPE" "worker_type" "generic-cpu-worker" Kind::Text
        => Text |d, v| d.settings.worker_type = v,
        "Type of this worker; what the program itself says wins.";
    "WORKER_PORT" "worker_port" "8083" whole(0, 65_535)
        => U16 |d, v| d.settings.worker_port = v,
        "Port of the health server; 0 takes any free one.";
    "AXON_ADMIN_TOKEN" "admin_token" "(none)" Kind::Secret
        => Text |d, v| d.settings.admin_token = (!v.is_empty()).then(|| Token::from(v)),
        "Whoever has it may pause, drain and cancel over HTTP; without it nobody may.";

    "ORCHESTRATORS_CONFIG" "orchestrators" "(none)" LIST
        => Json orchestrators::read,
        "The orchestrators; `url` is required, `priority` is 10, `weight` 1, `token` the worker's and `rxon_version` that of all unless given.";
    "ORCHESTRATOR_URL" "orchestrator_url" "http://localhost:8080" Kind::OrchestratorUrl
        => Text |d, v| d.orchestrator_url = Some(v),
        "The one orchestrator, when `ORCHESTRATORS_CONFIG` is not set.";
    "MULTI_ORCHESTRATOR_MODE" "mode" "FAILOVER" MODES
        => Mode |d, v| d.settings.mode = v,
        "How polls are spread over several orchestrators.";
    "WORKER_INDIVIDUAL_TOKEN" "worker_token" "(none)" Kind::Secret
        => Text token,
        "Token of this worker alone; wins over `WORKER_TOKEN`.";
    "WORKER_TOKEN" "worker_token" "your-secret-worker-token" Kind::Secret
        => Text token,
        "Token shared by all workers. Everybody knows the default: set another.";
    "RXON_VERSION" "rxon.version" "auto" Kind::OneOf(RXON_VERSION_WORDS)
        => Choice |d, v| d.settings.rxon.version = RXON_VERSIONS[v].1,
        "Dialect of the orchestrators; `auto` finds out, for each of them.";
    "ORCHESTRATOR_SECRET_KEY" "rxon.task_secret" "(none)" Kind::Secret
        => Text task_secret,
        "Secret that tasks are signed with; with it, signatures of tasks are verified.";
    "SECRET_KEY" "rxon.task_secret" "(none)" Kind::Secret
        => Text task_secret,
        "Another name of the same; `ORCHESTRATOR_SECRET_KEY` wins.";
    "REQUIRE_TASK_SIGNATURE" "rxon.require_task_signature" "true" Kind::Flag
        => Flag |d, v| d.settings.rxon.require_task_signature = v,
        "With a secret, whether tasks without a signature are refused.";
    "WORKER_TELEMETRY_DEADBAND" "rxon.telemetry_deadband" "5" Kind::Number { min: 0 }
        => Number |d, v| d.settings.rxon.telemetry_deadband = v,
        "Usage is told again when a load moved by more points than this, or memory by more percent.";
    "WORKER_TELEMETRY_FORCE_INTERVAL" "rxon.telemetry_force_interval" "60" SECONDS
        => Seconds |d, v| d.settings.rxon.telemetry_force_interval = v,
        "Usage is told again after this time in any case.";
    "WORKER_ENABLE_WEBSOCKETS" "enable_websockets" "false" Kind::Flag
        => Flag |d, v| d.settings.enable_websockets = v,
        "Whether to open a command channel to each orchestrator.";
    "TLS_CA_PATH" "tls.ca_path" "(none)" Kind::Path
        => Text |d, v| d.settings.tls_ca_path = Some(v.into()),
        "Certificate authority of the orchestrators, PEM.";
    "TLS_CERT_PATH" "tls.cert_path" "(none)" Kind::Path
        => Text |d, v| d.settings.tls_cert_path = Some(v.into()),
        "Client certificate of this worker, PEM; needs `TLS_KEY_PATH`.";
    "TLS_KEY_PATH" "tls.key_path" "(none)" Kind::Path
        => Text |d, v| d.settings.tls_key_path = Some(v.into()),
        "Key of the client certificate, PEM; needs `TLS_CERT_PATH`.";
    "AXON_ACCESS_TOKENS" "access_tokens" "auto" SWITCH
        => Choice |d, v| d.settings.access_tokens = [AccessTokens::Auto, AccessTokens::On, AccessTokens::Off][v],
        "Whether requests show access tokens that the orchestrator gives; `auto` does so over TLS when a TLS file is set.";

    "STRICT_EVENT_VALIDATION" "strict_event_validation" "true" Kind::Flag
        => Flag |d, v| d.settings.strict_event_validation = v,
        "Whether events that the contract of their handler does not declare are held back.";
    "DISTWORKER_CONTROLLER_URL" "distworker.controller_url" "(none)" Kind::ControllerUrl
        => Text |d, v| d.settings.distworker.controller_url = Some(v),
        "A DistWorker controller. Without `ORCHESTRATORS_CONFIG` and `ORCHESTRATOR_URL` it is the only one the worker serves.";
    "DISTWORKER_PROVISIONER" "distworker.provisioner" "(empty)" Kind::Text
        => Text |d, v| d.settings.distworker.provisioner = v,
        "Which provisioner of the controller the worker belongs to.";
    "DISTWORKER_WORKER_ID" "distworker.worker_id" "(empty)" Kind::Text
        => Text |d, v| d.settings.distworker.worker_id = v,
        "Id of the worker, if the controller gave it one; others are refused.";
    "DISTWORKER_WORKER_TOKEN" "distworker.worker_token" "(empty)" Kind::Secret
        => Text |d, v| d.settings.distworker.worker_token = Token::from(v),
        "Token of that worker, or of the provisioner.";
    "DISTWORKER_CONNECTIONS" "distworker.connections" "1" whole(1, 1000)
        => Size |d, v| d.settings.distworker.connections = v,
        "Connections to the controller, of which each carries one task at a time; 1 with a worker id.";
    "DISTWORKER_HEARTBEAT_INTERVAL" "distworker.heartbeat_interval" "30" SOME_SECONDS
        => Seconds |d, v| d.settings.distworker.heartbeat_interval = v,
        "Time between two heartbeats to the controller.";
    "DISTWORKER_RECONNECT_INTERVAL" "distworker.reconnect_interval" "5" SOME_SECONDS
        => Seconds |d, v| d.settings.distworker.reconnect_interval = v,
        "First wait after a connection has ended; it doubles with every failure, up to half a minute.";
    "DISTWORKER_MAX_RECONNECT_ATTEMPTS" "distworker.max_reconnect_attempts" "-1" Kind::Attempts
        => Attempts |d, v| d.settings.distworker.max_reconnect_attempts = v,
        "Failures in a row before the worker gives up on the controller.";
    "DISTWORKER_IDLE_EXIT" "distworker.idle_exit" "true" Kind::Flag
        => Flag |d, v| d.settings.distworker.idle_exit = v,
        "Whether to leave when there was no task for as long as the controller says.";

    "MAX_CONCURRENT_TASKS" "intake.max_concurrent_tasks" "10" whole(1, MAX_TASKS)
        => Size |d, v| d.settings.intake.max_concurrent_tasks = v,
        "The most tasks that run at once.";
    "AXON_TASK_TYPE_LIMITS" "intake.task_type_limits" "{}" LIMITS
        => Json limits,
        "The most tasks of a type that run at once, by type; 0 turns a type off.";
    "AXON_MAX_OPEN_POLLS" "intake.max_open_polls" "8" whole(1, 10_000)
        => Size |d, v| d.settings.intake.max_open_polls = v,
        "The most polls that are open at once.";
    "AXON_PARKING_LOT" "intake.parking_lot" "16" whole(0, MAX_TASKS)
        => Size |d, v| d.settings.intake.parking_lot = v,
        "How many tasks may wait for a slot of their type before polling pauses.";
    "AXON_HANDLER_THREADS" "intake.handler_threads" "(number of cores)" whole(1, 1024)
        => Size |d, v| d.settings.intake.handler_threads = v,
        "Threads that run async handlers.";
    "AXON_BLOCKING_THREADS" "intake.blocking_threads" "0" whole(0, 10_000)
        => Size |d, v| d.settings.intake.blocking_threads = v,
        "The most threads of blocking handlers; 0 means as many as `MAX_CONCURRENT_TASKS`.";

    "HEARTBEAT_INTERVAL" "timing.heartbeat_interval" "15" SOME_SECONDS
        => Seconds |d, v| d.settings.timing.heartbeat_interval = v,
        "The longest time between two periodic heartbeats; they come up to a tenth early, so that workers do not stay in step.";
    "WORKER_HEARTBEAT_DEBOUNCE_DELAY" "timing.heartbeat_debounce" "0.1" SECONDS
        => Seconds |d, v| d.settings.timing.heartbeat_debounce = v,
        "How long changes are gathered before one heartbeat tells them.";
    "WORKER_HEARTBEAT_COOLDOWN" "timing.heartbeat_cooldown" "2" SECONDS
        => Seconds |d, v| d.settings.timing.heartbeat_cooldown = v,
        "Mean time between heartbeats that change nothing about which tasks are taken, after a few in a row (RXON 1.0b17).";
    "TASK_POLL_TIMEOUT" "timing.poll_timeout" "30" SOME_SECONDS
        => Seconds |d, v| d.settings.timing.poll_timeout = v,
        "How long the orchestrator holds a poll; the request waits 5 s longer.";
    "TASK_POLL_ERROR_DELAY" "timing.poll_error_delay" "5" SECONDS
        => Seconds |d, v| d.settings.timing.poll_error_delay = v,
        "The longest wait after a failed poll.";
    "IDLE_POLL_DELAY" "timing.idle_poll_delay" "0.01" SECONDS
        => Seconds |d, v| d.settings.timing.idle_poll_delay = v,
        "Pause between a poll that brought nothing and the next.";
    "POLL_BACKOFF_INITIAL" "timing.poll_backoff_initial" "1" SECONDS
        => Seconds |d, v| d.settings.timing.poll_backoff_initial = v,
        "First wait of the back-off of polls.";
    "POLL_BACKOFF_MAX" "timing.poll_backoff_max" "60" SECONDS
        => Seconds |d, v| d.settings.timing.poll_backoff_max = v,
        "Longest wait of the back-off of polls.";
    "POLL_BACKOFF_FACTOR" "timing.poll_backoff_factor" "2" Kind::Number { min: 1 }
        => Number |d, v| d.settings.timing.poll_backoff_factor = v,
        "How much longer each wait is than the one before.";
    "RATE_LIMIT_BACKOFF_FLOOR" "timing.rate_limit_floor" "30" SECONDS
        => Seconds |d, v| d.settings.timing.rate_limit_floor = v,
        "The least silence after a 429 that says no `Retry-After`.";
    "REGISTRATION_RETRY_INITIAL_DELAY" "timing.registration_retry_initial_delay" "1" SECONDS
        => Seconds |d, v| d.settings.timing.registration_retry_initial_delay = v,
        "First wait after a failed registration.";
    "REGISTRATION_RETRY_MAX_DELAY" "timing.registration_retry_max_delay" "60" SECONDS
        => Seconds |d, v| d.settings.timing.registration_retry_max_delay = v,
        "Longest wait after a failed registration.";
    "RESULT_MAX_RETRIES" "results.max_retries" "5" whole(0, MAX_TASKS)
        => U32 |d, v| d.settings.results.max_retries = v,
        "Refusals of a result before it is given up; outages do not count.";
    "RESULT_RETRY_INITIAL_DELAY" "results.retry_initial_delay" "1" SECONDS
        => Seconds |d, v| d.settings.results.retry_initial_delay = v,
        "First wait before a result is sent again; it doubles from there.";
    "AXON_RESULT_AMBIGUOUS" "results.ambiguous" "repeat" LOSSES
        => Choice |d, v| d.settings.results.ambiguous = [Ambiguous::Repeat, Ambiguous::Drop][v],
        "What follows when the answer to a result is lost: `repeat` may deliver it twice, `drop` not at all.";
    "AXON_JOURNAL" "journal.mode" "auto" SWITCH
        => Choice |d, v| d.settings.journal.mode = [JournalMode::Auto, JournalMode::On, JournalMode::Off][v],
        "Whether results and running tasks are noted on disk; `auto` does so when `WORKER_ID` is set.";
    "AXON_JOURNAL_DIR" "journal.dir" "(`.journal/<WORKER_ID>` in `TASK_FILES_DIR`)" Kind::Path
        => Text |d, v| d.settings.journal.dir = Some(v.into()),
        "Folder of the journal, for one worker alone.";
    "AXON_JOURNAL_MAX_BYTES" "journal.max_bytes" "268435456" whole(1, u32::MAX)
        => U32 |d, v| d.settings.journal.max_bytes = v.into(),
        "How much the journal may hold before the worker takes no more tasks.";
    "AXON_REQUEST_TIMEOUT" "timing.request_timeout" "10" SOME_SECONDS
        => Seconds |d, v| d.settings.timing.request_timeout = v,
        "Limit of every request but polls.";

    "AXON_CANCEL_GRACE" "timing.cancel_grace" "5" SECONDS
        => Seconds |d, v| d.settings.timing.cancel_grace = v,
        "Time a cancelled handler has to end by itself.";
    "WORKER_SHUTDOWN_TIMEOUT" "timing.shutdown_timeout" "30" SECONDS
        => Seconds |d, v| d.settings.timing.shutdown_timeout = v,
        "Time running tasks have to finish at shutdown.";
    "AXON_DRAIN_POLL_WAIT" "timing.drain_poll_wait" "1" SECONDS
        => Seconds |d, v| d.settings.timing.drain_poll_wait = v,
        "How long open polls are awaited at shutdown.";
    "AXON_DRAIN_RESULTS_WAIT" "timing.drain_results_wait" "10" SECONDS
        => Seconds |d, v| d.settings.timing.drain_results_wait = v,
        "How long undelivered results are tried at shutdown.";

    "CPU_CORES" "resources.cpu_cores" "4" whole(0, MAX_TASKS)
        => U32 |d, v| d.settings.resources.cpu_cores = v,
        "Cores, as told to the orchestrators.";
    "RAM_GB" "resources.ram_gb" "0" Kind::Number { min: 0 }
        => Number |d, v| d.settings.resources.ram_gb = v,
        "Memory in GiB, as told to the orchestrators; 0 tells nothing.";
    "GPU_MODEL" "resources.gpu.model" "(none)" Kind::Text
        => Text |d, v| d.gpu_model = Some(v),
        "Model of the graphics card.";
    "GPU_VRAM_GB" "resources.gpu.vram_gb" "0" whole(0, MAX_TASKS)
        => U32 |d, v| d.gpu_vram_gb = Some(v),
        "Memory of the graphics card in GiB; needs `GPU_MODEL`.";
    "GPU_ID" "resources.gpu.id" "0" Kind::Text
        => Text |d, v| d.gpu_id = Some(v),
        "Id of the graphics card; needs `GPU_MODEL`.";
    "WORKER_DEVICES" "resources.devices" "[]" DEVICES
        => Json devices,
        "Devices beyond the graphics card of `GPU_MODEL`; `type` is required.";
    "INSTALLED_SOFTWARE" "installed_software" "{}" SOFTWARE
        => Json software,
        "Software that tasks can count on.";
    "INSTALLED_MODELS" "installed_models" "[]" ARTIFACTS
        => Json models,
        "Models on this machine; `version` is `unknown` unless given.";
    "INSTALLED_ARTIFACTS" "installed_models" "[]" ARTIFACTS
        => Json models,
        "The newer name of the same; `INSTALLED_MODELS` wins.";
    "COST_PER_SKILL" "cost_per_skill" "{}" COSTS
        => Json costs,
        "Cost per second by task name.";
    "WORKER_EXTRA_*" "extra" "(none)" EXTRA
        => Json extra,
        "Whatever else dispatch rules may look at: `WORKER_EXTRA_REGION` gives `region`. JSON if it begins with `{` or `[`, else text.";

    "TASK_FILES_DIR" "storage.task_files_dir" "/tmp/payloads" Kind::Path
        => Text task_files,
        "Folder of the task folders.";
    "WORKER_PAYLOAD_DIR" "storage.task_files_dir" "/tmp/payloads" Kind::Path
        => Text task_files,
        "The older name of the same; `TASK_FILES_DIR` wins.";
    "S3_ENDPOINT_URL" "storage.endpoint_url" "(none)" Kind::Url
        => Text |d, v| d.settings.storage.endpoint_url = Some(v),
        "Object storage; it is off without this.";
    "S3_ACCESS_KEY" "storage.access_key" "(none)" Kind::Secret
        => Text |d, v| d.settings.storage.access_key = Some(Token::from(v)),
        "Access key of the object storage.";
    "S3_SECRET_KEY" "storage.secret_key" "(none)" Kind::Secret
        => Text |d, v| d.settings.storage.secret_key = Some(Token::from(v)),
        "Secret key of the object storage.";
    "S3_DEFAULT_BUCKET" "storage.default_bucket" "avtomatika-payloads" Kind::Text
        => Text |d, v| d.settings.storage.default_bucket = v,
        "Bucket that results are uploaded to.";
    "S3_REGION" "storage.region" "us-east-1" Kind::Text
        => Text |d, v| d.settings.storage.region = v,
        "Region of the object storage.";
    "AXON_STORAGE_DIR" "storage.local_root" "(none)" Kind::Path
        => Text |d, v| d.settings.storage.local_root = Some(v.into()),
        "Folder that stands in for object storage, one folder inside per bucket; `S3_ENDPOINT_URL` wins.";
    "AXON_STORAGE_PARALLEL" "storage.parallel" "16" whole(1, 256)
        => Size |d, v| d.settings.storage.parallel = v,
        "The most requests to the object storage at once.";
    "AXON_STORAGE_PART_MIB" "storage.part_mib" "8" whole(5, 5120)
        => U32 |d, v| d.settings.storage.part_size = mib(v),
        "Size of the parts that large files are uploaded in, in MiB; files up to twice as large go as one.";
    "AXON_STORAGE_STALL_TIMEOUT" "storage.stall_timeout" "60" SOME_SECONDS
        => Seconds |d, v| d.settings.storage.stall_timeout = v,
        "A request during which no byte moves for this long has failed.";
    "AXON_STORAGE_MAX_RETRIES" "storage.max_retries" "5" whole(0, 1000)
        => U32 |d, v| d.settings.storage.max_retries = v,
        "How often a request is tried again without getting on.";
    "WORKER_BLOB_CACHE_DIR" "storage.blob_cache_dir" "(none)" Kind::Path
        => Text |d, v| d.settings.storage.blob_cache_dir = Some(v.into()),
        "Folder where downloaded objects are kept for other tasks; several workers may share it.";
    "AXON_BLOB_CACHE_MIB" "storage.blob_cache_mib" "10240" whole(1, 1_000_000_000)
        => U32 |d, v| d.settings.storage.blob_cache_bytes = mib(v),
        "What that folder may hold, in MiB; what was not used for longest goes first.";
    "AXON_BLOB_CACHE_MODE" "storage.blob_cache_mode" "auto" CACHE_MODES
        => Choice |d, n| d.settings.storage.blob_cache_mode =
            [BlobCacheMode::Auto, BlobCacheMode::Link, BlobCacheMode::Copy][n],
        "How a task gets a cached file: `copy` to write to, `link` to read only, `auto` what is safe and fastest here.";

    "LOG_LEVEL" "logging.level" "info" Kind::LogFilter
        => Text |d, v| d.settings.logging.level = v,
        "What is logged, in any letter case; the names of Python's levels are understood.";
    "LOG_FORMAT" "logging.format" "text" Kind::OneOf(&["text", "json"])
        => Choice |d, n| d.settings.logging.format = [LogFormat::Text, LogFormat::Json][n],
        "Lines for people, or one JSON object a line.";
    "OTEL_EXPORTER_OTLP_ENDPOINT" "otlp.endpoint" "(none)" Kind::Url
        => Text |d, v| d.settings.otlp.endpoint = Some(v),
        "Where an OpenTelemetry collector takes OTLP over HTTP; without an address nothing is exported.";
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" "otlp.traces_endpoint" "(`/v1/traces` of the endpoint)" Kind::Url
        => Text |d, v| d.settings.otlp.traces_endpoint = Some(v),
        "Whole address for traces.";
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" "otlp.metrics_endpoint" "(`/v1/metrics` of the endpoint)" Kind::Url
        => Text |d, v| d.settings.otlp.metrics_endpoint = Some(v),
        "Whole address for metrics.";
    "OTEL_EXPORTER_OTLP_HEADERS" "otlp.headers" "(none)" Kind::Secret
        => Text |d, v| d.settings.otlp.headers = Some(Token::from(v)),
        "Headers of each export, as `name=value,name=value`; values may be percent-encoded.";
    "OTEL_EXPORTER_OTLP_TIMEOUT" "otlp.timeout_ms" "10000" whole(1, 3_600_000)
        => U32 |d, v| d.settings.otlp.timeout = Duration::from_millis(v.into()),
        "Limit of an export with its retries, in milliseconds.";
    "OTEL_EXPORTER_OTLP_COMPRESSION" "otlp.compression" "none" Kind::OneOf(&["none", "gzip"])
        => Choice |d, n| d.settings.otlp.gzip = n == 1,
        "Whether exports are packed.";
    "OTEL_TRACES_EXPORTER" "otlp.traces" "otlp" EXPORTERS
        => Choice |d, n| d.settings.otlp.traces = n == 0,
        "Whether traces are exported.";
    "OTEL_METRICS_EXPORTER" "otlp.metrics" "otlp" EXPORTERS
        => Choice |d, n| d.settings.otlp.metrics = n == 0,
        "Whether metrics are exported; `/metrics` does not depend on it.";
    "OTEL_METRIC_EXPORT_INTERVAL" "otlp.metric_interval_ms" "60000" whole(1, 86_400_000)
        => U32 |d, v| d.settings.otlp.metric_interval = Duration::from_millis(v.into()),
        "Time between two exports of metrics, in milliseconds.";
    "OTEL_SERVICE_NAME" "otlp.service_name" "(the type of the worker)" Kind::Text
        => Text |d, v| d.settings.otlp.service_name = Some(v),
        "What traces and metrics call the worker.";
    "OTEL_RESOURCE_ATTRIBUTES" "otlp.resource_attributes" "(none)" Kind::Text
        => Text |d, v| d.resource_attributes = Some(v),
        "What else they say of it, as `name=value,name=value`.";
    "OTEL_TRACES_SAMPLER" "otlp.sampler" "parentbased_always_on" Kind::OneOf(SAMPLER_WORDS)
        => Choice |d, n| d.settings.otlp.sampler = SAMPLERS[n],
        "Which traces are recorded.";
    "OTEL_TRACES_SAMPLER_ARG" "otlp.sampler_ratio" "1" Kind::Number { min: 0 }
        => Number |d, v| d.settings.otlp.sampler_ratio = v,
        "The share of traces, from 0 to 1, for the samplers with `traceidratio`.";
    "OTEL_SDK_DISABLED" "otlp.disabled" "false" Kind::Flag
        => Flag |d, v| d.settings.otlp.disabled = v,
        "Whether nothing is exported, whatever else is set.";

    FILE_VARIABLE "" "(none)" Kind::Path
        => File (), "A TOML file with settings.";
};
