//! The jobs: quick ones, slow ones, ones with a limit, and ones that always fail.

use axon_worker::dev::{DevOrchestrator, JobHandle, JobSpec, JobState};
use serde_json::{Value, json};

/// How often a task is tried again. More often than hand-outs of one job get lost in
/// a row, on any seed that will be drawn.
pub(crate) const RETRIES: u32 = 8;

/// A submitted job and the end it must come to.
pub(crate) struct Submitted {
    pub(crate) handle: JobHandle,
    pub(crate) kind: &'static str,
    pub(crate) end: JobState,
    /// The data it must end with.
    pub(crate) data: Value,
}

pub(crate) struct Jobs(pub(crate) Vec<Submitted>);

impl Jobs {
    pub(crate) async fn submit(to: &DevOrchestrator, total: usize, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut jobs = Vec::with_capacity(total);
        for n in 0..total {
            let (kind, params, end, data) = one(n, random.u32(0..100));
            let spec = JobSpec::task(kind, params);
            let handle = to.submit(spec).await.expect("the orchestrator runs");
            jobs.push(Submitted {
                handle,
                kind,
                end,
                data,
            });
        }
        Self(jobs)
    }
}

fn one(n: usize, draw: u32) -> (&'static str, Value, JobState, Value) {
    let (finished, quarantined) = (JobState::Finished, JobState::Quarantined);
    match draw {
        0..40 => {
            let text = "chaos ".repeat(n % 40);
            let data = json!({ "n": n, "text": text });
            ("echo", data.clone(), finished, data)
        }
        40..60 => ("noop", json!({}), finished, json!({})),
        60..80 => {
            let params = json!({ "a": n, "b": 1 });
            ("add", params, finished, json!({ "sum": n + 1 }))
        }
        80..90 => {
            let params = json!({ "seconds": 0.02 });
            ("sleep", params, finished, json!({ "slept": 0.02 }))
        }
        90..92 => {
            let params = json!({ "seconds": 0.02 });
            ("spin", params, finished, json!({ "spun": 0.02 }))
        }
        92..95 => {
            let kind = if n % 2 == 0 { "video_a" } else { "video_b" };
            let params = json!({ "seconds": 0.05 });
            (kind, params, finished, json!({ "slept": 0.05 }))
        }
        95..98 => {
            let params = json!({ "code": "TRANSIENT_ERROR", "message": "as ever" });
            ("fail", params, quarantined, json!({}))
        }
        _ => {
            let params = json!({ "message": "as ever" });
            ("panic", params, quarantined, json!({}))
        }
    }
}
