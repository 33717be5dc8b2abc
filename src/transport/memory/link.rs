//! The transport to a [`MemoryOrchestrator`].

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

/// The way to a [`MemoryOrchestrator`].
#[derive(Debug)]
pub struct Memory {
    orchestrator: MemoryOrchestrator,
    origin: OrchestratorId,
}

impl Memory {
    pub(super) fn new(orchestrator: MemoryOrchestrator, origin: OrchestratorId) -> Self {
        Self {
            orchestrator,
            origin,
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
        _: Report,
    ) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            self.orchestrator.begin(Call::Register)?;
            let mut state = self.orchestrator.lock();
            state.knows_worker = true;
            state.card = Some(card);
            self.orchestrator.changed(state);
            Ok(())
        })
    }

    fn heartbeat(&self, report: Report) -> LocalBoxFuture<'_, Result<BeatReply, TransportError>> {
        Box::pin(async move {
            self.orchestrator.begin(Call::Heartbeat)?;
            let mut state = self.orchestrator.lock();
            state.reports.push(report);
            let cancel = std::mem::take(&mut state.cancels);
            let extra_delay = state.put_off.take();
            let forgotten = !state.knows_worker;
            self.orchestrator.changed(state);
            Ok(BeatReply {
                forgotten,
                cancel,
                extra_delay,
            })
        })
    }

    fn probe(&self) -> LocalBoxFuture<'_, Result<Standing, TransportError>> {
        Box::pin(async move {
            self.orchestrator.begin(Call::Probe)?;
            let known = self.orchestrator.lock().knows_worker;
            Ok(if known {
                Standing::Known
            } else {
                Standing::Forgotten
            })
        })
    }

    fn poll(&self, _: Offer) -> LocalBoxFuture<'_, Result<Option<Task>, TransportError>> {
        Box::pin(async move {
            self.orchestrator.begin(Call::Poll)?;
            let _open = OpenPoll::new(&self.orchestrator);
            let hold = self.orchestrator.lock().hold;
            let waiting = async {
                let mut changes = self.orchestrator.changes.subscribe();
                loop {
                    changes.borrow_and_update();
                    let task = self.orchestrator.lock().queue.pop_front();
                    if let Some(task) = task {
                        return task;
                    }
                    let _ = changes.changed().await;
                }
            };
            let task = tokio::time::timeout(hold, waiting).await.ok();
            Ok(task.map(|task| Task {
                origin: self.origin,
                ..task
            }))
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
            self.orchestrator.begin(Call::Deliver)?;
            let mut state = self.orchestrator.lock();
            state.results.push((*result).clone());
            self.orchestrator.changed(state);
            Ok(Receipt::Accepted)
        })
    }

    fn progress(&self, update: ProgressUpdate) -> LocalBoxFuture<'_, Result<(), TransportError>> {
        Box::pin(std::future::ready(self.orchestrator.take_progress(update)))
    }

    fn event(&self, event: Event) -> LocalBoxFuture<'_, Result<bool, TransportError>> {
        Box::pin(std::future::ready(self.orchestrator.take_event(event)))
    }

    fn call_skill(&self, call: SkillCall) -> LocalBoxFuture<'_, Result<RawJson, TransportError>> {
        Box::pin(std::future::ready(self.orchestrator.answer_call(call)))
    }

    fn habits(&self) -> Habits {
        self.orchestrator.lock().habits
    }

    fn open_commands(&self) -> Option<OpeningCommands<'_>> {
        Some(self.orchestrator.open_commands())
    }
}
