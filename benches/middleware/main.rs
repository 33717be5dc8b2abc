//! What middleware costs per call. Prints; asserts nothing but that every task
//! succeeds. See `docs/performance.md`.
//!
//! ```sh
//! cargo bench --bench middleware
//! ```
//!
//! Workers without middleware, with many empty ones and with one that is an actor
//! take turns on one thread, against an orchestrator in memory. The difference by
//! the number of middlewares is the cost of one. Without `--bench`, as under
//! `cargo test`, it only shows that it works.

use std::time::{Duration, Instant};

use actix::prelude::*;
use axon_worker::config::Settings;
use axon_worker::middleware::{self, AfterTask, Before, BeforeTask, Next, TaskCall, Then};
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{Outcome, RawJson, TaskError, Worker};

const CLOSURES: u32 = 50;

async fn noop(_: RawJson) -> Result<(), TaskError> {
    Ok(())
}

async fn empty(call: TaskCall, next: Next) -> Outcome {
    next.run(call).await
}

struct Idle;

impl Actor for Idle {
    type Context = Context<Self>;
}

impl Handler<BeforeTask> for Idle {
    type Result = Before;

    fn handle(&mut self, _: BeforeTask, _: &mut Self::Context) -> Before {
        Before::Proceed
    }
}

impl Handler<AfterTask> for Idle {
    type Result = Then;

    fn handle(&mut self, call: AfterTask, _: &mut Self::Context) -> Then {
        Then::Return(call.outcome)
    }
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let (rounds, tasks) = if is_bench { (15, 5_000) } else { (1, 20) };
    let (mut none, mut closures, mut actors) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        none.push(round(tasks, 0, false).await?);
        closures.push(round(tasks, CLOSURES, false).await?);
        actors.push(round(tasks, 0, true).await?);
    }
    let [none, closures, actors] = [none, closures, actors].map(median);
    let nanos = |d: Duration| d.as_secs_f64() * 1e9;
    println!("a task without middleware    {:>8.0} ns", nanos(none));
    let each = (nanos(closures) - nanos(none)) / f64::from(CLOSURES);
    println!("an empty async function      {each:>8.0} ns more, each of {CLOSURES}");
    let more = nanos(actors) - nanos(none);
    println!("an actor on the same thread  {more:>8.0} ns more");
    Ok(())
}

/// The time of one task, on average of `tasks`.
async fn round(
    tasks: usize,
    closures: u32,
    with_actor: bool,
) -> Result<Duration, Box<dyn std::error::Error>> {
    let orchestrator = MemoryOrchestrator::new();
    let mut builder = Worker::builder("bench")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .task("noop", noop);
    for _ in 0..closures {
        builder = builder.middleware(empty);
    }
    if with_actor {
        builder = builder.middleware(middleware::address(Idle.start()));
    }
    let worker = builder.build()?.spawn_local().await?;
    for _ in 0..tasks {
        orchestrator.submit("noop", &());
    }
    let began = Instant::now();
    let results = orchestrator.results(tasks).await;
    let took = began.elapsed();
    assert!(
        results
            .iter()
            .all(|result| matches!(result.outcome, Outcome::Completed(_)))
    );
    worker.shutdown().await;
    Ok(took / u32::try_from(tasks)?)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
