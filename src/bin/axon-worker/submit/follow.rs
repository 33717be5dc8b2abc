//! Waiting for the end of jobs, by looking again and again.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::{Instant, sleep};

use super::bar::Bar;
use super::outcome::{Outcome, Progress};
use crate::client::{Client, ClientError};

/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// How long the orchestrator may be away before we give up.
const PATIENCE: Duration = Duration::from_secs(15);
/// Looks at once.
const AT_ONCE: usize = 16;

/// How it all ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) all_finished: bool,
    /// Those that had not ended when the time was over.
    pub(super) left: Vec<String>,
}

/// Follows all jobs to their ends. `tell` is called for each as it ends.
pub(super) async fn all(
    client: &Client,
    jobs: Vec<String>,
    within: Option<Duration>,
    tell: impl Fn(&Outcome),
) -> Result<Ended, ClientError> {
    let until = within.map(|within| Instant::now() + within);
    let mut bar = Bar::new(jobs.len());
    let mut open = jobs;
    let mut all_finished = true;
    let mut seen_at = Instant::now();
    loop {
        let mut left = Vec::with_capacity(open.len());
        let mut progress = Progress::default();
        let mut pause = LOOK_EVERY;
        let looks = stream::iter(open)
            .map(async |job| (client.job(&job).await, job))
            .buffered(AT_ONCE);
        let mut looks = std::pin::pin!(looks);
        while let Some((record, job)) = looks.next().await {
            let record = match record {
                Ok(record) => {
                    seen_at = Instant::now();
                    record
                }
                Err(ClientError::RateLimited { wait, .. }) => {
                    seen_at = Instant::now() + wait;
                    pause = pause.max(wait);
                    left.push(job);
                    continue;
                }
                Err(error) if error.is_refusal() || seen_at.elapsed() > PATIENCE => {
                    return Err(error);
                }
                Err(_) => {
                    left.push(job);
                    continue;
                }
            };
            match Outcome::of(&job, &record) {
                Some(outcome) => {
                    all_finished &= outcome.is_good();
                    bar.ended(outcome.is_good());
                    bar.aside(|| tell(&outcome));
                }
                None => {
                    progress = Progress::of(&record);
                    left.push(job);
                }
            }
        }
        let is_cut_short = until.is_some_and(|until| Instant::now() >= until);
        if left.is_empty() || is_cut_short {
            bar.over(left.len());
            return Ok(Ended { all_finished, left });
        }
        bar.shows(&progress);
        open = left;
        let until_cut = until.map(|until| until.saturating_duration_since(Instant::now()));
        sleep(until_cut.map_or(pause, |left| left.min(pause))).await;
    }
}
