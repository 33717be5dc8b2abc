//! Models in memory: loaded once, shared by all tasks that need them, and sent away when
//! others need the room.
//!
//! ```
//! use axon_worker::models::Models;
//! use axon_worker::{TaskError, Worker};
//!
//! /// Stands for gigabytes.
//! struct Net {
//!     weights: Vec<f32>,
//! }
//!
//! fn load(name: &str) -> Result<Net, TaskError> {
//!     let weights = std::fs::read(format!("/srv/models/{name}"))?;
//!     Ok(Net { weights: weights.into_iter().map(f32::from).collect() })
//! }
//!
//! fn size(name: &str) -> Result<u64, TaskError> {
//!     Ok(std::fs::metadata(format!("/srv/models/{name}"))?.len())
//! }
//!
//! async fn ask(question: f32, models: Models<Net>) -> Result<f32, TaskError> {
//!     let net = models.get("answers-v1").await?; // loaded by the first who asks
//!     Ok(net.weights.iter().map(|weight| weight * question).sum())
//! } // and free to leave from here on
//!
//! let models = Models::blocking(load).cost(size).budget(8 << 30).build();
//! # let _ =
//! Worker::builder("oracle")
//!     .models(models)
//!     .task("ask", ask)
//!     .skill_dependency("ask", ["answers-v1"]);
//! ```
//!
//! The worker reports loaded models as its hot cache, so orchestrators learn which skills
//! are ready at once; see [`WorkerBuilder::skill_dependency`](crate::WorkerBuilder::skill_dependency).
//! The guide `docs/models.md` says more.

mod ask;
mod builder;
mod guard;
mod hold;
mod load;
mod shared;
mod shelf;
mod thread;
mod worker;

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

pub use builder::ModelsBuilder;
pub use guard::Model;
use hold::Holder;
use shared::Shared;
use shelf::Evicted;
pub(crate) use worker::{AnyModels, OpenModels};

use crate::handler::{FromTask, Need};
use crate::task::{TaskContext, TaskError};

/// The models of one type. Clones are the same ones. Made with [`Models::loader`] or
/// [`Models::blocking`], given to [`WorkerBuilder::models`](crate::WorkerBuilder::models),
/// and an argument of handlers like [`Data`](crate::Data).
///
/// Two kinds of models are two types: wrap one of them in a type of your own.
pub struct Models<M: Send + Sync + 'static> {
    shared: Arc<Shared<M>>,
    /// The task that has these; nobody in particular for those outside of handlers.
    holder: Option<Arc<Holder<M>>>,
}

impl<M: Send + Sync + 'static> Models<M> {
    /// Models that an async function loads by their name. It runs on a thread of its own,
    /// `axon-models`, beside other loads of this type, so it must not block.
    ///
    /// What it fails with is the failure of all tasks that wait for the model; the next
    /// one to ask has it tried again. So it is with a panic.
    pub fn loader<F, L>(load: F) -> ModelsBuilder<M>
    where
        F: Fn(String) -> L + Send + Sync + 'static,
        L: Future<Output = Result<M, TaskError>> + 'static,
    {
        ModelsBuilder::new(load::Loader::from_async(load))
    }

    /// Models that a blocking function loads by their name. Each load has a thread of its
    /// own while it takes. Failures as with [`Models::loader`].
    pub fn blocking(
        load: impl Fn(&str) -> Result<M, TaskError> + Send + Sync + 'static,
    ) -> ModelsBuilder<M> {
        ModelsBuilder::new(load::Loader::Blocking(Arc::new(load)))
    }

    /// Lets go of a model for good: at once if nobody holds it, otherwise when the last
    /// one lets go. Who asks for it from now on gets it loaded anew.
    pub fn evict(&self, name: &str) -> Eviction {
        self.shared
            .with(|state, effects| match state.shelf.evict(name) {
                Evicted::Absent => Eviction::NotThere,
                Evicted::Later => Eviction::WhenFree,
                Evicted::Now(steps) => {
                    state.take(steps, effects);
                    Eviction::Begun
                }
            })
    }

    /// What is there or on its way in or out, by name.
    #[must_use]
    pub fn list(&self) -> Vec<ModelStatus> {
        let state = self.shared.lock();
        let shown = state.shelf.list().into_iter();
        shown
            .map(|(name, cost, holders)| ModelStatus {
                name,
                cost,
                holders,
            })
            .collect()
    }

    /// The sum of all costs in [`Models::list`]; never more than the budget.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.shared.lock().shelf.used()
    }

    /// What all models together may cost.
    #[must_use]
    pub fn budget(&self) -> u64 {
        self.shared.lock().shelf.budget()
    }
}

/// What became of [`Models::evict`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// There is no such model in memory.
    NotThere,
    /// It leaves now.
    Begun,
    /// Somebody holds or loads it. It leaves when nobody does any more.
    WhenFree,
}

/// A model that takes room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ModelStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its declared cost.
    pub cost: u64,
    /// How many hold it; `None` while it is being loaded or sent away.
    pub holders: Option<usize>,
}

impl<M: Send + Sync + 'static> Clone for Models<M> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            holder: self.holder.clone(),
        }
    }
}

impl<M: Send + Sync + 'static> fmt::Debug for Models<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Models")
            .field("budget", &state.shelf.budget())
            .field("used", &state.shelf.used())
            .finish_non_exhaustive()
    }
}

impl<M: Send + Sync + 'static> FromTask for Models<M> {
    fn from_task(task: &TaskContext) -> Result<Self, TaskError> {
        let models = task.data::<Self>().ok_or_else(|| {
            TaskError::permanent(format!(
                "the handler asks for Models<{}>, but the worker was built without it",
                type_name::<M>()
            ))
        })?;
        // One for the task, however often it is asked for.
        if task.injected::<Holder<M>>().is_none() {
            task.insert(Holder::<M>::new(task.cancel_signal().clone()));
        }
        Ok(Self {
            shared: models.shared.clone(),
            holder: task.injected(),
        })
    }

    fn need() -> Option<Need> {
        Some(Need::models::<M>())
    }
}
