//! Many workers and one orchestrator that goes away for a while and forgets everybody.
//! Real workers on a paused clock: what they send, and when, is what they would send.

use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::transport::memory::{Call, Made, MemoryOrchestrator};
use axon_worker::{TaskError, Worker};
use serde_json::Value;

/// What happens in the simulation.
#[derive(Debug, Clone, Copy)]
pub struct Herd {
    pub workers: usize,
    /// Chooses all that is left to chance.
    pub seed: u64,
    /// Everything is well for so long.
    pub calm: Duration,
    /// The orchestrator is away for so long.
    pub outage: Duration,
    /// And then watched for so long.
    pub after: Duration,
}

impl Herd {
    /// An outage of a minute between five minutes and two. Without the five minutes the
    /// orchestrator is away when the workers start.
    pub fn of(workers: usize) -> Self {
        Self {
            workers,
            seed: 1,
            calm: Duration::from_mins(5),
            outage: Duration::from_mins(1),
            after: Duration::from_mins(2),
        }
    }

    /// All workers start at once; the orchestrator goes away, forgets everybody, comes back.
    /// Needs an actix system of its own, and pauses its clock.
    pub async fn run(self) -> Seen {
        tokio::time::pause();
        fastrand::seed(self.seed);
        let orchestrator = MemoryOrchestrator::new();
        if self.calm.is_zero() {
            orchestrator.go_down();
        }
        let mut workers = Vec::new();
        for _ in 0..self.workers {
            let worker = Worker::builder("herd")
                .settings(Settings::default())
                .without_usage()
                .transport("memory", orchestrator.connect())
                .task("nothing", nothing);
            let worker = worker.build().expect("a worker");
            workers.push(worker.spawn_local().await.expect("a started worker"));
        }
        tokio::time::sleep(self.calm).await;
        orchestrator.go_down();
        orchestrator.forget_worker();
        tokio::time::sleep(self.outage).await;
        orchestrator.come_up();
        tokio::time::sleep(self.after).await;
        Seen {
            herd: self,
            made: orchestrator.timeline(),
            known: orchestrator.known_workers(),
        }
    }
}

async fn nothing(_: Value) -> Result<(), TaskError> {
    Ok(())
}

/// What the orchestrator saw.
#[derive(Debug)]
pub struct Seen {
    pub herd: Herd,
    pub made: Vec<Made>,
    /// Workers that are registered at the end.
    pub known: usize,
}

/// Requests over a stretch of time, counted per window.
#[derive(Debug)]
pub struct Spread {
    pub window: Duration,
    pub counts: Vec<usize>,
}

impl Spread {
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The most in one window.
    pub fn peak(&self) -> usize {
        self.counts.iter().copied().max().unwrap_or(0)
    }

    /// The mean of a window.
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    pub fn mean(&self) -> f64 {
        self.total() as f64 / self.counts.len().max(1) as f64
    }

    /// The end of the last window with a request in it.
    pub fn until(&self) -> Duration {
        let last = self.counts.iter().rposition(|count| *count > 0);
        let windows = last.map_or(0, |last| last + 1);
        self.window * u32::try_from(windows).expect("few windows")
    }
}

pub const WINDOW: Duration = Duration::from_millis(100);

impl Seen {
    /// When the orchestrator came back.
    pub fn back(&self) -> Duration {
        self.herd.calm + self.herd.outage
    }

    /// Requests of these kinds from `from` on, for `length`.
    pub fn spread(&self, calls: &[Call], from: Duration, length: Duration) -> Spread {
        let place = |at: Duration| (at.as_nanos() / WINDOW.as_nanos()) as usize;
        let mut counts = vec![0; place(length)];
        for made in &self.made {
            if let Some(at) = made.at.checked_sub(from)
                && at < length
                && calls.contains(&made.call)
            {
                counts[place(at)] += 1;
            }
        }
        Spread {
            window: WINDOW,
            counts,
        }
    }

    /// The longest time between two heartbeats of one worker while all was well. A
    /// registration carries the state, too.
    pub fn longest_silence(&self) -> Duration {
        let mut last = vec![Duration::ZERO; self.herd.workers];
        let mut longest = Duration::ZERO;
        let tells = |made: &&Made| matches!(made.call, Call::Heartbeat | Call::Register);
        let calm = self.made.iter().filter(|made| made.at < self.herd.calm);
        for made in calm.filter(tells) {
            let silence = made.at.saturating_sub(last[made.worker]);
            longest = longest.max(silence);
            last[made.worker] = made.at;
        }
        longest
    }
}
