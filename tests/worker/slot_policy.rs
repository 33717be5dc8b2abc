//! Slot policies: who says no stops polls, and orchestrators hear of it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axon_worker::slot_policy::{CapacityChecker, MemoryLine, Ruling, SlotPolicy, SlotView};
use axon_worker::transport::Availability;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};

use crate::support::{Gate, SECOND, start, worker};
use crate::until::until;

const DEBOUNCED: Duration = Duration::from_millis(150);

/// A checker that is asked only when it is poked.
fn switched(on: &Arc<AtomicBool>) -> CapacityChecker {
    let on = on.clone();
    CapacityChecker::new(move || on.load(Ordering::SeqCst)).every(3600 * SECOND)
}

#[actix_rt::test]
async fn a_no_stops_polls_is_told_once_and_leaves_alone_what_is_under_way() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let on = Arc::new(AtomicBool::new(true));
    let checker = switched(&on);
    let poke = checker.poke();
    let handle = start(worker(&orchestrator, &gate).slot_policy(checker)).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(orchestrator.open_polls(), 1);
    let beats = orchestrator.count(Call::Heartbeat);

    on.store(false, Ordering::SeqCst);
    for _ in 0..5 {
        poke.now();
    }
    tokio::time::sleep(DEBOUNCED).await;
    assert_eq!(orchestrator.count(Call::Heartbeat), beats + 1);
    let last = orchestrator.reports().pop().expect("a heartbeat");
    assert_eq!(last.availability, Availability::Busy);
    assert!(last.available.is_empty());
    let refused = handle.status().capacity.refused;
    assert_eq!(refused.as_deref(), Some("the capacity checker says no"));

    assert_eq!(orchestrator.open_polls(), 1, "it stays open");
    let run = orchestrator.submit("gated", &());
    gate.runs(1).await;
    let left = orchestrator.submit("echo", &1);
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!((orchestrator.open_polls(), orchestrator.queued()), (0, 1));
    gate.open(1);
    orchestrator.result_of(&run).await;
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!((orchestrator.open_polls(), orchestrator.queued()), (0, 1));
    let busy = |report: &axon_worker::transport::Report| report.availability == Availability::Busy;
    assert!(orchestrator.reports()[beats..].iter().all(busy));

    on.store(true, Ordering::SeqCst);
    poke.now();
    orchestrator.result_of(&left).await;
    tokio::time::sleep(SECOND).await;
    let last = orchestrator.reports().pop().expect("a heartbeat");
    assert_eq!(last.availability, Availability::Idle);
    assert_eq!(handle.status().capacity.refused, None);
}

#[actix_rt::test]
async fn a_checker_is_asked_every_second_without_a_poke() {
    let orchestrator = MemoryOrchestrator::new();
    let on = Arc::new(AtomicBool::new(true));
    let (asked, now) = (Arc::new(AtomicUsize::new(0)), on.clone());
    let count = asked.clone();
    let checker = CapacityChecker::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        now.load(Ordering::SeqCst)
    });
    start(worker(&orchestrator, &Gate::closed()).slot_policy(checker)).await;
    tokio::time::sleep(SECOND).await;
    on.store(false, Ordering::SeqCst);
    let began = tokio::time::Instant::now();
    let idle_before = orchestrator.reports().len();
    while orchestrator.reports()[idle_before..]
        .iter()
        .all(|report| report.availability == Availability::Idle)
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        began.elapsed() <= SECOND + DEBOUNCED,
        "{:?}",
        began.elapsed()
    );
    let before = asked.load(Ordering::SeqCst);
    tokio::time::sleep(600 * SECOND).await;
    let times = asked.load(Ordering::SeqCst) - before;
    assert!((599..=602).contains(&times), "{times}");
}

#[actix_rt::test]
async fn a_memory_line_has_two_points() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let bytes = Arc::new(AtomicU64::new(50));
    let gauge = bytes.clone();
    let line = MemoryLine::process_above(100)
        .resume_at(80)
        .measured_by(move || Some(gauge.load(Ordering::SeqCst)));
    let handle = start(worker(&orchestrator, &gate).slot_policy(line)).await;
    tokio::time::sleep(SECOND).await;
    let state = || {
        let last = orchestrator.reports().pop().expect("a heartbeat");
        last.availability
    };
    assert_eq!(state(), Availability::Idle);
    for (value, expected) in [
        (101, Availability::Busy),
        (90, Availability::Busy),
        (80, Availability::Idle),
        (100, Availability::Idle),
        (200, Availability::Busy),
    ] {
        bytes.store(value, Ordering::SeqCst);
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(state(), expected, "at {value}");
    }
    let refused = handle.status().capacity.refused;
    assert!(refused.is_some_and(|why| why.contains("memory of the process")));
    bytes.store(1, Ordering::SeqCst);
    let id = orchestrator.submit("echo", &1);
    orchestrator.result_of(&id).await;
}

