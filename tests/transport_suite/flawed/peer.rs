//! What stands on the other side of a transport with a flaw.

use axon_worker::testing::transport_suite::{Cannot, Claims, Peer, Refusal, Request, SeenResult};
use axon_worker::{JobId, OrchestratorId, RawJson};

use super::transport::Flawed;
use super::{Flaw, SECRET};
use crate::memory::InMemory;

/// The peer in memory, which can be silent as well, of a transport with a flaw.
pub struct FlawedPeer {
    pub peer: InMemory,
    pub flaw: Flaw,
}

impl Peer for FlawedPeer {
    type Transport = Flawed;

    fn claims(&self) -> Claims {
        self.peer.claims()
    }

    fn transport(&self, origin: OrchestratorId) -> Flawed {
        Flawed::new(self.peer.transport(origin), self.peer.clone(), self.flaw)
    }

    async fn submit(&self, name: &str, params: RawJson) -> JobId {
        self.peer.submit(name, params).await
    }

    async fn result(&self, job: &JobId) -> Option<SeenResult> {
        self.peer.result(job).await
    }

    async fn cut(&self) -> Result<(), Cannot> {
        self.peer.cut().await
    }

    async fn forget(&self) -> Result<(), Cannot> {
        self.peer.forget().await
    }

    async fn go_down(&self) -> Result<(), Cannot> {
        self.peer.go_down().await
    }

    async fn come_up(&self) -> Result<(), Cannot> {
        self.peer.come_up().await
    }

    async fn go_silent(&self) -> Result<(), Cannot> {
        self.peer.is_silent.set(true);
        Ok(())
    }

    async fn refuse_next(&self, request: Request, with: Refusal) -> Result<(), Cannot> {
        self.peer.refuse_next(request, with).await
    }

    async fn garble_next(&self, request: Request) -> Result<(), Cannot> {
        self.peer.garble_next(request).await
    }

    async fn submit_unreadable(&self, name: &str) -> Result<JobId, Cannot> {
        self.peer.submit_unreadable(name).await
    }

    async fn heartbeats(&self) -> Result<usize, Cannot> {
        self.peer.heartbeats().await
    }

    async fn progress(&self, job: &JobId) -> Result<Vec<f64>, Cannot> {
        self.peer.progress(job).await
    }

    async fn cancel(&self, job: &JobId) -> Result<(), Cannot> {
        self.peer.cancel(job).await
    }

    fn secrets(&self) -> Vec<String> {
        vec![SECRET.to_owned()]
    }
}
