//! How a thousand workers treat one orchestrator, and what one worker holds. Real workers
//! on a paused clock, but for the last test: what is asserted does not depend on the machine.
//! `cargo bench --bench scale` prints the numbers.

#![allow(unreachable_pub, reason = "shared with a bench")]
#![allow(dead_code, reason = "shared with a bench")]

#[path = "../benches/scale/herd.rs"]
mod herd;
#[path = "../benches/scale/holds.rs"]
mod holds;

#[path = "support/until.rs"]
mod until;

use std::time::{Duration, Instant};

use axon_worker::config::Settings;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{RawJson, TaskError, Worker};
use herd::{Herd, Seen};
use until::until;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const INTERVAL: Duration = Duration::from_secs(15);
const WORKERS: usize = 1_000;
const ALL: [Call; 4] = [Call::Register, Call::Heartbeat, Call::Probe, Call::Poll];

/// The most that one tenth of a second gets, as a share of the workers.
fn worst_share(seen: &Seen, calls: &[Call], from: Duration, length: Duration) -> f64 {
    let peak = u32::try_from(seen.spread(calls, from, length).peak()).unwrap();
    f64::from(peak) / f64::from(u32::try_from(seen.herd.workers).unwrap())
}

#[actix_rt::test]
async fn a_thousand_workers_do_not_trample_an_orchestrator_that_comes_back() {
    let seen = Herd::of(WORKERS).run().await;
    assert_eq!(seen.known, WORKERS, "all are back");

    // At the start nobody waits.
    let started = seen.spread(&[Call::Register], Duration::ZERO, SECOND / 10);
    assert_eq!(started.total(), WORKERS);

    // Beats are spread, and none is late.
    let calm = seen.herd.calm.saturating_sub(2 * INTERVAL);
    let share = worst_share(&seen, &[Call::Heartbeat], calm, 2 * INTERVAL);
    assert!(share <= 0.04, "heartbeats while all is well: {share}");
    let silence = seen.longest_silence();
    assert!(
        silence <= INTERVAL + Duration::from_millis(50),
        "{silence:?}"
    );

    // A worker that gets no answer asks less than once in two seconds on average.
    let away = seen.spread(&ALL, seen.herd.calm, seen.herd.outage);
    assert!(away.total() <= WORKERS * 30, "{}", away.total());

    let back = seen.spread(&[Call::Register], seen.back(), seen.herd.after);
    assert_eq!(back.total(), WORKERS, "each registers once");
    assert!(back.until() <= 10 * SECOND, "{:?}", back.until());
    let share = worst_share(&seen, &[Call::Register], seen.back(), seen.herd.after);
    assert!(share <= 0.08, "registrations after the return: {share}");
    let share = worst_share(&seen, &ALL, seen.back(), seen.herd.after);
    assert!(share <= 0.25, "all requests after the return: {share}");

    // Nothing stays in step afterwards.
    let late = (seen.back() + seen.herd.after).saturating_sub(2 * INTERVAL);
    for calls in [[Call::Heartbeat], [Call::Poll]] {
        let share = worst_share(&seen, &calls, late, 2 * INTERVAL);
        assert!(share <= 0.08, "{calls:?} later on: {share}");
    }
}

#[actix_rt::test]
async fn workers_that_start_while_the_orchestrator_is_away_come_one_by_one() {
    let herd = Herd {
        calm: Duration::ZERO,
        seed: 2,
        ..Herd::of(WORKERS)
    };
    let seen = herd.run().await;
    assert_eq!(seen.known, WORKERS);
    let share = worst_share(&seen, &[Call::Register], seen.back(), seen.herd.after);
    assert!(share <= 0.05, "registrations after the return: {share}");
    // The longest wait between two attempts.
    let back = seen.spread(&[Call::Register], seen.back(), seen.herd.after);
    assert!(back.until() <= 60 * SECOND, "{:?}", back.until());
}

#[actix_rt::test]
async fn ten_thousand_tasks_sleep_in_one_worker_and_cost_no_more_requests_than_none() {
    let hour = holds::tasks(10_000, || {}).await;
    assert_eq!(hour.running, 10_000);
    assert!((239..=268).contains(&hour.heartbeats), "{hour:?}");
    // All slots are taken: no poll at all.
    assert_eq!((hour.polls, hour.others), (0, 0), "{hour:?}");
}

#[actix_rt::test]
async fn a_worker_of_a_hundred_orchestrators_serves_each() {
    let hour = holds::orchestrators(100, || {}).await;
    assert!((23_900..=26_800).contains(&hour.heartbeats), "{hour:?}");
    assert_eq!(hour.others, 0, "{hour:?}");
    // Each has a poll open, which it holds for 30 s.
    assert!((11_800..=12_200).contains(&hour.polls), "{hour:?}");
}

/// The median time of a small task in a worker with its own threads.
async fn small_task(orchestrator: &MemoryOrchestrator) -> Duration {
    let mut times = Vec::new();
    for _ in 0..201 {
        let began = Instant::now();
        let task = orchestrator.submit("small", &());
        orchestrator.result_of(&task).await;
        times.push(began.elapsed());
        orchestrator.clear_history();
    }
    times.sort();
    times[times.len() / 2]
}

/// Sleeps until the worker ends.
async fn sleeps(_: RawJson) -> Result<(), TaskError> {
    std::future::pending().await
}

async fn small(_: RawJson) -> Result<(), TaskError> {
    Ok(())
}

#[actix_rt::test]
async fn ten_thousand_limited_tasks_asleep_cost_a_small_task_beside_them_nothing() {
    const ASLEEP: usize = 10_000;
    let orchestrator = MemoryOrchestrator::new();
    let worker = Worker::builder("limited")
        .settings(Settings::default())
        .without_usage()
        .transport("memory", orchestrator.connect())
        .task("sleeps", sleeps)
        .task("small", small)
        .max_concurrent_tasks(ASLEEP + 1)
        .configure(|settings| {
            settings.timing.shutdown_timeout = Duration::ZERO;
            settings.timing.cancel_grace = Duration::ZERO;
        })
        .spawn()
        .unwrap();
    let alone = small_task(&orchestrator).await;
    for number in 0..ASLEEP {
        orchestrator.submit_with("sleeps", RawJson::empty_object(), |task| {
            task.timeout = Some(HOUR + Duration::from_millis(number as u64));
        });
    }
    until("all sleep", || worker.status().tasks.len() == ASLEEP).await;
    let beside = small_task(&orchestrator).await;
    assert!(
        beside < alone + Duration::from_millis(1),
        "{alone:?} alone, {beside:?} beside {ASLEEP}"
    );
    worker.shutdown().await;
}
