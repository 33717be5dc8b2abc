//! Progress: how often it goes out, and that the last value is never late.

use tokio::time::Instant;

use super::*;
use crate::support::counting;

#[actix_rt::test]
async fn where_nobody_counts_a_value_goes_out_ten_times_a_second() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(worker(&orchestrator)).await;
    let task = orchestrator.submit("report", &json!({"values": 1000, "pause_ms": 10}));
    orchestrator.result_of(&task).await;
    let values = values(&orchestrator);
    assert_eq!(values.last().map(String::as_str), Some("1000"));
    assert!((90..=112).contains(&values.len()), "{}", values.len());
    worker.shutdown().await;
}

fn values(orchestrator: &MemoryOrchestrator) -> Vec<String> {
    let progress = orchestrator.progress().into_iter();
    progress.map(|update| update.message).collect()
}

#[actix_rt::test]
async fn a_fast_loop_sends_a_value_a_second_and_the_last_one() {
    let orchestrator = counting();
    let worker = start(worker(&orchestrator)).await;
    let began = Instant::now();
    let task = orchestrator.submit("report", &json!({"values": 1000, "pause_ms": 10}));
    orchestrator.result_of(&task).await;
    let took = began.elapsed();
    assert!((10 * SECOND..12 * SECOND).contains(&took), "{took:?}");
    let values = values(&orchestrator);
    assert_eq!(values.first().map(String::as_str), Some("1"));
    assert_eq!(values.last().map(String::as_str), Some("1000"));
    assert!((10..=13).contains(&values.len()), "{values:?}");
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_value_is_not_held_back_until_the_end_of_the_task() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(worker(&orchestrator)).await;
    orchestrator.submit("report", &json!({"values": 3, "then_ms": 600_000}));
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(values(&orchestrator).last().map(String::as_str), Some("3"));
    worker.shutdown().await;
}

#[actix_rt::test]
async fn the_last_value_comes_before_the_result() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(worker(&orchestrator)).await;
    for _ in 0..20 {
        let task = orchestrator.submit("report", &json!({"values": 5}));
        orchestrator.result_of(&task).await;
    }
    let calls = orchestrator.calls();
    let told = calls
        .iter()
        .filter(|call| matches!(call, Call::Progress | Call::Deliver));
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 20 + values(&orchestrator).len());
    for pair in told.windows(2) {
        assert!(pair.contains(&&Call::Progress), "{told:?}");
    }
    let last = orchestrator.progress();
    assert_eq!(
        last.iter().filter(|update| update.message == "5").count(),
        20
    );
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_loop_on_a_thread_cannot_flood_either() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator).spawn().unwrap();
    let task = orchestrator.submit("report_fast", &100_000);
    orchestrator.result_of(&task).await;
    let values = values(&orchestrator);
    assert_eq!(values.last().map(String::as_str), Some("100000"));
    assert!(values.len() < 100, "{}", values.len());
    worker.shutdown().await;
}

#[actix_rt::test]
async fn progress_that_is_rate_limited_keeps_quiet() {
    let orchestrator = MemoryOrchestrator::new();
    let limited = TransportError::RateLimited { retry_after: None };
    orchestrator.fail_next(Call::Progress, &limited, 1);
    let worker = start(worker(&orchestrator)).await;
    let task = orchestrator.submit("report", &json!({"values": 1200, "pause_ms": 100}));
    orchestrator.result_of(&task).await;
    let values = values(&orchestrator);
    // Two minutes, of which the first 65 s are silent.
    assert_eq!(values.last().map(String::as_str), Some("1200"));
    let first: u32 = values[0].parse().unwrap();
    assert!((640..=660).contains(&first), "{first}");
    assert_eq!(orchestrator.count(Call::Progress), values.len() + 1);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn an_orchestrator_that_is_gone_does_not_hold_up_the_result() {
    let orchestrator = MemoryOrchestrator::new();
    let down = TransportError::Unreachable {
        reason: "down".to_owned(),
    };
    orchestrator.fail_next(Call::Progress, &down, 1000);
    let worker = start(worker(&orchestrator)).await;
    let task = orchestrator.submit("report", &json!({"values": 5}));
    orchestrator.result_of(&task).await;
    assert!(values(&orchestrator).is_empty());
    worker.shutdown().await;
}
