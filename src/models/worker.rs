//! Models in a worker: from its start to its end.

use std::any::type_name;
use std::io;

use actix::Recipient;
use futures_util::future::LocalBoxFuture;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tracing::warn;

use super::Models;
use super::thread::preload;
use crate::actors::HotCacheChange;
use crate::task::TaskError;

/// The models of a running worker.
#[derive(Clone)]
pub(crate) struct OpenModels {
    all: Vec<Arc<dyn AnyModels>>,
    hot: Recipient<HotCacheChange>,
}

impl OpenModels {
    pub(crate) fn open(
        all: Vec<Arc<dyn AnyModels>>,
        hot: &Recipient<HotCacheChange>,
        here: bool,
    ) -> io::Result<Self> {
        for models in &all {
            models.open(hot.clone(), here)?;
        }
        let hot = hot.clone();
        Ok(Self { all, hot })
    }

    /// Sends all models away and waits for that for so long.
    pub(crate) async fn close(&self, patience: Duration) {
        let leaving = self.all.iter().map(|models| models.close(self.hot.clone()));
        let left = tokio::time::timeout(patience, join_all(leaving)).await;
        if left.is_err() {
            warn!("models are still held or on their way out; they are left behind");
        }
    }
}

/// Models whose type is forgotten.
pub(crate) trait AnyModels: Send + Sync {
    /// What is wrong with them, for the builder.
    fn problems(&self) -> Vec<String>;

    /// A worker starts: they can be loaded, on this thread with `here`, and its hot cache
    /// is told of them.
    fn open(&self, hot: Recipient<HotCacheChange>, here: bool) -> io::Result<()>;

    /// A worker has ended. When it was the last one, all models leave; this waits for
    /// them.
    fn close(&self, hot: Recipient<HotCacheChange>) -> LocalBoxFuture<'static, ()>;
}

impl<M: Send + Sync + 'static> AnyModels for Models<M> {
    fn problems(&self) -> Vec<String> {
        let of = type_name::<M>();
        let how = &self.shared.how;
        let costs = how.preload.iter().map(|name| {
            let failed = |error: TaskError| format!("preloading {name:?} of Models<{of}>: {error}");
            (how.cost)(name).map_err(failed)
        });
        let costs: Result<Vec<u64>, String> = costs.collect();
        let sum = costs.map(|costs| costs.into_iter().fold(0, u64::saturating_add));
        match sum {
            Err(problem) => vec![problem],
            Ok(sum) if sum > self.budget() => vec![format!(
                "what Models<{of}> shall preload costs {sum}, more than the budget of {}",
                self.budget()
            )],
            Ok(_) => Vec::new(),
        }
    }

    fn open(&self, hot: Recipient<HotCacheChange>, here: bool) -> io::Result<()> {
        self.shared.jobs.start(here)?;
        let is_first = {
            let mut state = self.shared.lock();
            state.closed = false;
            for name in state.models.keys() {
                hot.do_send(HotCacheChange::Add(name.to_string()));
            }
            state.hot.push(hot);
            state.hot.len() == 1
        };
        if is_first {
            preload(&self.shared);
        }
        Ok(())
    }

    fn close(&self, hot: Recipient<HotCacheChange>) -> LocalBoxFuture<'static, ()> {
        let shared = self.shared.clone();
        Box::pin(async move {
            let is_last = shared.with(|state, effects| {
                state.hot.retain(|other| *other != hot);
                if !state.hot.is_empty() {
                    return false;
                }
                state.closed = true;
                let (waiting, steps) = state.shelf.clear();
                let waiting = waiting.iter().filter_map(|it| state.waiting.remove(it));
                let error = TaskError::transient("the worker has ended");
                effects.failed.extend(waiting.map(|it| (it, error.clone())));
                state.take(steps, effects);
                true
            });
            if !is_last {
                return;
            }
            loop {
                let emptied = shared.emptied.notified();
                tokio::pin!(emptied);
                // From here on it misses nothing.
                emptied.as_mut().enable();
                if shared.lock().shelf.is_empty() {
                    return;
                }
                emptied.await;
            }
        })
    }
}
