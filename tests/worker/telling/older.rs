//! An orchestrator that has no events and never answers progress.

use std::sync::Arc;

use axon_worker::transport::memory::Memory;
use axon_worker::transport::{
    BeatReply, Offer, ProgressUpdate, Receipt, Report, Standing, Transport, WorkerCard,
};
use axon_worker::{Task, TaskResult};
use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

use super::*;

type Answer<'a, T> = LocalBoxFuture<'a, Result<T, TransportError>>;

/// Has no events and cannot call skills, as RXON 1.0b2, and never answers progress.
#[derive(Debug)]
struct Older(Memory);

impl Transport for Older {
    fn register(&self, card: Arc<WorkerCard>, report: Report) -> Answer<'_, ()> {
        self.0.register(card, report)
    }

    fn heartbeat(&self, report: Report) -> Answer<'_, BeatReply> {
        self.0.heartbeat(report)
    }

    fn probe(&self) -> Answer<'_, Standing> {
        self.0.probe()
    }

    fn poll(&self, offer: Offer) -> Answer<'_, Option<Task>> {
        self.0.poll(offer)
    }

    fn deliver(&self, result: Arc<TaskResult>) -> Answer<'_, Receipt> {
        self.0.deliver(result)
    }

    fn progress(&self, _: ProgressUpdate) -> Answer<'_, ()> {
        Box::pin(std::future::pending())
    }
}

fn older(orchestrator: &MemoryOrchestrator) -> WorkerBuilder {
    let connect = orchestrator.connect();
    worker(orchestrator).only_transport("older", move |origin| Older(connect(origin)))
}

#[actix_rt::test]
async fn where_there_are_no_events_the_handler_learns_of_it() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(older(&orchestrator)).await;
    let told = orchestrator.submit("tell", &json!({"events": ["any"], "payload": {}}));
    let result = orchestrator.result_of(&told).await;
    assert_eq!(data(&result), json!({"went": [false]}));
    let asked = orchestrator.submit("ask", &json!({"skill": "double", "params": 1}));
    let result = orchestrator.result_of(&asked).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Dependency);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn an_answer_that_never_comes_holds_up_the_result_for_two_seconds_at_most() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(older(&orchestrator)).await;
    let began = Instant::now();
    let task = orchestrator.submit("report", &json!({"values": 3}));
    let result = orchestrator.result_of(&task).await;
    assert_eq!(data(&result), json!({}));
    assert!(began.elapsed() < 3 * SECOND, "{:?}", began.elapsed());
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_task_that_is_called_off_has_no_last_words() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(older(&orchestrator)).await;
    let params = json!({"values": 3, "then_ms": 600_000});
    let task = orchestrator.submit("report", &params);
    orchestrator
        .report_where(|report| !report.running.is_empty())
        .await;
    let began = Instant::now();
    orchestrator.cancel_with_next_beat(task.as_str());
    let result = orchestrator.result_of(&task).await;
    assert_eq!(result.outcome.status(), "cancelled");
    // A heartbeat away, and the grace time of the handler.
    assert!(began.elapsed() <= 21 * SECOND, "{:?}", began.elapsed());
    worker.shutdown().await;
}
