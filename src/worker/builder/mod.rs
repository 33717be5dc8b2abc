//! Building a worker: handlers and shared data (`tasks.rs`), models and conditions for
//! taking tasks (`room.rs`), settings and orchestrators (here), and the check of all of it
//! (`build.rs`).

mod build;
mod room;
mod tasks;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::control::Link;
use super::spec::Route;
use crate::actors::CommandHandlers;
use crate::config::{RxonVersion, Settings, StorageSettings};
use crate::handler::{Registry, SharedData};
use crate::id::OrchestratorId;
use crate::middleware::Layer;
use crate::models::AnyModels;
use crate::ready_check::ReadyCheck;
use crate::selection::Selection;
use crate::slot_policy::Policies;
use crate::storage::{ObjectStore, TransferLimits, Transfers};
use crate::transport::Transport;
use crate::usage::{UsageSource, default_source};

type MakeTransfers = Box<dyn FnOnce(&StorageSettings) -> Transfers>;
type Change = Box<dyn FnOnce(&mut Settings)>;

/// Builds a [`Worker`](crate::Worker). What is set here wins over the environment.
pub struct WorkerBuilder {
    /// `None`: that of the settings.
    worker_type: Option<String>,
    registry: Registry,
    data: SharedData,
    layers: Vec<Layer>,
    models: Vec<Arc<dyn AnyModels>>,
    policies: Policies,
    skill_dependencies: BTreeMap<String, Vec<String>>,
    /// Types that the program has given a limit.
    limited_types: Vec<String>,
    ready_checks: Vec<ReadyCheck>,
    pub(in crate::worker) commands: CommandHandlers,
    settings: Option<Settings>,
    changes: Vec<Change>,
    links: Vec<Link>,
    selection: Option<Box<dyn Selection>>,
    storage: Option<MakeTransfers>,
    usage: Option<Box<dyn UsageSource>>,
    counts: bool,
    pub(in crate::worker) problems: Vec<String>,
}

impl std::fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerBuilder")
            .field("worker_type", &self.worker_type)
            .field("tasks", &self.registry.entries())
            .finish_non_exhaustive()
    }
}

impl WorkerBuilder {
    pub(in crate::worker) fn new(worker_type: Option<String>) -> Self {
        Self {
            worker_type,
            registry: Registry::default(),
            data: SharedData::default(),
            layers: Vec::new(),
            models: Vec::new(),
            policies: Policies::default(),
            skill_dependencies: BTreeMap::new(),
            limited_types: Vec::new(),
            ready_checks: Vec::new(),
            commands: CommandHandlers::new(),
            settings: None,
            changes: Vec::new(),
            links: Vec::new(),
            selection: None,
            storage: None,
            usage: default_source(),
            counts: true,
            problems: Vec::new(),
        }
    }

    /// The most tasks at once. Default: `MAX_CONCURRENT_TASKS`, else 10.
    #[must_use]
    pub fn max_concurrent_tasks(self, limit: usize) -> Self {
        self.configure(move |settings| settings.intake.max_concurrent_tasks = limit)
    }

    /// The most tasks of a type at once; 0 turns the type off. Default: no limit. A type
    /// that no handler has is a mistake.
    #[must_use]
    pub fn task_type_limit(mut self, kind: impl Into<String>, limit: usize) -> Self {
        let kind = kind.into();
        self.limited_types.push(kind.clone());
        self.configure(move |settings| {
            settings.intake.task_type_limits.insert(kind, limit);
        })
    }

    /// The dialect of RXON that all orchestrators speak. Default: `RXON_VERSION`, else
    /// found out from each of them.
    #[must_use]
    pub fn rxon_version(self, version: RxonVersion) -> Self {
        self.configure(move |settings| {
            settings.rxon.version = version;
            for orchestrator in &mut settings.orchestrators {
                orchestrator.rxon_version = version;
            }
        })
    }

    /// Uses these settings instead of reading the environment.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// Changes any setting after the environment was read.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut Settings) + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Adds an orchestrator that is reached by a transport of your own. With at
    /// least one of these, the orchestrators of the settings are not used.
    /// `make` runs on the control thread.
    #[must_use]
    pub fn transport<T: Transport>(
        mut self,
        route: impl Into<Route>,
        make: impl FnOnce(OrchestratorId) -> T + Send + 'static,
    ) -> Self {
        let Route {
            name,
            priority,
            weight,
        } = route.into();
        self.links.push(Link {
            name,
            priority,
            weight,
            make: Box::new(move |id| Rc::new(make(id))),
        });
        self
    }

    /// As [`WorkerBuilder::transport`], in place of all that were added before.
    #[must_use]
    pub fn only_transport<T: Transport>(
        mut self,
        route: impl Into<Route>,
        make: impl FnOnce(OrchestratorId) -> T + Send + 'static,
    ) -> Self {
        self.links.clear();
        self.transport(route, make)
    }

    /// Spreads polls over the orchestrators by a strategy of your own instead of
    /// `MULTI_ORCHESTRATOR_MODE`.
    #[must_use]
    pub fn selection(mut self, strategy: impl Selection + 'static) -> Self {
        self.selection = Some(Box::new(strategy));
        self
    }

    /// Moves files from and to a storage of your own instead of the one of
    /// `S3_ENDPOINT_URL` or `AXON_STORAGE_DIR`. Bucket and limits are those of the settings;
    /// with [`WorkerBuilder::transfers`] they are yours as well, and so is a cache.
    ///
    /// ```
    /// use axon_worker::{TaskError, Worker, storage::LocalStore};
    ///
    /// async fn nothing(_: serde_json::Value) -> Result<(), TaskError> {
    ///     Ok(())
    /// }
    /// # let _ =
    /// Worker::builder("example")
    ///     .task("nothing", nothing)
    ///     // s3://bucket/key is the file /srv/objects/bucket/key
    ///     .storage(LocalStore::new("/srv/objects"));
    /// ```
    #[must_use]
    pub fn storage(mut self, store: impl ObjectStore) -> Self {
        self.storage = Some(Box::new(|settings: &StorageSettings| {
            let limits = TransferLimits {
                parallel: settings.parallel,
                part_size: settings.part_size,
                stall: settings.stall_timeout,
                max_retries: settings.max_retries,
                ..TransferLimits::default()
            };
            Transfers::new(store, &settings.default_bucket, limits)
        }));
        self
    }

    /// Moves files with these instead of those of the settings, for example to
    /// [subscribe](Transfers::subscribe) to what they do.
    #[must_use]
    pub fn transfers(mut self, transfers: Transfers) -> Self {
        self.storage = Some(Box::new(|_| transfers));
        self
    }

    /// Tells orchestrators how busy the machine is by a source of your own, in place of
    /// what the feature `telemetry` measures.
    #[must_use]
    pub fn usage_source(mut self, source: impl UsageSource) -> Self {
        self.usage = Some(Box::new(source));
        self
    }

    /// Counts nothing for `/metrics`, which then tells states alone.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn without_metrics(mut self) -> Self {
        self.counts = false;
        self
    }

    /// Does not tell orchestrators how busy the machine is.
    #[must_use]
    pub fn without_usage(mut self) -> Self {
        self.usage = None;
        self
    }
}
