//! Middleware in its order, with the handler at the end.

use std::fmt;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;

use super::{Middleware, TaskCall};
use crate::handler::{Call, ErasedHandler, HandlerContext, Need};
use crate::task::Outcome;

/// A middleware and the tasks it is for.
#[derive(Clone)]
pub(crate) struct Layer {
    /// All, where nothing is said.
    pub(crate) names: Option<Vec<String>>,
    pub(crate) middleware: Arc<dyn Middleware>,
}

impl Layer {
    fn is_for(&self, name: &str) -> bool {
        self.names
            .as_ref()
            .is_none_or(|names| names.iter().any(|it| it == name))
    }
}

/// The handler with all middleware that is meant for it. Without any it stays as it is.
pub(crate) fn wrap(
    job: Arc<dyn ErasedHandler>,
    name: &str,
    layers: &[Layer],
) -> Arc<dyn ErasedHandler> {
    let chain: Arc<[_]> = layers
        .iter()
        .filter(|layer| layer.is_for(name))
        .map(|layer| layer.middleware.clone())
        .collect();
    if chain.is_empty() {
        return job;
    }
    Arc::new(Wrapped { chain, job })
}

struct Wrapped {
    chain: Arc<[Arc<dyn Middleware>]>,
    job: Arc<dyn ErasedHandler>,
}

impl ErasedHandler for Wrapped {
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Outcome> {
        let next = Next {
            chain: self.chain.clone(),
            at: 0,
            job: self.job.clone(),
        };
        next.run(TaskCall(call))
    }

    fn begin(&self, context: &HandlerContext) {
        self.job.begin(context);
    }

    fn end(&self) -> Option<LocalBoxFuture<'static, ()>> {
        self.job.end()
    }

    fn needs(&self) -> Vec<Need> {
        self.job.needs()
    }
}

/// What comes after a middleware. A clone can be run again, for another attempt.
#[derive(Clone)]
pub struct Next {
    chain: Arc<[Arc<dyn Middleware>]>,
    at: usize,
    job: Arc<dyn ErasedHandler>,
}

impl Next {
    /// Goes on: the next middleware, or the handler. A panic of either passes
    /// through here.
    #[must_use]
    pub fn run(mut self, call: TaskCall) -> LocalBoxFuture<'static, Outcome> {
        match self.chain.get(self.at).cloned() {
            Some(middleware) => {
                self.at += 1;
                middleware.call(call, self)
            }
            None => self.job.call(call.0),
        }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Next({} to go)", self.chain.len() - self.at)
    }
}
