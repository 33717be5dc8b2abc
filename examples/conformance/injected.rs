//! A middleware actor that hands a value to a handler and counts the calls.

use actix::prelude::*;
use axon_worker::middleware::{AfterTask, Before, BeforeTask, Injected, Then};
use axon_worker::{RawJson, TaskError};
use serde::Serialize;

/// What the middleware puts into each task.
#[derive(Debug, Clone, Serialize)]
pub struct Injection {
    injected: &'static str,
    calls: u64,
}

/// The middleware.
#[derive(Debug, Default)]
pub struct Injector {
    calls: u64,
}

impl Actor for Injector {
    type Context = Context<Self>;
}

impl Handler<BeforeTask> for Injector {
    type Result = Before;

    fn handle(&mut self, call: BeforeTask, _: &mut Self::Context) -> Before {
        self.calls += 1;
        call.task.insert(Injection {
            injected: "value",
            calls: self.calls,
        });
        Before::Proceed
    }
}

impl Handler<AfterTask> for Injector {
    type Result = Then;

    fn handle(&mut self, call: AfterTask, _: &mut Self::Context) -> Then {
        Then::Return(call.outcome)
    }
}

/// Returns what it was given.
pub async fn injected(_: RawJson, injection: Injected<Injection>) -> Result<Injection, TaskError> {
    Ok(Injection::clone(&injection))
}
