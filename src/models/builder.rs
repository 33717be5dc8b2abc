//! What is said of models before a worker uses them.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::Models;
use super::load::{Hook, How, Loader};
use super::shared::Shared;
use crate::task::TaskError;

/// Builds [`Models`].
#[must_use]
pub struct ModelsBuilder<M: Send + Sync + 'static> {
    how: How<M>,
    budget: u64,
}

impl<M: Send + Sync + 'static> ModelsBuilder<M> {
    pub(super) fn new(loader: Loader<M>) -> Self {
        let how = How {
            loader,
            cost: Box::new(|_| Ok(1)),
            hook: Hook::None,
            preload: Vec::new(),
        };
        Self {
            how,
            budget: u64::MAX,
        }
    }

    /// What a model costs, for example its size in bytes. Asked before it is loaded, on
    /// the thread of the handler that wants it, so it should be quick; its error is the
    /// failure of that task. Default: 1 each, so that the budget is a number of models.
    pub fn cost(
        mut self,
        cost: impl Fn(&str) -> Result<u64, TaskError> + Send + Sync + 'static,
    ) -> Self {
        self.how.cost = Box::new(cost);
        self
    }

    /// What all models together may cost at every moment, those included that are being
    /// loaded or sent away. Default: no limit.
    pub fn budget(mut self, budget: u64) -> Self {
        self.budget = budget;
        self
    }

    /// Gives each model that leaves to an async function, with its name. It runs where
    /// loads run and must not block. The cost of the model counts until it has ended; a
    /// panic in it ends nothing else.
    pub fn on_evict<F, E>(mut self, hook: F) -> Self
    where
        F: Fn(String, M) -> E + Send + Sync + 'static,
        E: Future<Output = ()> + 'static,
    {
        self.how.hook = Hook::Async(Arc::new(move |name, model| Box::pin(hook(name, model))));
        self
    }

    /// [`ModelsBuilder::on_evict`] with a function that may block: each call has a thread
    /// of its own.
    pub fn on_evict_blocking(mut self, hook: impl Fn(&str, M) + Send + Sync + 'static) -> Self {
        self.how.hook = Hook::Blocking(Arc::new(hook));
        self
    }

    /// Loads these when the worker starts, one after the other. It takes tasks meanwhile.
    /// What cannot be loaded is a warning in the log. All of them have to fit together, or
    /// the worker is not built.
    pub fn preload<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.how.preload.extend(names.into_iter().map(Into::into));
        self
    }

    /// The models, to be given to [`WorkerBuilder::models`](crate::WorkerBuilder::models).
    /// A clone of them is a way to [evict](Models::evict) and watch models from outside.
    #[must_use]
    pub fn build(self) -> Models<M> {
        Models {
            shared: Arc::new(Shared::new(self.how, self.budget)),
            holder: None,
        }
    }
}

impl<M: Send + Sync + 'static> fmt::Debug for ModelsBuilder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelsBuilder")
            .field("budget", &self.budget)
            .field("preload", &self.how.preload)
            .finish_non_exhaustive()
    }
}
