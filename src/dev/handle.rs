//! The handle of a running orchestrator.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::builder::{DevError, DevOrchestratorBuilder};
use super::faults::Fault;
use super::job::{JobReport, JobSpec};
use super::job_handle::{JobHandle, LoadHandle};
use super::news::NewsFeed;
use super::quirks::Quirks;
use super::recorder::{Endpoint, RecordedEvent, RecordedRequest};
use super::server::Command;
use super::state::{JobCounts, Load, Shared, State, View, WorkerRecord};
use crate::config::{OrchestratorSettings, Settings};
use crate::{JobId, TaskName};

/// What survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// Jobs, as with a storage on disk: tasks that were handed out are still awaited.
    Jobs,
    /// Nothing, as with storage in memory: results of earlier tasks are refused.
    Nothing,
}

/// A development orchestrator that runs on a thread of its own.
///
/// Clones are handles of the same one. Its methods work in any async runtime. It
/// stops when told to, or when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct DevOrchestrator {
    shared: Arc<Shared>,
    commands: mpsc::UnboundedSender<Command>,
    address: SocketAddr,
}

impl DevOrchestrator {
    /// Settings for a new one.
    #[must_use]
    pub fn builder() -> DevOrchestratorBuilder {
        DevOrchestratorBuilder::default()
    }

    /// Starts one with default settings.
    ///
    /// # Errors
    /// When it cannot listen on any port.
    pub async fn start() -> Result<Self, DevError> {
        Self::builder().start().await
    }

    pub(super) fn new(
        shared: Arc<Shared>,
        commands: mpsc::UnboundedSender<Command>,
        address: SocketAddr,
    ) -> Self {
        Self {
            shared,
            commands,
            address,
        }
    }

    /// The base address for workers, such as `http://127.0.0.1:41234`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port it listens on; a restart keeps it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Settings of a worker that knows this orchestrator and nothing else, whatever
    /// the environment says.
    #[must_use]
    pub fn worker_settings(&self) -> Settings {
        let token = self.shared.settings.tokens.global().clone();
        Settings {
            orchestrators: vec![OrchestratorSettings::new(self.url(), token)],
            ..Settings::default()
        }
    }

    /// Submits a job. Without a free worker its tasks wait in a queue.
    ///
    /// # Errors
    /// When the orchestrator has been stopped.
    #[allow(clippy::unused_async)] // submitting is asking a server, here too
    pub async fn submit(&self, spec: JobSpec) -> Result<JobHandle, DevError> {
        if self.commands.is_closed() {
            return Err(DevError::Stopped);
        }
        let id = self.shared.change(|state| state.submit(&spec, None));
        Ok(JobHandle::new(Arc::clone(&self.shared), id))
    }

    /// Submits many jobs of one task each, cheaply, for measuring.
    #[must_use]
    pub fn load(&self, name: impl Into<TaskName>, params: Value, jobs: usize) -> LoadHandle {
        /// Jobs submitted under one lock: workers get in between.
        const BATCH: usize = 256;
        let spec = JobSpec::task(name, params);
        let load = Arc::new(Load::new(jobs));
        let mut left = jobs;
        while left > 0 {
            let batch = left.min(BATCH);
            self.shared.change(|state| {
                for _ in 0..batch {
                    state.submit(&spec, Some(Arc::clone(&load)));
                }
            });
            left -= batch;
        }
        LoadHandle::new(load)
    }

    /// A handle for a job by its id, known or not.
    #[must_use]
    pub fn handle_of(&self, id: JobId) -> JobHandle {
        JobHandle::new(Arc::clone(&self.shared), id)
    }

    /// A job as it stands; `None` when it is not known.
    #[must_use]
    pub fn job(&self, id: &JobId) -> Option<JobReport> {
        self.look(|view| view.job(id))
    }

    /// How many jobs are in which state.
    #[must_use]
    pub fn counts(&self) -> JobCounts {
        self.shared.look(|state| View::of(state).counts())
    }

    /// Results that no job waited for: repeated, or too late.
    #[must_use]
    pub fn stale_results(&self) -> u64 {
        self.shared.look(|state| View::of(state).stale_results())
    }

