//! Many jobs at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};

use crate::RELEASE;
use crate::support::{Orchestrator, OrchestratorSetup, Stage, Storage, Value, json};

const JOBS: usize = 2000;
/// How many jobs are under way at once.
const AT_ONCE: usize = 50;

#[actix_rt::test]
async fn of_two_thousand_jobs_each_result_is_accepted_exactly_once() {
    let setup = OrchestratorSetup::new(RELEASE)
        .set("LOG_LEVEL", "ERROR")
        .without_history();
    let stage = Stage::with(Storage::Memory, setup).await;
    let worker = stage
        .worker()
        .set("MAX_CONCURRENT_TASKS", "16")
        .set("LOG_LEVEL", "warn")
        .start();
    stage.orchestrator.registered(worker.id()).await;
    let began = Instant::now();
    let orchestrator = &stage.orchestrator;
    let jobs: Vec<_> = stream::iter(0..JOBS)
        .map(|n| async move {
            let params = json!({ "a": n, "b": 1 });
            let order = json!({ "task": "add", "params": params, "wait": 120 });
            let job = orchestrator.submit("single", order).await;
            let record = until_it_ends(orchestrator, &job).await;
            assert_eq!(record["status"], "finished", "{record:#}");
            assert_eq!(record["state_history"]["sum"], n + 1, "{record:#}");
            job
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    println!("{JOBS} jobs in {:.1} s", began.elapsed().as_secs_f64());

    let mut taken: HashMap<String, usize> = HashMap::new();
    for message in orchestrator.messages("result").await {
        assert_eq!(message["answer"]["status"], "accepted", "{message:#}");
        let job = message["payload"]["job_id"].as_str().expect("a job");
        *taken.entry(job.to_owned()).or_default() += 1;
    }
    assert_eq!(taken.len(), JOBS);
    for job in jobs {
        assert_eq!(taken[&job], 1, "{job}");
    }
}

/// Asks seldom: with so many jobs the questions alone keep an orchestrator busy.
async fn until_it_ends(orchestrator: &Orchestrator, job: &str) -> Value {
    let end = Instant::now() + Duration::from_mins(2);
    loop {
        actix_rt::time::sleep(Duration::from_millis(250)).await;
        let record = orchestrator.job(job).await;
        let is_over = record["status"] == "finished" || record["retry_count"].as_u64() > Some(0);
        if is_over || Instant::now() > end {
            return record;
        }
    }
}
