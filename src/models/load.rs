//! The user's functions: how a model comes into memory, what it costs, how it leaves.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;
use tracing::error;

use crate::task::TaskError;

type Loading<M> = LocalBoxFuture<'static, Result<M, TaskError>>;
type Load<M> = dyn Fn(&str) -> Result<M, TaskError> + Send + Sync;
type Leave<M> = dyn Fn(&str, M) + Send + Sync;
type Cost = Box<dyn Fn(&str) -> Result<u64, TaskError> + Send + Sync>;

pub(super) enum Loader<M> {
    Async(Arc<dyn Fn(String) -> Loading<M> + Send + Sync>),
    Blocking(Arc<Load<M>>),
}

pub(super) enum Hook<M> {
    None,
    Async(Arc<dyn Fn(String, M) -> LocalBoxFuture<'static, ()> + Send + Sync>),
    Blocking(Arc<Leave<M>>),
}

pub(super) struct How<M> {
    pub(super) loader: Loader<M>,
    pub(super) cost: Cost,
    pub(super) hook: Hook<M>,
    pub(super) preload: Vec<String>,
}

impl<M: Send + Sync + 'static> Loader<M> {
    pub(super) fn from_async<F, L>(load: F) -> Self
    where
        F: Fn(String) -> L + Send + Sync + 'static,
        L: Future<Output = Result<M, TaskError>> + 'static,
    {
        Self::Async(Arc::new(move |name| Box::pin(load(name))))
    }
}

impl<M: Send + Sync + 'static> How<M> {
    /// Loads a model. A panic is a failure.
    pub(super) async fn load(&self, name: &str) -> Result<M, TaskError> {
        let owned = name.to_owned();
        let loaded = match &self.loader {
            // Calling it is inside as well.
            Loader::Async(load) => caught(async move { load(owned).await }).await,
            Loader::Blocking(load) => {
                let load = load.clone();
                on_thread(move || load(&owned)).await?
            }
        };
        let failed = |error: TaskError| error.prefixed(&format!("model {name:?}: "));
        match loaded {
            Ok(loaded) => loaded.map_err(failed),
            Err(panic) => {
                let what = format!("loading the model {name:?}");
                Err(TaskError::panicked(&what, &*panic))
            }
        }
    }

    /// Sends a model away, and returns when it is gone.
    pub(super) async fn unload(&self, name: &str, model: M) {
        let owned = name.to_owned();
        let gone = match (&self.hook, &self.loader) {
            (Hook::Async(hook), _) => caught(async move { hook(owned, model).await }).await,
            (Hook::Blocking(hook), _) => {
                let hook = hook.clone();
                let work = move || hook(&owned, model);
                on_thread(work).await.unwrap_or_else(no_thread)
            }
            (Hook::None, Loader::Async(_)) => caught(async move { drop(model) }).await,
            // What takes long to load may take long to drop.
            (Hook::None, Loader::Blocking(_)) => {
                let work = move || drop(model);
                on_thread(work).await.unwrap_or_else(no_thread)
            }
        };
        if let Err(panic) = gone {
            let error = TaskError::panicked("the hook", &*panic);
            error!(model = name, error = error.message(), "a model left badly");
        }
    }
}

fn no_thread<T>(error: TaskError) -> thread::Result<T> {
    Err(Box::new(error.to_string()))
}

async fn caught<T>(work: impl Future<Output = T>) -> thread::Result<T> {
    AssertUnwindSafe(work).catch_unwind().await
}

/// Does the work on a thread of its own. Fails when there is none to be had; then the work
/// is dropped on this one.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::Result<T>, TaskError> {
    let (send, done) = oneshot::channel();
    thread::Builder::new()
        .name("axon-model".to_owned())
        .spawn(move || {
            let _ = send.send(std::panic::catch_unwind(AssertUnwindSafe(work)));
        })?;
    done.await.or_else(|_| {
        let lost: Box<dyn Any + Send> = Box::new("its thread ended");
        Ok(Err(lost))
    })
}
