//! A span of its own for each call.

use std::time::Instant;

use futures_util::future::LocalBoxFuture;
use tracing::{Instrument, Level, info, info_span};

use crate::middleware::{Middleware, Next, TaskCall};
use crate::task::Outcome;

/// Opens a span named `call` and logs how the call ended, at the level `INFO`; the
/// worker itself does so at `DEBUG`, and for failures at `WARN`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traced;

impl Middleware for Traced {
    fn call(&self, call: TaskCall, next: Next) -> LocalBoxFuture<'static, Outcome> {
        if !tracing::enabled!(Level::INFO) {
            return next.run(call);
        }
        let span = info_span!("call", kind = %call.task().name(), task_id = %call.task().task_id());
        let began = Instant::now();
        let body = async move {
            let outcome = next.run(call).await;
            let (status, seconds) = (outcome.status(), began.elapsed().as_secs_f64());
            info!(status, seconds, "the call ended");
            outcome
        };
        Box::pin(body.instrument(span))
    }
}