#[actix_rt::test]
async fn tasks_that_a_checker_does_not_want_are_not_offered_and_run_all_the_same() {
    let orchestrator = MemoryOrchestrator::new();
    let builder = worker(&orchestrator, &Gate::closed()).capacity_checker(|name| name != "echo");
    start(builder).await;
    tokio::time::sleep(SECOND).await;
    let last = orchestrator.reports().pop().expect("a heartbeat");
    assert_eq!(last.availability, Availability::Idle);
    let offered = |name: &str| last.available.iter().any(|it| it.as_str() == name);
    assert!(!offered("echo") && offered("gated"), "{last:?}");
    assert_eq!(orchestrator.open_polls(), 1);
    let id = orchestrator.submit("echo", &1);
    orchestrator.result_of(&id).await;
}

#[actix_rt::test]
async fn every_slot_is_asked_for_and_the_policy_sees_the_ones_before() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    for _ in 0..8 {
        orchestrator.submit("gated", &());
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = seen.clone();
    let two = move |view: &SlotView, _: std::time::Instant| {
        let taken = view.tasks() + view.open_polls();
        notes.lock().expect("no panic").push(taken);
        match taken {
            0 | 1 => Ruling::yes(),
            _ => Ruling::not_now("two are enough"),
        }
    };
    start(worker(&orchestrator, &gate).slot_policy(two)).await;
    gate.runs(2).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!((gate.running(), orchestrator.open_polls()), (2, 0));
    gate.open(8);
    orchestrator.results(8).await;
    assert_eq!(gate.most(), 2);
    let seen = seen.lock().expect("no panic");
    assert!(seen.iter().all(|taken| *taken <= 2));
    assert!(seen.len() < 60, "asked {} times", seen.len());
}

#[actix_rt::test]
async fn of_several_policies_each_has_to_agree() {
    let orchestrator = MemoryOrchestrator::new();
    let (one, other) = (
        Arc::new(AtomicBool::new(true)),
        Arc::new(AtomicBool::new(false)),
    );
    let (first, second) = (switched(&one), switched(&other));
    let poke = second.poke();
    let never = |_: &SlotView, _: std::time::Instant| Ruling::not_now("never");
    let builder = worker(&orchestrator, &Gate::closed());
    start(builder.slot_policy(first).slot_policy(second.or(never))).await;
    tokio::time::sleep(SECOND).await;
    let last = orchestrator.reports().pop().expect("a heartbeat");
    assert_eq!(last.availability, Availability::Busy);
    assert_eq!(orchestrator.open_polls(), 0);
    other.store(true, Ordering::SeqCst);
    poke.now();
    let id = orchestrator.submit("echo", &1);
    orchestrator.result_of(&id).await;
}

#[actix_rt::test]
async fn a_policy_that_panics_has_changed_nothing() {
    let orchestrator = MemoryOrchestrator::new();
    let mut asked = 0;
    let fragile = move |_: &SlotView, _: std::time::Instant| {
        asked += 1;
        assert!(asked < 3, "as asked");
        Ruling::yes()
    };
    start(worker(&orchestrator, &Gate::closed()).slot_policy(fragile)).await;
    for number in 0..10 {
        let id = orchestrator.submit("echo", &number);
        orchestrator.result_of(&id).await;
    }
    tokio::time::sleep(SECOND).await;
    let last = orchestrator.reports().pop().expect("a heartbeat");
    assert_eq!(last.availability, Availability::Idle);
}

/// On real threads: the policy blocks, and nothing else does.
#[actix_rt::test]
async fn a_policy_that_blocks_holds_up_nothing_but_new_slots() {
    let orchestrator = MemoryOrchestrator::new();
    let (let_go, wait) = channel::<()>();
    let slow = move |_: &SlotView, _: std::time::Instant| match wait.recv() {
        Ok(()) => Ruling::yes(),
        Err(_) => Ruling::not_now("the test is over"),
    };
    let early = orchestrator.submit("echo", &1);
    let handle = worker(&orchestrator, &Gate::closed())
        .slot_policy(slow)
        .spawn()
        .expect("a started worker");
    let first = orchestrator.report_where(|_| true).await;
    assert_eq!(
        first.availability,
        Availability::Busy,
        "nobody has said yes"
    );
    assert_eq!((orchestrator.open_polls(), orchestrator.queued()), (0, 1));
    // The tracker of slots itself comes round to its messages.
    handle.set_max_concurrent_tasks(3);
    let has_new_limit = || handle.status().capacity.limit == 3;
    until("the new limit holds", has_new_limit).await;
    let_go.send(()).expect("a policy that waits");
    orchestrator.result_of(&early).await;
    // It is asked again and does not answer: after a second its yes counts.
    for number in 0..5 {
        let id = orchestrator.submit("echo", &number);
        orchestrator.result_of(&id).await;
    }
    let report = handle.shutdown().await;
    assert!(report.is_clean(), "{report}");
    drop(let_go);
}
