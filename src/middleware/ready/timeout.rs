//! A time limit of a call.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::middleware::{Middleware, Next, TaskCall};
use crate::task::{ErrorCode, Outcome, TaskError};

/// Fails a call with `TIMEOUT_ERROR` when it takes longer than this. Unlike
/// [`TaskSpec::time_limit`](crate::TaskSpec::time_limit) the handler has no grace
/// time, and the time it waited for a slot does not count.
#[derive(Debug, Clone, Copy)]
pub struct Timeout(pub Duration);

impl Middleware for Timeout {
    fn call(&self, call: TaskCall, next: Next) -> LocalBoxFuture<'static, Outcome> {
        let limit = self.0;
        Box::pin(async move {
            let in_time = tokio::time::timeout(limit, next.run(call)).await;
            in_time.unwrap_or_else(|_| {
                let text = format!("the call took longer than {limit:?}");
                Outcome::Failed(TaskError::new(ErrorCode::Timeout, text))
            })
        })
    }
}
