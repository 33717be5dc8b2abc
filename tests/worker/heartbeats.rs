//! When heartbeats go out and what they say.

use axon_worker::UsageSource;
#[cfg(feature = "telemetry")]
use axon_worker::transport::Report;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::transport::{Habits, TransportError, Usage};
use serde_json::json;

use crate::support::{Gate, SECOND, data, reported, start, worker};
use std::time::Duration;

#[actix_rt::test]
async fn a_burst_of_changes_becomes_one_beat_with_the_final_state() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    for _ in 0..6 {
        orchestrator.submit("gated", &());
    }
    gate.runs(6).await;
    assert_eq!(
        orchestrator.count(Call::Heartbeat),
        1,
        "changes are gathered first"
    );
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(orchestrator.count(Call::Heartbeat), 2);
    assert_eq!(orchestrator.reports()[1].running.len(), 6);
}

#[actix_rt::test]
async fn a_stream_of_changes_cannot_put_a_beat_off() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    let began = tokio::time::Instant::now();
    // A change every 20 ms, for two seconds.
    for _ in 0..100 {
        orchestrator.submit("echo", &());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let beats = orchestrator.count(Call::Heartbeat) - 1;
    let windows = began.elapsed().as_millis() / 100;
    assert!(
        beats >= 10 && beats as u128 <= windows + 1,
        "{beats} beats in {windows} windows"
    );
}

#[actix_rt::test]
async fn hot_skills_appear_when_all_models_are_loaded_and_go_with_the_first() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    let mut seen = Vec::new();
    for (task, model) in [
        ("warm", "sd-1.5"),
        ("warm", "vae"),
        ("warm", "vae"),
        ("cool", "sd-1.5"),
    ] {
        let id = orchestrator.submit(task, &model);
        orchestrator.result_of(&id).await;
        tokio::time::sleep(SECOND).await;
        let last = orchestrator.reports().pop().expect("a heartbeat");
        seen.push((last.hot_cache.to_vec(), last.hot_skills.to_vec()));
    }
    let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        seen,
        [
            (list(&["sd-1.5"]), list(&[])),
            (list(&["sd-1.5", "vae"]), list(&["paint"])),
            (list(&["sd-1.5", "vae"]), list(&["paint"])),
            (list(&["vae"]), list(&[])),
        ]
    );
    let id = orchestrator.submit("warm", &"another");
    let result = orchestrator.result_of(&id).await;
    assert_eq!(data(&result), json!({"hot_cache": ["another", "vae"]}));
}

#[actix_rt::test]
async fn a_worker_that_was_forgotten_registers_again() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    orchestrator.forget_worker();
    orchestrator.called(Call::Register, 2).await;
    orchestrator.called(Call::Heartbeat, 3).await;
    let id = orchestrator.submit("echo", &());
    orchestrator.result_of(&id).await;
}

#[actix_rt::test]
async fn a_lost_beat_is_made_up_for_before_the_next_one_is_due() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    let reset = axon_worker::transport::TransportError::NoAnswer {
        reason: "reset".into(),
    };
    orchestrator.fail_next(Call::Heartbeat, &reset, 1);
    orchestrator.submit("gated", &());
    orchestrator.called(Call::Heartbeat, 2).await;
    let began = tokio::time::Instant::now();
    reported(&orchestrator, 1).await;
    assert!(began.elapsed() <= SECOND, "{:?}", began.elapsed());
}

#[actix_rt::test]
async fn a_failure_goes_out_after_the_free_slot_was_told() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let builder = worker(&orchestrator, &gate).max_concurrent_tasks(1);
    // Long enough for the debounced beat to be too late.
    start(builder.configure(|settings| settings.timing.heartbeat_debounce = SECOND)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    orchestrator.submit("gated", &());
    orchestrator
        .report_where(|report| report.available.is_empty())
        .await;
    let busy_beats = orchestrator.count(Call::Heartbeat);
    orchestrator.submit("fail", &());
    gate.open(1);
    orchestrator.called(Call::Deliver, 2).await;
    let calls = orchestrator.calls();
    let failure = calls
        .iter()
        .rposition(|call| *call == Call::Deliver)
        .unwrap();
    let beats = calls[..failure]
        .iter()
        .filter(|call| **call == Call::Heartbeat)
        .count();
    assert!(
        beats > busy_beats,
        "the orchestrator still took us for busy"
    );
    let last = &orchestrator.reports()[beats - 1];
    assert!(last.available.iter().any(|name| name.as_str() == "fail"));
}

/// Says how often it was asked.
struct Counting(u32);

impl UsageSource for Counting {
    fn measure(&mut self) -> Option<Usage> {
        self.0 += 1;
        Some(Usage {
            ram_used_gb: f64::from(self.0),
            ..Usage::default()
        })
    }
}

#[actix_rt::test]
async fn heartbeats_tell_how_busy_the_machine_is() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let worker = start(worker(&orchestrator, &gate).usage_source(Counting(0))).await;
    tokio::time::sleep(100 * SECOND).await;
    let reports = orchestrator.reports();
    let told: Vec<_> = reports
        .iter()
        .filter_map(|report| report.usage.clone())
        .collect();
    assert_eq!(told.len(), reports.len());
    assert!(told.is_sorted_by(|a, b| a.ram_used_gb <= b.ram_used_gb));
    let asked = told.last().unwrap().ram_used_gb;
    assert!(
        asked <= f64::from(2 + u32::try_from(reports.len()).unwrap()),
        "only for heartbeats: {asked}"
    );
    worker.shutdown().await;
}

#[actix_rt::test]
async fn without_a_source_nothing_is_told() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let worker = start(worker(&orchestrator, &gate).without_usage()).await;
    tokio::time::sleep(20 * SECOND).await;
    assert!(
        orchestrator
            .reports()
            .iter()
            .all(|report| report.usage.is_none())
    );
    worker.shutdown().await;
}

/// Threads of its own, and the clock of the machine.
#[cfg(feature = "telemetry")]
#[actix_rt::test]
async fn the_machine_itself_is_measured() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let worker = worker(&orchestrator, &gate).spawn().unwrap();
    let fits = |report: &Report| report.usage.as_ref().is_some_and(|u| u.ram_used_gb > 0.0);
    // A change, so that there is a heartbeat soon.
    orchestrator.submit("echo", &());
    orchestrator.report_where(fits).await;
    worker.shutdown().await;
}

/// How often a worker has registered after its heartbeats failed for so many seconds.
async fn registrations_after_a_silence(seconds: u32) -> usize {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let mut habits = Habits::default();
    habits.lease = Some(120 * SECOND);
    orchestrator.set_habits(habits);
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Heartbeat, 2).await;
    let unreachable = TransportError::Unreachable {
        reason: "no way".into(),
    };
    orchestrator.fail_next(Call::Heartbeat, &unreachable, 1_000_000);
    tokio::time::sleep(seconds * SECOND).await;
    orchestrator.clear_faults();
    tokio::time::sleep(600 * SECOND).await;
    let task = orchestrator.submit("echo", &());
    orchestrator.result_of(&task).await;
    orchestrator.count(Call::Register)
}

#[actix_rt::test]
async fn after_a_silence_that_outlasts_the_lease_the_worker_registers_anew() {
    assert_eq!(registrations_after_a_silence(180).await, 2);
}

#[actix_rt::test]
async fn after_a_shorter_silence_the_worker_does_not_register_anew() {
    assert_eq!(registrations_after_a_silence(60).await, 1);
}
