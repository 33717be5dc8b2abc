//! Building a worker: handlers, shared data and settings.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::control::{Link, Plan};
use super::spec::{Route, TaskSpec};
use super::{Worker, WorkerHandle};
use crate::actors::CommandHandlers;
use crate::config::{OrchestratorSettings, RxonVersion, Settings, StorageSettings};
use crate::error::{Error, Result};
use crate::handler::{IntoJob, Registration, Registry, SharedData};
use crate::id::{OrchestratorId, check_identifier};
use crate::middleware::{Layer, Middleware};
use crate::policy::{Selection, strategy_for};
use crate::rules::Rules;
use crate::storage::{ObjectStore, TransferLimits, Transfers};
use crate::transport::Transport;
use crate::transport::rxon::{RxonSetup, SetupError, TlsFiles};
use crate::usage::{UsageSource, default_source};

type MakeTransfers = Box<dyn FnOnce(&StorageSettings) -> Transfers>;
type Change = Box<dyn FnOnce(&mut Settings)>;

/// Builds a [`Worker`]. What is set here wins over the environment.
pub struct WorkerBuilder {
    worker_type: String,
    registry: Registry,
    data: SharedData,
    layers: Vec<Layer>,
    skill_dependencies: BTreeMap<String, Vec<String>>,
    pub(super) commands: CommandHandlers,
    settings: Option<Settings>,
    changes: Vec<Change>,
    links: Vec<Link>,
    selection: Option<Box<dyn Selection>>,
    storage: Option<MakeTransfers>,
    usage: Option<Box<dyn UsageSource>>,
    pub(super) problems: Vec<String>,
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
    pub(super) fn new(worker_type: String) -> Self {
        Self {
            worker_type,
            registry: Registry::default(),
            data: SharedData::default(),
            layers: Vec::new(),
            skill_dependencies: BTreeMap::new(),
            commands: CommandHandlers::new(),
            settings: None,
            changes: Vec::new(),
            links: Vec::new(),
            selection: None,
            storage: None,
            usage: default_source(),
            problems: Vec::new(),
        }
    }

    /// Registers a handler: an async function, [`blocking()`](crate::blocking()) or
    /// [`actor()`](crate::actor()), each of them perhaps in `contract()` (feature
    /// `contracts`). The order of registration is the order in which orchestrators see
    /// the tasks.
    #[must_use]
    pub fn task<Args>(mut self, task: impl Into<TaskSpec>, handler: impl IntoJob<Args>) -> Self {
        let spec = task.into().or_contract(handler.contract());
        let TaskSpec { entry, timeout } = spec;
        for name in [Some(entry.name.as_str()), entry.kind.as_deref()]
            .into_iter()
            .flatten()
        {
            if let Err(error) = check_identifier(name) {
                self.problems.push(format!("task: {error}"));
            }
        }
        let name = entry.name.clone();
        let rules = Rules::new(&entry.contract).unwrap_or_else(|problems| {
            let named = problems.iter().map(|why| format!("task {name:?}: {why}"));
            self.problems.extend(named);
            Rules::default()
        });
        let job = handler.into_job().0;
        if !self.registry.add(Registration {
            entry,
            timeout,
            job,
            rules: Arc::new(rules),
        }) {
            self.problems
                .push(format!("task {name:?} is registered twice"));
        }
        self
    }

    /// Shares a value with all handlers, which ask for it as
    /// [`Data<T>`](crate::Data) or with [`TaskContext::data`](crate::TaskContext::data).
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(self, value: T) -> Self {
        self.shared_data(Arc::new(value))
    }

