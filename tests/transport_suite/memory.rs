//! The transport in memory, and a peer of it that can do everything.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use axon_worker::testing::transport_suite::{self, Cannot, Peer, Refusal, Request, SeenResult};
use axon_worker::testing::{Call, MemoryOrchestrator};
use axon_worker::transport::TransportError;
use axon_worker::transport::memory::Memory;
use axon_worker::{JobId, OrchestratorId, RawJson};

use crate::assert_kept_but;

/// An orchestrator in memory. `is_silent` is for transports that look at it.
#[derive(Clone)]
pub struct InMemory {
    pub orchestrator: MemoryOrchestrator,
    pub is_silent: Rc<Cell<bool>>,
}

impl InMemory {
    pub fn new() -> Self {
        let orchestrator = MemoryOrchestrator::new();
        orchestrator.set_hold(Duration::from_millis(500));
        Self {
            orchestrator,
            is_silent: Rc::default(),
        }
    }

    /// The number of the job whose task has that number.
    pub fn job_of(task: &str) -> JobId {
        task.replace("task", "job").as_str().into()
    }

    pub fn task_of(job: &JobId) -> axon_worker::TaskId {
        job.as_str().replace("job", "task").as_str().into()
    }

    fn fail(&self, request: Request, error: &TransportError) -> Result<(), Cannot> {
        let call = match request {
            Request::Register => Call::Register,
            Request::Heartbeat => Call::Heartbeat,
            Request::Probe => Call::Probe,
            Request::Poll => Call::Poll,
            Request::Deliver => Call::Deliver,
            _ => return Err(Cannot("it has no such request")),
        };
        self.orchestrator.fail_next(call, error, 1);
        Ok(())
    }
}

pub fn refusal(with: Refusal) -> TransportError {
    let reason = "the peer was told so".to_owned();
    match with {
        Refusal::RateLimited(after) => TransportError::RateLimited {
            retry_after: Some(after),
        },
        Refusal::Unavailable => TransportError::Unavailable { reason },
        Refusal::Faulted => TransportError::Faulted { reason },
        Refusal::Unauthorized => TransportError::Unauthorized { reason },
        Refusal::NotRegistered => TransportError::NotRegistered,
        _ => TransportError::Refused { reason },
    }
}

pub fn malformed(task: Option<(axon_worker::TaskId, JobId)>) -> TransportError {
    TransportError::Malformed {
        reason: "the peer was told so".to_owned(),
        task,
    }
}

impl Peer for InMemory {
    type Transport = Memory;

    fn transport(&self, origin: OrchestratorId) -> Memory {
        self.orchestrator.connect()(origin)
    }

    async fn submit(&self, name: &str, params: RawJson) -> JobId {
        let task = self.orchestrator.submit_with(name, params, |_| {});
        Self::job_of(task.as_str())
    }

    async fn result(&self, job: &JobId) -> Option<SeenResult> {
        let results = self.orchestrator.results(0).await;
        let result = results.into_iter().find(|result| result.job_id == *job)?;
        Some(SeenResult::of(&result.outcome))
    }

    async fn cut(&self) -> Result<(), Cannot> {
        self.orchestrator.go_down();
        self.orchestrator.come_up();
        Ok(())
    }

    async fn forget(&self) -> Result<(), Cannot> {
        self.orchestrator.forget_worker();
        Ok(())
    }

    async fn go_down(&self) -> Result<(), Cannot> {
        self.orchestrator.go_down();
        Ok(())
    }

    async fn come_up(&self) -> Result<(), Cannot> {
        self.orchestrator.come_up();
        Ok(())
    }

    async fn refuse_next(&self, request: Request, with: Refusal) -> Result<(), Cannot> {
        self.fail(request, &refusal(with))
    }

    async fn garble_next(&self, request: Request) -> Result<(), Cannot> {
        self.fail(request, &malformed(None))
    }

    async fn submit_unreadable(&self, _: &str) -> Result<JobId, Cannot> {
        let job: JobId = "job-x".into();
        self.fail(
            Request::Poll,
            &malformed(Some(("task-x".into(), job.clone()))),
        )?;
        Ok(job)
    }

    async fn heartbeats(&self) -> Result<usize, Cannot> {
        Ok(self.orchestrator.reports().len())
    }

    async fn progress(&self, job: &JobId) -> Result<Vec<f64>, Cannot> {
        let progress = self.orchestrator.progress_of(&Self::task_of(job));
        Ok(progress.iter().map(|update| update.progress).collect())
    }

    async fn cancel(&self, job: &JobId) -> Result<(), Cannot> {
        self.orchestrator.cancel(&Self::task_of(job));
        Ok(())
    }
}

#[actix_rt::test]
async fn the_transport_in_memory_keeps_the_rules() {
    tokio::time::pause();
    let report = transport_suite::run(async || InMemory::new()).await;
    assert_kept_but(&report, &["every call ends", "secrets stay inside"]);
}
