//! Where loads and hooks run: not as a part of any task, since a task that is called off
//! must not take the load along that others wait for.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use futures_util::future::LocalBoxFuture;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::guard::Model;
use super::shared::Shared;
use crate::actors::HotCacheChange;
use crate::task::TaskError;

type Job = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()> + Send>;

/// The way to the thread of one type of models. Jobs that come before it has started wait.
pub(super) struct Jobs {
    send: UnboundedSender<Job>,
    /// Taken by the thread.
    come: Mutex<Option<UnboundedReceiver<Job>>>,
}

impl Jobs {
    pub(super) fn new() -> Self {
        let (send, come) = unbounded_channel();
        Self {
            send,
            come: Mutex::new(Some(come)),
        }
    }

    /// Starts the thread, which ends when nobody has these models any more; or, with
    /// `here`, does the jobs on this one. Later calls change nothing.
    pub(super) fn start(&self, here: bool) -> io::Result<()> {
        let mut come = self.come.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(jobs) = come.take() else {
            return Ok(());
        };
        if here {
            actix_rt::spawn(run(jobs));
            return Ok(());
        }
        // A system of its own, so that loaders can use all of actix, and outlive a worker.
        thread::Builder::new()
            .name("axon-models".to_owned())
            .spawn(move || actix_rt::System::new().block_on(run(jobs)))?;
        Ok(())
    }

    /// A job that nobody will do is dropped, which tells those who wait for it.
    pub(super) fn put<F>(&self, job: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let _ = self.send.send(Box::new(move || Box::pin(job())));
    }
}

async fn run(mut jobs: UnboundedReceiver<Job>) {
    while let Some(job) = jobs.recv().await {
        actix_rt::spawn(job());
    }
}

impl<M: Send + Sync + 'static> Shared<M> {
    pub(super) fn load(self: &Arc<Self>, name: Arc<str>) {
        let load = Load(Some((self.clone(), name)));
        self.jobs.put(move || async move {
            let Some((shared, name)) = &load.0 else {
                return;
            };
            let loaded = shared.how.load(name).await;
            load.end(loaded);
        });
    }

    pub(super) fn unload(self: &Arc<Self>, name: Arc<str>, model: Arc<M>) {
        let leave = Leave {
            model: Some(model),
            gone: Gone(self.clone(), name),
        };
        self.jobs.put(move || async move {
            let Leave { model, gone } = leave;
            // It is alone with it: pins are given back after they have let go of it.
            if let Some(model) = model.and_then(Arc::into_inner) {
                gone.0.how.unload(&gone.1, model).await;
            }
            drop(gone);
        });
    }
}

/// A model on its way in.
struct Load<M: Send + Sync + 'static>(Option<(Arc<Shared<M>>, Arc<str>)>);

impl<M: Send + Sync + 'static> Load<M> {
    fn end(mut self, loaded: Result<M, TaskError>) {
        let Some((shared, name)) = self.0.take() else {
            return;
        };
        shared.with(|state, effects| match loaded {
            Ok(model) => {
                state.models.insert(name.clone(), Arc::new(model));
                state.tell(HotCacheChange::Add(name.to_string()));
                let steps = state.shelf.loaded(&name);
                state.take(steps, effects);
            }
            Err(error) => {
                let (waited, steps) = state.shelf.failed(&name);
                let waited = waited.iter().filter_map(|it| state.waiting.remove(it));
                effects.failed.extend(waited.map(|it| (it, error.clone())));
                state.take(steps, effects);
            }
        });
    }
}

impl<M: Send + Sync + 'static> Drop for Load<M> {
    fn drop(&mut self) {
        if let Some((_, name)) = &self.0 {
            let text = format!("model {name:?}: the worker ended before it was loaded");
            Self(self.0.take()).end(Err(TaskError::transient(text)));
        }
    }
}

/// A model on its way out. Its room is free when it has been dropped.
struct Leave<M: Send + Sync + 'static> {
    model: Option<Arc<M>>,
    gone: Gone<M>,
}

struct Gone<M: Send + Sync + 'static>(Arc<Shared<M>>, Arc<str>);

impl<M: Send + Sync + 'static> Drop for Gone<M> {
    fn drop(&mut self) {
        self.0.with(|state, effects| {
            let steps = state.shelf.left(&self.1);
            state.take(steps, effects);
        });
    }
}

/// Loads these, one after the other, and lets go of them.
pub(super) fn preload<M: Send + Sync + 'static>(shared: &Arc<Shared<M>>) {
    let models = super::Models {
        shared: shared.clone(),
        holder: None,
    };
    shared.jobs.put(move || async move {
        for name in &models.shared.how.preload {
            let loaded: Result<Model<M>, _> = models.get(name).await;
            if let Err(error) = loaded {
                tracing::warn!(model = name, %error, "not loaded at the start");
            }
        }
    });
}