    /// [`WorkerBuilder::data`] for a value that is shared already.
    #[must_use]
    pub fn shared_data<T: Send + Sync + 'static>(mut self, value: Arc<T>) -> Self {
        self.data.insert(value);
        self
    }

    /// Puts a middleware round all handlers, inside those that came before; see
    /// [`middleware`](crate::middleware).
    #[must_use]
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.layers.push(Layer {
            names: None,
            middleware: Arc::new(middleware),
        });
        self
    }

    /// [`WorkerBuilder::middleware`] round the handlers of these tasks only.
    #[must_use]
    pub fn middleware_for<N: Into<String>>(
        mut self,
        tasks: impl IntoIterator<Item = N>,
        middleware: impl Middleware,
    ) -> Self {
        self.layers.push(Layer {
            names: Some(tasks.into_iter().map(Into::into).collect()),
            middleware: Arc::new(middleware),
        });
        self
    }

    /// The models that a task needs. When all of them are in the hot cache, the
    /// task is reported as a hot skill.
    #[must_use]
    pub fn skill_dependency<M: Into<String>>(
        mut self,
        task: impl Into<String>,
        models: impl IntoIterator<Item = M>,
    ) -> Self {
        let models = models.into_iter().map(Into::into).collect();
        self.skill_dependencies.insert(task.into(), models);
        self
    }

    /// The most tasks at once. Default: `MAX_CONCURRENT_TASKS`, else 10.
    #[must_use]
    pub fn max_concurrent_tasks(self, limit: usize) -> Self {
        self.configure(move |settings| settings.intake.max_concurrent_tasks = limit)
    }

    /// The most tasks of a type at once; 0 turns the type off. Default: no limit.
    #[must_use]
    pub fn task_type_limit(self, kind: impl Into<String>, limit: usize) -> Self {
        let kind = kind.into();
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

    /// Does not tell orchestrators how busy the machine is.
    #[must_use]
    pub fn without_usage(mut self) -> Self {
        self.usage = None;
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// All problems of the configuration, or of what was given to the builder.
    pub fn build(mut self) -> Result<Worker> {
        let mut settings = match self.settings.take() {
            Some(settings) => settings,
            None => Settings::load()?.into_settings(),
        };
        settings.worker_type = self.worker_type;
        for change in self.changes {
            change(&mut settings);
        }
        let mut problems = self.problems;
        if self.registry.is_empty() {
            problems.push("no task is registered".to_owned());
        }
        problems.extend(self.registry.missing(&self.data));
        for name in self
            .layers
            .iter()
            .filter_map(|layer| layer.names.as_ref())
            .flatten()
        {
            if self.registry.get(name).is_none() {
                problems.push(format!(
                    "middleware is meant for task {name:?}, which is not registered"
                ));
            }
        }
        self.registry.wrap(&self.layers);
        if settings.intake.max_concurrent_tasks == 0 {
            problems.push("max_concurrent_tasks must be at least 1".to_owned());
        }
        if settings.worker_type.is_empty() {
            problems.push("the worker type is empty".to_owned());
        }
        let mut links = self.links;
        if links.is_empty() {
            for orchestrator in &settings.orchestrators {
                match rxon_link(orchestrator, &settings) {
                    Ok(link) => links.push(link),
                    Err(error) => problems.push(error.to_string()),
                }
            }
        }
        if settings.orchestrators.is_empty() && links.is_empty() {
            problems.push("no orchestrator is configured".to_owned());
        }
        let transfers = match self.storage {
            Some(make) => Ok(Some(make(&settings.storage))),
            None => Transfers::from_settings(&settings.storage),
        };
        let transfers = transfers.unwrap_or_else(|error| {
            problems.push(error.to_string());
            None
        });
        if !problems.is_empty() {
            return Err(Error::Build(problems));
        }
        let plan = Plan {
            selection: self
                .selection
                .unwrap_or_else(|| strategy_for(settings.mode)),
            settings,
            registry: self.registry,
            data: self.data,
            skill_dependencies: self.skill_dependencies,
            commands: self.commands,
            links,
            transfers,
            usage: self.usage,
        };
        Ok(Worker {
            plan,
            #[cfg(feature = "health")]
            health_port: None,
        })
    }

    /// [`WorkerBuilder::build`], then [`Worker::run`].
    ///
    /// # Errors
    /// As there.
    pub async fn run(self) -> Result<()> {
        self.build()?.run().await
    }

    /// [`WorkerBuilder::build`], then [`Worker::run`] with the health server on
    /// `WORKER_PORT`.
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "health")]
    pub async fn run_with_health_check(self) -> Result<()> {
        self.build()?.with_health_check().run().await
    }

    /// [`WorkerBuilder::build`], then [`Worker::spawn`].
    ///
    /// # Errors
    /// As there.
    pub fn spawn(self) -> Result<WorkerHandle> {
        self.build()?.spawn()
    }
}

fn rxon_link(
    orchestrator: &OrchestratorSettings,
    settings: &Settings,
) -> std::result::Result<Link, SetupError> {
    let setup = RxonSetup::new(
        orchestrator,
        &settings.worker_id,
        &settings.timing,
        &TlsFiles::from(settings),
    )?
    .rxon(&settings.rxon)
    .access_tokens(settings.access_tokens);
    Ok(Link {
        name: orchestrator.url.clone(),
        priority: orchestrator.priority,
        weight: orchestrator.weight,
        make: Box::new(move |id| setup.open(id).into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn nothing(_: serde_json::Value) -> std::result::Result<(), crate::TaskError> {
        Ok(())
    }

    fn problems(builder: WorkerBuilder) -> String {
        builder
            .settings(Settings::default())
            .build()
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let text = problems(
            Worker::builder("w")
                .task("bad name", nothing)
                .task("a", nothing)
                .task("a", nothing),
        );
        assert!(text.contains("\"bad name\" is not an identifier"), "{text}");
        assert!(text.contains("\"a\" is registered twice"), "{text}");
        assert!(problems(Worker::builder("w")).contains("no task is registered"));
        let zero = Worker::builder("w")
            .task("a", nothing)
            .max_concurrent_tasks(0);
        assert!(problems(zero).contains("max_concurrent_tasks"));
    }
}
