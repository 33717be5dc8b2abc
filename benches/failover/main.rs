//! How long it takes until the standby has a poll of ours, after the orchestrator
//! that we were with is gone. Prints; asserts nothing about time. See
//! `docs/performance.md`.
//!
//! ```sh
//! cargo bench --bench failover
//! ```
//!
//! Without `--bench`, as under `cargo test`, it only shows that it works.

use std::time::{Duration, Instant};

use axon_worker::config::{OrchestratorSettings, Settings};
use axon_worker::dev::{DevOrchestrator, JobSpec};
use axon_worker::{RawJson, TaskError, Worker, WorkerHandle, WorkerId};
use serde_json::json;

const WORKER: &str = "w";
const TOKEN: &str = "your-secret-worker-token";

async fn echo(params: RawJson) -> Result<RawJson, TaskError> {
    Ok(params)
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let rounds = if is_bench { 20 } else { 1 };
    let (mut to_poll, mut to_result, mut back) = (Vec::new(), Vec::new(), Vec::new());
    let (first, second) = (orchestrator().await?, orchestrator().await?);
    let worker = start(&first, &second)?;
    for _ in 0..rounds {
        polled(&first).await;
        let began = Instant::now();
        first.go_down().await?;
        polled(&second).await;
        to_poll.push(began.elapsed());
        let job = second.submit(JobSpec::task("echo", json!({}))).await?;
        assert!(job.finished().await.is_success());
        to_result.push(began.elapsed());
        let began = Instant::now();
        first.come_up().await?;
        polled(&first).await;
        back.push(began.elapsed());
        // The standby must be left for good before the next round.
        second.wait_until(|view| view.open_polls(WORKER) == 0).await;
    }
    println!("{rounds} times from the first orchestrator to the second and back:");
    print(
        "gone, until the second has our poll (goal: at most 100 ms)",
        to_poll,
    );
    print("gone, until the second has a result of ours", to_result);
    print(
        "back, until the first has our poll (backoff: 0.1 to 0.2 s)",
        back,
    );
    worker.shutdown().await;
    Ok(())
}

/// Holds polls for a short time, for the standby is left when its last one ends.
async fn orchestrator() -> Result<DevOrchestrator, axon_worker::dev::DevError> {
    DevOrchestrator::builder()
        .poll_hold(Duration::from_secs(1))
        .start()
        .await
}

async fn polled(orchestrator: &DevOrchestrator) {
    orchestrator
        .wait_until(|view| view.open_polls(WORKER) > 0)
        .await;
}

fn start(
    first: &DevOrchestrator,
    second: &DevOrchestrator,
) -> Result<WorkerHandle, axon_worker::Error> {
    let mut orchestrators = Vec::new();
    for (priority, orchestrator) in [(1, first), (2, second)] {
        let mut settings = OrchestratorSettings::new(orchestrator.url(), TOKEN);
        settings.priority = priority;
        orchestrators.push(settings);
    }
    Worker::builder("failover-bench")
        .settings(Settings::default())
        .configure(move |settings| {
            settings.worker_id = WorkerId::try_new(WORKER).expect("a plain name");
            settings.orchestrators = orchestrators;
            settings.timing.poll_backoff_initial = Duration::from_millis(200);
            settings.timing.poll_error_delay = Duration::from_millis(200);
        })
        .task("echo", echo)
        .spawn()
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!("  {what}: median {:.1} ms, most {:.1} ms", at(50), at(100));
}
