//! The transport to a [`MemoryOrchestrator`].

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;

use super::{Call, MemoryOrchestrator};
use crate::id::OrchestratorId;
use crate::json::RawJson;
use crate::task::{Task, TaskResult};
use crate::transport::{
    BeatReply, Event, Habits, Offer, OpeningCommands, ProgressUpdate, Receipt, Report, SkillCall,
    Standing, Transport, TransportError, WorkerCard,
};

/// The way of one worker to a [`MemoryOrchestrator`].
#[derive(Debug)]
pub struct Memory {
    orchestrator: MemoryOrchestrator,
    peer: usize,
    origin: OrchestratorId,
}

impl Memory {
    pub(super) fn new(
        orchestrator: MemoryOrchestrator,
        peer: usize,
        origin: OrchestratorId,
    ) -> Self {
        Self {
            orchestrator,
            peer,
            origin,
        }
    }

    fn begin(&self, call: Call) -> Result<(), TransportError> {
        self.orchestrator.begin(self.peer, call)
    }

    /// Waits for a task. It leaves the queue in the same step in which this ends.
    async fn next_task(&self) -> Result<Task, TransportError> {
        let polls = &self.orchestrator.polls;
        let breaks = self.orchestrator.lock().outages.breaks();
        loop {
            // Before looking, so that nothing that comes in between is missed.
            let mut came = pin!(polls.notified());
            came.as_mut().enable();
            {
                let mut state = self.orchestrator.lock();
                if state.outages.breaks() > breaks {
                    return Err(TransportError::NoAnswer {
                        reason: "the orchestrator went down".to_owned(),
                    });
                }
                if let Some(task) = state.queue.pop_front() {
                    // Tasks that came while nobody waited have woken one poll only.
                    if !state.queue.is_empty() {
                        polls.notify_one();
                    }
                    return Ok(Task {
                        origin: self.origin,
                        ..task
                    });
                }
            }
            came.await;
        }
    }
}

/// Counts an open poll until it is dropped.
struct OpenPoll<'a>(&'a MemoryOrchestrator);

impl<'a> OpenPoll<'a> {
    fn new(orchestrator: &'a MemoryOrchestrator) -> Self {
        orchestrator.lock().open_polls += 1;
        Self(orchestrator)
    }
}

impl Drop for OpenPoll<'_> {
    fn drop(&mut self) {
        self.0.lock().open_polls -= 1;
    }
}

impl Transport for Memory {
    fn register(
        &self,
        card: Arc<WorkerCard>,
        report: Report,
    ) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            self.begin(Call::Register)?;
            self.orchestrator.register(self.peer, card, report);
            Ok(())
        })
    }

    fn heartbeat(&self, report: Report) -> LocalBoxFuture<'_, Result<BeatReply, TransportError>> {
        Box::pin(async move {
            self.begin(Call::Heartbeat)?;
            Ok(self.orchestrator.beat(self.peer, report))
        })
    }

    fn probe(&self) -> LocalBoxFuture<'_, Result<Standing, TransportError>> {
        Box::pin(async move {
            self.begin(Call::Probe)?;
            Ok(if self.orchestrator.knows(self.peer) {
                Standing::Known
            } else {
                Standing::Forgotten
            })
        })
    }

    fn poll(&self, _: Offer) -> LocalBoxFuture<'_, Result<Option<Task>, TransportError>> {
        Box::pin(async move {
            self.begin(Call::Poll)?;
            let _open = OpenPoll::new(&self.orchestrator);
            let hold = self.orchestrator.lock().hold;
            match tokio::time::timeout(hold, self.next_task()).await {
                Ok(found) => found.map(Some),
                Err(_) => Ok(None),
            }
        })
    }

    /// A task leaves the queue in the same step in which the poll is answered.
    fn poll_is_cancel_safe(&self) -> bool {
        true
    }

    fn deliver(
        &self,
        result: Arc<TaskResult>,
    ) -> LocalBoxFuture<'_, Result<Receipt, TransportError>> {
        Box::pin(async move {
            self.begin(Call::Deliver)?;
            let mut state = self.orchestrator.lock();
            state.results.push((*result).clone());
            self.orchestrator.changed(state);
            Ok(Receipt::Accepted)
        })
    }

    fn progress(&self, update: ProgressUpdate) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        Box::pin(ready(self.orchestrator.take_progress(self.peer, update)))
    }

    fn event(&self, event: Event) -> LocalBoxFuture<'_, Result<bool, TransportError>> {
        Box::pin(ready(self.orchestrator.take_event(self.peer, event)))
    }

    fn call_skill(&self, call: SkillCall) -> LocalBoxFuture<'_, Result<RawJson, TransportError>> {
        Box::pin(ready(self.orchestrator.answer_call(self.peer, call)))
    }

    fn habits(&self) -> Habits {
        self.orchestrator.lock().habits
    }

    fn open_commands(&self) -> Option<OpeningCommands<'_>> {
        Some(self.orchestrator.open_commands(self.peer))
    }
}
