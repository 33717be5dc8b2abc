//! What one worker process holds: many tasks at once, many orchestrators at once.
//! A real worker on a paused clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axon_worker::config::{OrchestratorMode, Settings};
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{Data, TaskError, Worker, WorkerHandle};

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// Requests of one worker in an hour.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    pub heartbeats: usize,
    pub polls: usize,
    pub others: usize,
    /// The most tasks that ran at one moment.
    pub running: usize,
}

/// How many tasks run now.
#[derive(Default)]
struct Asleep {
    now: AtomicUsize,
    most: AtomicUsize,
}

async fn nap(seconds: u64, asleep: Data<Asleep>) -> Result<(), TaskError> {
    let now = asleep.now.fetch_add(1, Ordering::Relaxed) + 1;
    asleep.most.fetch_max(now, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    asleep.now.fetch_sub(1, Ordering::Relaxed);
    Ok(())
}

/// So many tasks asleep at once for an hour, all from one orchestrator. `look` is called
/// when they all run.
pub async fn tasks(count: usize, look: impl FnOnce()) -> Hour {
    tokio::time::pause();
    let orchestrator = MemoryOrchestrator::new();
    let asleep = Arc::new(Asleep::default());
    let worker = start(1, &asleep, |builder| {
        builder
            .max_concurrent_tasks(count)
            .transport("memory", orchestrator.connect())
    })
    .await;
    // Longer than the hour that is watched.
    let seconds = HOUR.as_secs() + MINUTE.as_secs();
    for _ in 0..count {
        orchestrator.submit("nap", &seconds);
    }
    let mut hour = Hour::default();
    while asleep.now.load(Ordering::Relaxed) < count {
        tokio::time::sleep(Duration::from_millis(100)).await;
        orchestrator.clear_history();
    }
    look();
    watch(&[&orchestrator], &mut hour).await;
    // They all end, and their results arrive.
    let mut ended = 0;
    while ended < count {
        tokio::time::sleep(Duration::from_secs(1)).await;
        ended += orchestrator.results(0).await.len();
        orchestrator.clear_history();
    }
    hour.running = asleep.most.load(Ordering::Relaxed);
    worker.shutdown().await;
    hour
}

/// A worker of so many orchestrators, for an hour. A task of each comes and goes.
pub async fn orchestrators(count: usize, look: impl FnOnce()) -> Hour {
    tokio::time::pause();
    let all: Vec<_> = (0..count).map(|_| MemoryOrchestrator::new()).collect();
    let asleep = Arc::new(Asleep::default());
    let worker = start(count, &asleep, |builder| {
        let named = all.iter().enumerate();
        named.fold(builder, |builder, (number, orchestrator)| {
            builder.transport(format!("memory-{number}").as_str(), orchestrator.connect())
        })
    })
    .await;
    for orchestrator in &all {
        let task = orchestrator.submit("nap", &1);
        orchestrator.result_of(&task).await;
        orchestrator.clear_history();
    }
    look();
    let mut hour = Hour::default();
    watch(&all.iter().collect::<Vec<_>>(), &mut hour).await;
    hour.running = asleep.most.load(Ordering::Relaxed);
    worker.shutdown().await;
    hour
}

async fn start(
    orchestrators: usize,
    asleep: &Arc<Asleep>,
    with: impl FnOnce(axon_worker::WorkerBuilder) -> axon_worker::WorkerBuilder,
) -> WorkerHandle {
    let builder = Worker::builder("holds")
        .settings(Settings::default())
        .without_usage()
        .shared_data(asleep.clone())
        .configure(move |settings| {
            settings.mode = OrchestratorMode::RoundRobin;
            settings.intake.max_open_polls = settings.intake.max_open_polls.max(orchestrators);
            settings.intake.max_concurrent_tasks =
                settings.intake.max_concurrent_tasks.max(orchestrators);
        })
        .task("nap", nap);
    let worker = with(builder).build().expect("a worker");
    worker.spawn_local().await.expect("a started worker")
}

/// Counts an hour of requests. What was counted is let go, so that it takes no memory.
async fn watch(all: &[&MemoryOrchestrator], hour: &mut Hour) {
    for orchestrator in all {
        orchestrator.clear_history();
    }
    for _ in 0..60 {
        tokio::time::sleep(MINUTE).await;
        for orchestrator in all {
            for call in orchestrator.calls() {
                match call {
                    Call::Heartbeat => hour.heartbeats += 1,
                    Call::Poll => hour.polls += 1,
                    _ => hour.others += 1,
                }
            }
            orchestrator.clear_history();
        }
    }
}
