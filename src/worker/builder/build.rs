//! From what was given to a worker: everything is checked, and all mistakes are told
//! together.

use super::WorkerBuilder;
use crate::config::Settings;
use crate::error::{Error, Result};
use crate::policy::{Apart, strategy_for};
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
        problems.extend(self.models.iter().flat_map(|models| models.problems()));
        if settings.intake.max_concurrent_tasks == 0 {
            problems.push("max_concurrent_tasks must be at least 1".to_owned());
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
                Box::new(Apart::new(strategy, apart))
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
            commands: self.commands,
            links,
            transfers,
            usage: self.usage,
            counts: self.counts,
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
