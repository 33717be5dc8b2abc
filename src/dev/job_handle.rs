//! Handles of submitted jobs.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::builder::DevError;
use super::job::JobReport;
use super::state::{CancelOutcome, Load, LoadReport, Shared};
use crate::JobId;

/// A submitted job. It does not keep the orchestrator running.
#[derive(Debug, Clone)]
pub struct JobHandle {
    shared: Arc<Shared>,
    id: JobId,
}

impl JobHandle {
    pub(super) fn new(shared: Arc<Shared>, id: JobId) -> Self {
        Self { shared, id }
    }

    /// Its id, which its tasks carry as `job_id`.
    #[must_use]
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// How it stands. A job that is not known is reported as lost.
    #[must_use]
    pub fn report(&self) -> JobReport {
        let report = self.shared.look(|state| state.report(&self.id));
        report.unwrap_or_else(|| JobReport::lost(self.id.clone()))
    }

    /// Waits for its end.
    pub async fn finished(&self) -> JobReport {
        loop {
            match self.shared.change(|state| state.end_of(&self.id)) {
                Ok(report) => return report,
                // Its end or its loss: look again.
                Err(told) => drop(told.await),
            }
        }
    }

    /// Waits for its end, at most this time, measured on the orchestrator's thread.
    ///
    /// # Errors
    /// When it has not ended by then.
    pub async fn finished_within(&self, time: Duration) -> Result<JobReport, DevError> {
        match select(pin!(self.finished()), pin!(self.shared.sleep(time))).await {
            Either::Left((report, _)) => Ok(report),
            Either::Right(_) => Err(DevError::TimedOut(time)),
        }
    }

    /// Calls it off. As with the real orchestrator, a running task hears of it
    /// only over a WebSocket, and only when its worker registered with
    /// `capabilities.websockets: true`; in 1.0b17 when a heartbeat of it had that, or by the
    /// answer to its next heartbeat.
    #[allow(clippy::unused_async)] // asking a server, here too
    pub async fn cancel(&self) -> CancelOutcome {
        self.shared.change(|state| state.cancel(&self.id))
    }
}

/// Many jobs submitted as one, see
/// [`DevOrchestrator::load`](super::DevOrchestrator::load).
#[derive(Debug, Clone)]
pub struct LoadHandle {
    load: Arc<Load>,
}

impl LoadHandle {
    pub(super) fn new(load: Arc<Load>) -> Self {
        Self { load }
    }

    /// How it stands.
    #[must_use]
    pub fn report(&self) -> LoadReport {
        self.load.report()
    }

    /// Waits until every job has ended.
    pub async fn finished(&self) -> LoadReport {
        self.load.done().await
    }
}
