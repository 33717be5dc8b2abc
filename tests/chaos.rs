//! Thousands of tasks on a line that spoils one exchange in ten, with an orchestrator
//! that is restarted and a worker that is killed in the middle. Afterwards everything
//! is counted: by the orchestrator's books, by the proxy's, and by a log that the
//! handlers write themselves.
//!
//! `AXON_CHAOS_TASKS` sets the number of jobs (2400), `AXON_CHAOS_SEED` the seed of
//! the faults (7), `AXON_CHAOS_KILLS` how often the worker is killed (1);
//! restarts of the orchestrator are as many.

#[path = "chaos/books.rs"]
mod books;
#[path = "chaos/load.rs"]
mod load;
#[path = "support/proxy/mod.rs"]
mod proxy;
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the other half is for the published orchestrators"
)]
mod support;
#[path = "chaos/watch.rs"]
mod watch;

use std::time::{Duration, Instant};

use axon_worker::dev::{DevOrchestrator, Keep};

use books::Books;
use load::Jobs;
use proxy::{Fault, Proxy};
use support::{Worker, WorkerSetup};
use watch::Watch;

const TOKEN: &str = "your-secret-worker-token";
const WORKER: &str = "conformance-1";
/// The most tasks at once, which the worker has to keep to.
const AT_ONCE: usize = 12;
/// The most tasks of the type that has a limit.
const VIDEOS_AT_ONCE: usize = 1;
/// The share of exchanges that are spoiled.
const RATE: f64 = 0.1;
/// How long nothing at all may happen.
const STUCK: Duration = Duration::from_secs(90);

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}: {text:?} is no number"))
    })
}

/// Every kind of fault. Those that cost seconds each are rare.
fn mix() -> Vec<(Fault, u32)> {
    let millis = Duration::from_millis;
    vec![
        (Fault::DropRequest, 12),
        (Fault::DropAnswer, 12),
        (Fault::Reset, 12),
        (Fault::ResetIdle, 12),
        (Fault::Truncate, 8),
        (Fault::Duplicate, 8),
        (Fault::Unavailable, 12),
        (Fault::Delay(millis(100)), 8),
        (Fault::Drip(millis(20)), 8),
        (Fault::Hang, 1),
        (Fault::Swallow, 1),
    ]
}

fn start_worker(proxy: &Proxy, folder: &tempfile::TempDir) -> Worker {
    let log = folder.path().join("executions.log");
    WorkerSetup::at(&proxy.url(), folder.path().to_owned())
        .set("WORKER_TOKEN", TOKEN)
        .set("MAX_CONCURRENT_TASKS", &AT_ONCE.to_string())
        .set("AXON_REQUEST_TIMEOUT", "1")
        .set("TASK_POLL_TIMEOUT", "1")
        .set("POLL_BACKOFF_INITIAL", "0.05")
        .set("TASK_POLL_ERROR_DELAY", "0.5")
        .set("RESULT_RETRY_INITIAL_DELAY", "0.05")
        .set("REGISTRATION_RETRY_INITIAL_DELAY", "0.05")
        .set("AXON_CONFORMANCE_LOG", &log.display().to_string())
        .set("LOG_LEVEL", "info")
        .start()
}

#[actix_rt::test]
async fn nothing_is_lost_on_a_bad_line_with_a_restart_and_a_kill() {
    let total = usize::try_from(number("AXON_CHAOS_TASKS", 2400)).expect("a number of tasks");
    let seed = number("AXON_CHAOS_SEED", 7);
    let kills = usize::try_from(number("AXON_CHAOS_KILLS", 1)).expect("a number of kills");
    println!("chaos: seed {seed}");

    let began = Instant::now();
    let builder = DevOrchestrator::builder()
        .poll_hold(Duration::from_secs(1))
        .max_retries(load::RETRIES)
        .record(false);
    let orchestrator = builder.start().await.expect("an orchestrator");
    let proxy = Proxy::start(orchestrator.port(), seed);
    proxy.storm(RATE, &mix());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut worker = start_worker(&proxy, &folder);
    let jobs = Jobs::submit(&orchestrator, total, seed).await;
    let watch = Watch::new(&orchestrator, &proxy, folder.path());

    // Restarts and kills take turns at even distances.
    for blow in 1..=2 * kills {
        watch.until(blow * total / (2 * kills + 1), &jobs).await;
        if blow % 2 == 1 {
            orchestrator.restart(Keep::Jobs).await.expect("it restarts");
            println!(
                "chaos: orchestrator restarted after {:.1?}",
                began.elapsed()
            );
        } else {
            worker.kill();
            watch.worker_was_killed().await;
            worker = start_worker(&proxy, &folder);
            println!("chaos: worker killed after {:.1?}", began.elapsed());
        }
    }
    watch.until(total, &jobs).await;
    let took = began.elapsed();

    // What is still under way is delivered on a line that is well.
    proxy.calm();
    worker.terminate();
    let ended = worker.exit(Duration::from_secs(30)).await;
    let books = Books::close(&jobs, &proxy, &watch, &orchestrator, folder.path());
    books.print(took, seed);
    books.check();
    assert_eq!(ended.code(), Some(0), "{}", worker.output());
}
