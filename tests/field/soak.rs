//! Memory over a long time. `AXON_SOAK_SECONDS` sets how long (10), and each minute is
//! printed.

use std::time::{Duration, Instant};

use axon_worker::dev::DevOrchestrator;
use serde_json::json;

use crate::stage::{Stage, Worker};

/// The size of parameters and results.
const SIZE: usize = 200_000;
/// How many tasks are submitted at once.
const BATCH: usize = 50;
/// What the allocator may keep, beyond what it had after the first fifth of the time.
const SLACK: u64 = 12 << 20;

fn seconds() -> u64 {
    let text = std::env::var("AXON_SOAK_SECONDS");
    text.map_or(10, |text| text.parse().expect("AXON_SOAK_SECONDS"))
}

async fn soak(name: &str, journal: &str) {
    // What it records it would keep.
    let builder = DevOrchestrator::builder().record(false);
    let orchestrator = builder.start().await.unwrap();
    let stage = Stage::new(&orchestrator)
        .with("AXON_JOURNAL", journal)
        .with("LOG_LEVEL", "warn");
    let worker = stage.start();
    stage.ready(200).await;

    let (began, whole) = (Instant::now(), Duration::from_secs(seconds()));
    let (mut tasks, mut minutes, mut early) = (0, 0, None);
    let params = json!({ "text": "x".repeat(SIZE) });
    while began.elapsed() < whole {
        let load = orchestrator.load("echo", params.clone(), BATCH);
        assert_eq!(load.finished().await.finished, BATCH, "{}", stage.log());
        tasks += BATCH;

        if early.is_none() && began.elapsed() > whole / 5 {
            early = Some(memory(&worker));
        }
        if began.elapsed().as_secs() / 60 > minutes {
            minutes += 1;
            let mib = memory(&worker) >> 20;
            println!("soak, {name}: {minutes} min, {tasks} tasks, {mib} MiB");
        }
    }
    let (early, late) = (early.unwrap_or_else(|| memory(&worker)), memory(&worker));
    println!(
        "soak, {name}: {tasks} tasks of {SIZE} bytes in {whole:?}; {} MiB after a fifth, {} MiB at the end",
        early >> 20,
        late >> 20
    );
    assert!(late < early + SLACK, "{early} bytes grew to {late}");
}

/// What the process has in memory, in bytes.
fn memory(worker: &Worker) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", worker.id())).expect("alive");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok()).expect("kB") << 10
}

#[actix_rt::test]
async fn memory_stays_flat_with_a_journal() {
    soak("journal on", "on").await;
}

#[actix_rt::test]
async fn memory_stays_flat_without_a_journal() {
    soak("journal off", "off").await;
}
