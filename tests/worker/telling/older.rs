//! An orchestrator that has no events and never answers progress.

use tokio::time::Instant;

use super::*;
use crate::bare::Bare;

fn older(orchestrator: &MemoryOrchestrator) -> WorkerBuilder {
    let connect = orchestrator.connect();
    worker(orchestrator).only_transport("older", move |origin| Bare::deaf(connect(origin)))
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
