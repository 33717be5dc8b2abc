//! Another try on this worker, before the orchestrator hears of a failure.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::middleware::{Middleware, Next, TaskCall};
use crate::task::Outcome;

/// Calls the handler again when it failed with an error that may pass
/// (`TRANSIENT_ERROR` and its like), with waits that double, and that are at least as long as
/// the error says ([`TaskError::retry_after`](crate::TaskError::retry_after)). A panic is no
/// such error.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    attempts: u32,
    first_wait: Duration,
}

impl Retry {
    /// At most so many calls in all, at least one.
    #[must_use]
    pub fn attempts(attempts: u32, first_wait: Duration) -> Self {
        Self {
            attempts: attempts.max(1),
            first_wait,
        }
    }
}

impl Middleware for Retry {
    fn call(&self, call: TaskCall, next: Next) -> LocalBoxFuture<'static, Outcome> {
        let Self {
            attempts,
            first_wait,
        } = *self;
        Box::pin(async move {
            let mut wait = first_wait;
            for attempt in 1.. {
                let outcome = next.clone().run(call.clone()).await;
                let passes =
                    matches!(&outcome, Outcome::Failed(error) if error.code().is_retried());
                if !passes || attempt >= attempts || call.task().cancel_signal().is_cancelled() {
                    return outcome;
                }
                let asked = match &outcome {
                    Outcome::Failed(error) => error.retry_delay().unwrap_or_default(),
                    _ => Duration::ZERO,
                };
                let pause = wait.max(asked);
                tracing::debug!(attempt, ?pause, "the call failed, it is made again");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = call.task().cancel_signal().cancelled() => return outcome,
                }
                wait = wait.saturating_mul(2);
            }
            unreachable!("the last attempt returns")
        })
    }
}
