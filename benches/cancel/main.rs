//! How long a cancel takes: from the development orchestrator over the WebSocket
//! to the handler, and back as a result. Prints; asserts nothing but that every
//! job ends cancelled. See `docs/performance.md`.
//!
//! ```sh
//! cargo bench --bench cancel
//! ```
//!
//! Orchestrator and worker share this process, each on threads of its own, and
//! speak over loopback. Without `--bench`, as under `cargo test`, it only shows
//! that it works.

use std::time::{Duration, Instant};

use axon_worker::config::{OrchestratorSettings, Settings};
use axon_worker::dev::{CancelOutcome, DevOrchestrator, JobSpec, JobState};
use axon_worker::{Data, TaskContext, TaskError, Worker, WorkerHandle, WorkerId};
use serde_json::{Value, json};
use tokio::sync::mpsc;

const WORKER: &str = "w";
const TOKEN: &str = "your-secret-worker-token";

/// What a handler tells the bench: that it runs, and when it saw the cancel.
type Sightings = mpsc::UnboundedSender<Option<Instant>>;

async fn wait(_: Value, task: TaskContext, tell: Data<Sightings>) -> Result<(), TaskError> {
    tell.send(None)?;
    task.cancellation().cancelled().await;
    tell.send(Some(Instant::now()))?;
    Ok(())
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let (warm_up, rounds) = if is_bench { (50, 2_000) } else { (1, 5) };
    let orchestrator = DevOrchestrator::builder().record(false).start().await?;
    for other_tasks in [0, 100] {
        let (tell, mut told) = mpsc::unbounded_channel();
        let worker = start(&orchestrator, tell)?;
        orchestrator
            .wait_until(|view| view.worker(WORKER).is_some_and(|it| it.has_socket))
            .await;
        let mut others = Vec::new();
        for _ in 0..other_tasks {
            others.push(submit(&orchestrator, &mut told).await?);
        }
        let (mut to_handler, mut to_result) = (Vec::new(), Vec::new());
        for round in 0..warm_up + rounds {
            let job = submit(&orchestrator, &mut told).await?;
            let began = Instant::now();
            assert_eq!(job.cancel().await, CancelOutcome::Sent);
            let report = job.finished().await;
            let answered = began.elapsed();
            assert_eq!(report.state, JobState::Cancelled);
            let seen = told
                .recv()
                .await
                .flatten()
                .ok_or("the handler saw nothing")?;
            if round >= warm_up {
                to_handler.push(seen.duration_since(began));
                to_result.push(answered);
            }
        }
        println!("{rounds} cancels, one after the other, beside {other_tasks} running tasks:");
        print(
            "handler sees its token (goal: median at most 5 ms)",
            to_handler,
        );
        print("result is received (goal: p99 at most 20 ms)", to_result);
        for job in others {
            job.cancel().await;
            job.finished().await;
        }
        worker.shutdown().await;
    }
    orchestrator.stop().await;
    Ok(())
}

fn start(
    orchestrator: &DevOrchestrator,
    tell: Sightings,
) -> Result<WorkerHandle, axon_worker::Error> {
    let url = orchestrator.url();
    Worker::builder("cancel-bench")
        .settings(Settings::default())
        .configure(move |settings| {
            settings.worker_id = WorkerId::try_new(WORKER).expect("a plain name");
            settings.enable_websockets = true;
            settings.intake.max_concurrent_tasks = 200;
            settings.orchestrators = vec![OrchestratorSettings::new(url, TOKEN)];
        })
        .data(tell)
        .task("wait", wait)
        .spawn()
}

/// A job whose handler runs.
async fn submit(
    orchestrator: &DevOrchestrator,
    told: &mut mpsc::UnboundedReceiver<Option<Instant>>,
) -> Result<axon_worker::dev::JobHandle, Box<dyn std::error::Error>> {
    let job = orchestrator
        .submit(JobSpec::task("wait", json!({})))
        .await?;
    match told.recv().await {
        Some(None) => Ok(job),
        other => Err(format!("a handler should have begun, not {other:?}").into()),
    }
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!(
        "  {what}: median {:.2} ms, p99 {:.2} ms, most {:.2} ms",
        at(50),
        at(99),
        at(100)
    );
}