    /// The workers that are known and whose lease has not run out, by id.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerRecord> {
        self.shared.look(|state| View::of(state).workers())
    }

    /// One of them.
    #[must_use]
    pub fn worker(&self, id: &str) -> Option<WorkerRecord> {
        self.look(|view| view.worker(id))
    }

    /// Looks at the state at one moment. Requests wait meanwhile.
    pub fn look<R>(&self, look: impl FnOnce(&View<'_>) -> R) -> R {
        self.shared.look(|state| look(&View::of(state)))
    }

    /// Waits until the state is as wanted. It is looked at now and after every
    /// change, never by the clock, so a condition about time passed is not seen.
    pub async fn wait_until(&self, is_wanted: impl FnMut(&View<'_>) -> bool) {
        self.shared.wait_until(is_wanted).await;
    }

    /// As [`DevOrchestrator::wait_until`], for at most this time. The time is
    /// measured on the orchestrator's thread: pausing a test's clock does not
    /// matter.
    ///
    /// # Errors
    /// When it did not happen.
    pub async fn wait_within(
        &self,
        time: Duration,
        is_wanted: impl FnMut(&View<'_>) -> bool,
    ) -> Result<(), DevError> {
        let wanted = pin!(self.shared.wait_until(is_wanted));
        match select(wanted, pin!(self.shared.sleep(time))).await {
            Either::Left(_) => Ok(()),
            Either::Right(_) => Err(DevError::TimedOut(time)),
        }
    }

    /// What happens from now on, for showing it.
    #[must_use]
    pub fn news(&self) -> NewsFeed {
        self.shared.change(|state| state.readers.join())
    }

    /// Sends a command with any content to a worker; false when the worker has not
    /// registered with `capabilities.websockets: true` or has no socket open.
    #[must_use]
    pub fn command(&self, worker: &str, command: &Value) -> bool {
        self.shared
            .look(|state| state.command(worker, command.to_string()))
    }

    /// The requests that were recorded, in the order in which they ended.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared
            .look(|state| state.recorder.requests().cloned().collect())
    }

    /// Those of one kind.
    #[must_use]
    pub fn requests_to(&self, endpoint: Endpoint) -> Vec<RecordedRequest> {
        self.shared.look(|state| {
            let requests = state.recorder.requests();
            requests
                .filter(|request| request.endpoint == endpoint)
                .cloned()
                .collect()
        })
    }

    /// The events that were recorded, in the order in which they came (1.0b17).
    #[must_use]
    pub fn events(&self) -> Vec<RecordedEvent> {
        self.look(|view| view.events().cloned().collect())
    }

    /// Makes all access tokens invalid, without a word to their workers (1.0b17).
    pub fn revoke_access_tokens(&self) {
        self.shared.change(|state| state.access.revoke());
    }

    /// How many requests of a kind have come; exact, whatever is recorded.
    #[must_use]
    pub fn request_count(&self, endpoint: Endpoint) -> u64 {
        self.look(|view| view.requests(endpoint))
    }

    /// Drops the requests and events that were recorded. Counts stay.
    pub fn clear_requests(&self) {
        self.shared.change(|state| state.recorder.clear());
    }

    /// Switches the recording of requests on or off.
    pub fn record(&self, is_on: bool) {
        self.shared.change(|state| state.recorder.switch(is_on));
    }

    /// Changes the odd habits while it runs. Rate limits begin to count anew.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.shared.change(|state| {
            state.quirks = quirks;
            state.rates.clear();
        });
    }

    /// Lets the next requests of a kind go wrong, after any that were to before.
    pub fn fail_next(&self, endpoint: Endpoint, fault: Fault, times: usize) {
        self.shared
            .change(|state| state.faults.add(endpoint, fault, times));
    }

    /// Takes back all faults that have not happened yet.
    pub fn clear_faults(&self) {
        self.shared.change(|state| state.faults.clear());
    }

    /// Forgets every worker, without a word to them.
    pub fn forget_workers(&self) {
        self.shared.change(State::forget_workers);
    }

    /// Closes the port and all connections: workers cannot reach it any more.
    ///
    /// # Errors
    /// When the orchestrator has been stopped.
    pub async fn go_down(&self) -> Result<(), DevError> {
        self.ask(Command::GoDown).await
    }

    /// Listens on the same port again.
    ///
    /// # Errors
    /// When the port is taken, or the orchestrator has been stopped.
    pub async fn come_up(&self) -> Result<(), DevError> {
        self.ask(Command::ComeUp).await
    }

    /// Goes down, forgets its workers and, when asked, its jobs, and comes up
    /// again on the same port.
    ///
    /// # Errors
    /// When the port is taken, or the orchestrator has been stopped.
    pub async fn restart(&self, keep: Keep) -> Result<(), DevError> {
        self.go_down().await?;
        self.shared.change(|state| {
            state.forget_workers();
            state.nonces.clear();
            state.access.clear();
            if keep == Keep::Nothing {
                state.lose_jobs();
            }
        });
        self.come_up().await
    }

    /// Stops it for good. Jobs can still be looked at.
    pub async fn stop(&self) {
        // An error means that it has been stopped already.
        let _ = self.ask(Command::Stop).await;
    }

    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<std::io::Result<()>>) -> Command,
    ) -> Result<(), DevError> {
        let (tell, done) = oneshot::channel();
        self.commands
            .send(command(tell))
            .map_err(|_| DevError::Stopped)?;
        let outcome = done.await.map_err(|_| DevError::Stopped)?;
        let port = self.port();
        outcome.map_err(|source| DevError::Listen { port, source })
    }
}
