//! The worker as its user sees it: built, started, watched and ended.

mod builder;
mod card;
mod command;
mod contexts;
mod contract;
mod control;
mod handle;
mod journal;
mod links;
pub(crate) mod open_files;
mod sd_notify;
mod signals;
mod spec;
mod wiring;

use std::sync::mpsc;
use std::thread;

pub use builder::WorkerBuilder;
#[cfg(feature = "health")]
pub(crate) use card::hostname;
pub use handle::{DrainReport, WorkerHandle};
pub use spec::{Route, TaskSpec};

use crate::error::{Error, Result};
use control::Plan;

/// A worker that is ready to start. Made with [`Worker::builder`].
#[derive(Debug)]
pub struct Worker {
    plan: Plan,
    #[cfg(feature = "health")]
    serves_health: bool,
}

impl Worker {
    /// Begins a worker of the given type, which is what orchestrators and people
    /// know it by. Everything else comes from the environment, see
    /// [`config`](crate::config).
    ///
    /// ```no_run
    /// use axon_worker::{RawJson, TaskError, Worker};
    ///
    /// async fn echo(params: RawJson) -> Result<RawJson, TaskError> {
    ///     Ok(params)
    /// }
    ///
    /// #[actix_rt::main]
    /// async fn main() -> axon_worker::Result<()> {
    ///     Worker::builder("echo-worker").task("echo", echo).run().await
    /// }
    /// ```
    #[must_use]
    pub fn builder(worker_type: impl Into<String>) -> WorkerBuilder {
        WorkerBuilder::new(Some(worker_type.into()))
    }

    /// Begins a worker whose type is `WORKER_TYPE`, like all other settings, so that the
    /// same program can be several types of workers.
    ///
    /// [`Worker::builder`] wins over `WORKER_TYPE` and says so in the log.
    #[must_use]
    pub fn from_env() -> WorkerBuilder {
        WorkerBuilder::new(None)
    }

    /// Also serves the pages of [`web`](crate::web), `GET /health` and `GET /ready` among
    /// them, on `WORKER_PORT` of `WORKER_HOST`.
    #[cfg(feature = "health")]
    #[must_use]
    pub fn with_health_check(mut self) -> Self {
        self.serves_health = true;
        self
    }

    /// Starts the worker on threads of its own and returns at once. Signals stay
    /// with the caller; the worker goes on when the handle is dropped.
    ///
    /// Works inside any runtime, or none: `#[actix_rt::main]`, `#[tokio::main]` of either
    /// kind, a thread without one. See `docs/embedding.md`.
    ///
    /// # Errors
    /// When a transport cannot be set up, the health port is taken, or the system
    /// gives no thread or too few open files. The soft limit of open files of the process is
    /// raised to the hard one first.
    pub fn spawn(self) -> Result<WorkerHandle> {
        if cfg!(panic = "abort") {
            tracing::warn!(
                "built with panic = \"abort\": a handler that panics ends the process, and all tasks \
                 with it"
            );
        }
        open_files::raise_limit();
        open_files::check_limit(self.plan.settings.intake.handler_threads)?;

        #[cfg(feature = "health")]
        let health = if self.serves_health {
            Some(crate::web::listen(&self.plan.settings)?)
        } else {
            None
        };
        let plan = self.plan;
        let (ready, started) = mpsc::channel();
        thread::Builder::new()
            .name("axon-control".to_owned())
            .spawn(move || {
                let system = actix_rt::System::new();
                system.block_on(async move {
                    let running = match control::start(plan).await {
                        Ok(running) => running,
                        Err(error) => {
                            let _ = ready.send(Err(error));
                            return;
                        }
                    };
                    #[cfg(feature = "health")]
                    let running = match health {
                        Some(listener) => running.with_health(listener),
                        None => Ok(running),
                    };
                    #[cfg(not(feature = "health"))]
                    let running = Ok::<_, Error>(running);
                    match running {
                        Ok(running) => {
                            let _ = ready.send(Ok(running.handle()));
                            running.until_ended().await;
                        }
                        Err(error) => drop(ready.send(Err(error))),
                    }
                });
            })
            .map_err(Error::Thread)?;
        // Comes within milliseconds, and always: a panic there drops the sender.
        started.recv().unwrap_or(Err(Error::Start))
    }

    /// Starts the worker on the current thread, control and handlers alike, for
    /// tests: with tokio's clock paused, hours pass in no time. Blocking handlers
    /// and handlers with state keep their own threads, and with them real time.
    ///
    /// A handler that blocks stops everything here; real workers use [`Worker::spawn`].
    ///
    /// # Errors
    /// As [`Worker::spawn`], and [`Error::NoSystem`] outside an actix `System`, such as in
    /// a plain `#[tokio::main]`.
    pub async fn spawn_local(mut self) -> Result<WorkerHandle> {
        if actix_rt::System::try_current().is_none() {
            return Err(Error::NoSystem);
        }
        self.plan.settings.intake.handler_threads = 0;
        let running = control::start(self.plan).await?;
        let handle = running.handle();
        actix_rt::spawn(running.until_ended_locally());
        Ok(handle)
    }

    /// Runs until SIGTERM or SIGINT, then drains: no new tasks, running ones
    /// finish, results are delivered. A second signal, more than a second later, ends the
    /// process at once. The service manager is told (`NOTIFY_SOCKET`), and its watchdog fed.
    ///
    /// # Errors
    /// As [`Worker::spawn`], and [`Error::Unclean`] when results were left unsent or
    /// handlers did not stop. Returned from `main`, it makes exit code 1.
    pub async fn run(self) -> Result<()> {
        signals::run_until_signal(self.spawn()?).await
    }
}
