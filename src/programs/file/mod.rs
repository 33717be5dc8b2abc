//! `worker.toml`: the settings of a worker, and its tasks with their programs.

mod health;
mod here;
mod task;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::beside::{self, Table};
use crate::config::{ConfigError, Inspection, Settings};
use crate::{Worker, WorkerBuilder};

use health::{HealthCommand, ReadyCommand};
use task::{Entry, Unready};

/// The table that holds the tasks.
const TASKS: &str = "tasks";
/// The table that holds the check of the machine.
const HEALTH: &str = "health";
const TABLES: &[&str] = &[TASKS, HEALTH];

/// A worker in a file: the settings that any [configuration file](crate::config) may
/// have, a table `[tasks.NAME]` for each task, and a table `[health]` with a command that
/// checks whether tasks can be done. The environment wins over the settings
/// of the file, as ever.
///
/// ```
/// use axon_worker::programs::WorkerFile;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("worker.toml");
/// std::fs::write(&path, r#"
///     worker_type = "texts"
///     [tasks.count]
///     command = ["wc", "-c"]
///     timeout = 10
/// "#)?;
/// let worker = WorkerFile::load(&path)?.into_builder().build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WorkerFile {
    settings: Settings,
    warnings: Vec<String>,
    tasks: Vec<Entry>,
    check: Option<ReadyCommand>,
}

/// Why a worker cannot be made of a file: all that is wrong, a line each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerFileError {
    /// The settings, or the tables of the tasks.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Programs that cannot be used, each with its task.
    #[error("{}", .0.join("\n"))]
    Programs(Vec<String>),
}

impl WorkerFile {
    /// Reads the file, and the environment of this process, and looks for the programs.
    ///
    /// # Errors
    /// All that is wrong, each problem naming its key.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, WorkerFileError> {
        Self::read(path.as_ref(), None)
    }

    fn read(path: &Path, vars: Option<BTreeMap<String, String>>) -> Result<Self, WorkerFileError> {
        let mut found = Found::default();
        let here = folder_of(path);
        let loaded = beside::load(path, vars, TABLES, |name, table| {
            found.read(name, table, &here);
        })?;
        let (ready, check, missing) = found.sort_out();
        if !missing.is_empty() {
            return Err(WorkerFileError::Programs(missing));
        }
        Ok(Self {
            settings: loaded.settings,
            warnings: loaded.warnings,
            tasks: ready,
            check,
        })
    }

    /// Looks at a file, whether it can be used or not: the settings with their origins, as
    /// [`Settings::inspect`] has them, how many tasks have their programs, and what is wrong
    /// with the other programs. A file without tasks is one of settings only.
    #[must_use]
    pub fn inspect(path: impl AsRef<Path>) -> (Inspection, usize, Vec<String>) {
        let path = path.as_ref();
        let mut found = Found::default();
        let here = folder_of(path);
        let inspection = beside::inspect(path, None, TABLES, |name, table| {
            found.read(name, table, &here);
        });
        let (ready, _, missing) = found.sort_out();
        (inspection, ready.len(), missing)
    }

    /// What is odd about the settings but can be lived with.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The settings, of the file and the environment.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The longest time that one of its programs has between SIGTERM and SIGKILL; for
    /// [`end_all`](super::end_all).
    #[must_use]
    pub fn grace(&self) -> Duration {
        let graces = self.tasks.iter().map(Entry::grace);
        graces.max().unwrap_or_default()
    }

    /// The worker, with its programs registered.
    #[must_use]
    pub fn into_builder(self) -> WorkerBuilder {
        let limits = self.settings.intake.task_type_limits.clone();
        let mut builder = Worker::builder(self.settings.worker_type.clone());
        for task in &self.tasks {
            // A limit that the settings name wins.
            if let Some((kind, most)) = task.own_limit()
                && !limits.contains_key(kind)
            {
                builder = builder.task_type_limit(kind, most);
            }
        }
        for task in self.tasks {
            builder = task.register(builder);
        }
        if let Some(check) = self.check {
            builder = builder.ready_check(check.into_check());
        }
        builder.settings(self.settings)
    }
}

/// What the tables beside the settings say, as far as it can be read.
#[derive(Default)]
struct Found {
    tasks: Vec<Unready>,
    check: Option<HealthCommand>,
}

impl Found {
    fn read(&mut self, name: &str, table: Option<Table<'_>>, here: &Path) {
        let Some(mut table) = table else { return };
        if name == HEALTH {
            self.check = health::read(here, table);
        } else {
            let tasks = &mut self.tasks;
            table.each_table(|name, table| tasks.extend(task::read(name, here, table)));
        }
    }

    /// The tasks and the check whose programs are there, and what is wrong with the others.
    fn sort_out(self) -> (Vec<Entry>, Option<ReadyCommand>, Vec<String>) {
        let (mut ready, mut missing) = (Vec::new(), Vec::new());
        for task in self.tasks {
            match task.ready() {
                Ok(entry) => ready.push(entry),
                Err(why) => missing.push(why),
            }
        }
        let check = self.check.map(HealthCommand::ready);
        let check = check.transpose().unwrap_or_else(|why| {
            missing.push(why);
            None
        });
        (ready, check, missing)
    }
}

/// The folder that the file is in.
fn folder_of(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.parent()
        .map_or_else(|| PathBuf::from("/"), Path::to_owned)
}
