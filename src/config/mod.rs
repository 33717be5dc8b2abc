//! Settings: what they are, their defaults, and where they come from.
//!
//! Defaults, then an optional TOML file, then the environment, then the builder;
//! the later one wins. [`VARIABLES`] is the reference of all of them.
//!
//! ```
//! use axon_worker::config::Settings;
//!
//! let vars = [("WORKER_TOKEN", "s3cret"), ("MAX_CONCURRENT_TASKS", "4")];
//! let vars = vars.map(|(name, text)| (name.to_owned(), text.to_owned()));
//! let loaded = Settings::from_vars(vars)?; // `Settings::load()` in a program
//! assert!(loaded.warnings.is_empty());
//! assert_eq!(loaded.settings.intake.max_concurrent_tasks, 4);
//! # Ok::<(), axon_worker::config::ConfigError>(())
//! ```
//!
//! The file has the keys of the table, for example:
//!
//! ```toml
//! worker_id = "worker-1"
//!
//! [intake]
//! max_concurrent_tasks = 4
//!
//! [timing]
//! heartbeat_interval = 15.0
//!
//! [[orchestrators]]
//! url = "https://orchestrator.example.com"
//! ```

#[cfg(feature = "programs")]
pub(crate) mod beside;
mod distworker;
mod draft;
mod file;
mod finish;
mod kind;
mod load;
mod log_filter;
mod orchestrators;
mod problem;
mod read;
mod resolved;
mod secret;
mod settings;
mod shapes;
mod source;
mod strangers;
mod telemetry;
#[cfg(test)]
mod tests;
pub(crate) mod url;
mod variables;

pub use distworker::DistWorkerSettings;
pub use kind::Kind;
pub use load::Loaded;
pub use problem::{ConfigError, Problem};
pub use resolved::{Inspection, Origin, Resolved};
pub(crate) use secret::reload_secrets_soon;
pub use secret::{Token, reload_secrets};
pub use settings::{
    AccessTokens, Ambiguous, Artifact, BlobCacheMode, Device, Gpu, Intake, JournalMode,
    JournalSettings, JournalSync, OrchestratorMode, OrchestratorSettings, Resources, Results,
    RxonSettings, RxonVersion, S3Addressing, S3Checksum, Settings, StorageSecret, StorageSettings,
    Timing,
};
pub(crate) use telemetry::percent_decoded;
pub use telemetry::{LogFormat, LoggingSettings, OtlpSettings, Sampler};
pub use variables::{VARIABLES, Variable};
