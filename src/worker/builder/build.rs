//! From what was given to a worker: everything is checked, and all mistakes are told
//! together.

use tracing::warn;

use super::WorkerBuilder;
use crate::config::url::{base_url, shown};
use crate::config::{Kind, Settings};
use crate::error::{Error, Result};
use crate::selection::{PushExempt, strategy_for};
use crate::storage::Transfers;
use crate::worker::control::Plan;
use crate::worker::links::Links;
use crate::worker::{Worker, WorkerHandle};

impl WorkerBuilder {
    /// Checks everything.
    ///
    /// # Errors
    /// All problems of the configuration, or of what was given to the builder.
    pub fn build(mut self) -> Result<Worker> {
        let mut settings = match self.settings.take() {
            Some(settings) => settings,
            None => self.of_environment()?,
        };
        if let Some(worker_type) = self.worker_type.take() {
            settings.worker_type = worker_type;
        }
        self.warn_of_types(&settings);
        for change in std::mem::take(&mut self.changes) {
            change(&mut settings);
        }
        let mut problems = std::mem::take(&mut self.problems);
        if self.registry.is_empty() {
            problems.push("no task is registered".to_owned());
        }
        problems.extend(self.registry.missing(&self.data));
        problems.extend(self.unknown_names());
        self.registry.wrap(&self.layers);
        problems.extend(self.models.iter().flat_map(|models| models.problems()));
        if settings.intake.max_concurrent_tasks == 0 {
            problems.push("max_concurrent_tasks must be at least 1".to_owned());
        }
        problems.extend(settings.timing.problems());
        if let Some(url) = &settings.storage.endpoint_url
            && base_url(url, false).is_none()
        {
            let (kind, shown) = (Kind::Url, shown(url));
            problems.push(format!("S3_ENDPOINT_URL: expected {kind}, got {shown}"));
        }
        if settings.worker_type.is_empty() {
            problems.push("the worker type is empty".to_owned());
        }
        let Links { links, apart } = if self.links.is_empty() {
            Links::of(&settings, &mut problems)
        } else {
            Links::given(self.links)
        };
        if settings.orchestrators.is_empty() && links.is_empty() && problems.is_empty() {
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
        #[cfg(feature = "distworker")]
        if let Some(files) = crate::transport::distworker::ControllerFiles::new(&settings) {
            self.data.insert(std::sync::Arc::new(files));
        }
        let selection = self.selection.unwrap_or_else(|| {
            let strategy = strategy_for(settings.mode);
            if apart.is_empty() {
                strategy
            } else {
                Box::new(PushExempt::new(strategy, apart))
            }
        });
        let plan = Plan {
            selection,
            settings,
            registry: self.registry,
            data: self.data,
            models: self.models,
            policies: self.policies,
            skill_dependencies: self.skill_dependencies,
            ready_checks: self.ready_checks,
            commands: self.commands,
            links,
            transfers,
            usage: self.usage,
            counts: self.counts,
        };
        Ok(Worker {
            plan,
            #[cfg(feature = "health")]
            serves_health: false,
        })
    }

    /// The settings of the environment.
    fn of_environment(&self) -> Result<Settings> {
        let settings = Settings::load()?.into_settings();
        let given = &settings.worker_type;
        if let Some(own) = &self.worker_type
            && given != own
            && *given != Settings::default().worker_type
        {
            warn!(
                "configuration: WORKER_TYPE={given} has no effect: the program says {own}, see \
                 Worker::from_env"
            );
        }
        Ok(settings)
    }

    /// Settings may be those of many workers, of which not all have all types.
    fn warn_of_types(&self, settings: &Settings) {
        let limits = settings.intake.task_type_limits.keys();
        for kind in limits.filter(|kind| !self.registry.has_type(kind)) {
            warn!("configuration: AXON_TASK_TYPE_LIMITS: no task is of the type {kind:?}");
        }
    }

    /// What the program says of tasks and types that are not there, which is mostly a slip.
    fn unknown_names(&self) -> Vec<String> {
        let is_unknown = |name: &&String| self.registry.get(name).is_none();
        let layers = self.layers.iter().filter_map(|layer| layer.names.as_ref());
        let layers = layers
            .flatten()
            .filter(is_unknown)
            .map(|name| format!("middleware is meant for task {name:?}, which is not registered"));
        let skills = self.skill_dependencies.keys().filter(is_unknown);
        let skills = skills.map(|name| {
            format!("skill_dependency is meant for task {name:?}, which is not registered")
        });
        let types = self.limited_types.iter();
        let types = types.filter(|kind| !self.registry.has_type(kind));
        let types = types
            .map(|kind| format!("task_type_limit is meant for type {kind:?}, which no task has"));
        layers.chain(skills).chain(types).collect()
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

    #[test]
    fn times_given_in_code_are_checked_as_those_of_variables_are() {
        let with = |change: fn(&mut crate::config::Timing)| {
            let worker = Worker::builder("w").task("a", nothing);
            problems(worker.configure(move |settings| change(&mut settings.timing)))
        };
        let text = with(|timing| timing.shutdown_timeout = std::time::Duration::MAX);
        assert!(text.contains("shutdown_timeout"), "{text}");
        let text = with(|timing| timing.poll_timeout = std::time::Duration::ZERO);
        assert!(text.contains("poll_timeout"), "{text}");
        let text = with(|timing| timing.poll_backoff_factor = f64::NAN);
        assert!(text.contains("poll_backoff_factor"), "{text}");
    }

    #[test]
    fn what_is_meant_for_tasks_and_types_that_are_not_there_is_a_mistake() {
        let video = crate::TaskSpec::named("cut").of_type("video");
        let worker = || Worker::builder("w").task(video.clone(), nothing);
        let text = problems(
            worker()
                .task_type_limit("video", 1)
                .task_type_limit("vidoe", 1)
                .skill_dependency("cut", ["m"])
                .skill_dependency("paste", ["m"]),
        );
        assert!(text.contains("type \"vidoe\", which no task has"), "{text}");
        assert!(text.contains("task \"paste\", which is not"), "{text}");
        assert!(
            !text.contains("\"video\"") && !text.contains("\"cut\""),
            "{text}"
        );
        // Settings may be shared by workers with other tasks.
        let shared = |settings: &mut Settings| {
            settings
                .intake
                .task_type_limits
                .insert("audio".to_owned(), 1);
        };
        let built = worker().settings(Settings::default()).configure(shared);
        assert!(built.build().is_ok());
    }

    #[test]
    fn addresses_given_in_code_are_checked_and_show_no_password() {
        let with = |change: fn(&mut Settings)| {
            problems(Worker::builder("w").task("a", nothing).configure(change))
        };
        for (text, name) in [
            (
                with(|s| s.storage.endpoint_url = Some("http://u:hunter2@s3".to_owned())),
                "S3_ENDPOINT_URL",
            ),
            (
                with(|s| s.orchestrators[0].url = "http://o:99999".to_owned()),
                "http://o:99999",
            ),
            (
                with(|s| s.orchestrators[0].url = "http://u:hunter2@o:99999".to_owned()),
                "orchestrator address",
            ),
            (
                with(|s| s.distworker.controller_url = Some("ws://c/a\r\nb: c".to_owned())),
                "DISTWORKER_CONTROLLER_URL",
            ),
        ] {
            assert!(text.contains(name), "{text}");
            assert!(!text.contains("hunter2") && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn the_type_is_that_of_the_program_or_of_the_settings() {
        let settings = || Settings {
            worker_type: "of-settings".to_owned(),
            ..Settings::default()
        };
        let type_of = |builder: WorkerBuilder| {
            let worker = builder.settings(settings()).task("a", nothing).build();
            worker.unwrap().plan.settings.worker_type
        };
        assert_eq!(type_of(Worker::builder("of-program")), "of-program");
        assert_eq!(type_of(Worker::from_env()), "of-settings");
    }
}
