//! Asking for a model, and waiting for it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::guard::Model;
use super::shared::{Answer, Shared};
use super::shelf::Asked;
use super::{Holder, Models};
use crate::task::{ErrorCode, TaskError};

enum Reply<M: Send + Sync + 'static> {
    Here(Model<M>),
    Later(Waiting<M>),
    CostUnknown,
}

impl<M: Send + Sync + 'static> Models<M> {
    /// The model of that name: at once if it is there, otherwise when it has been loaded.
    /// All who ask meanwhile wait for the same load. Where there is no room, it waits
    /// until others let go of theirs, in the order of asking.
    ///
    /// Cancel-safe: dropped, it waits no more; a load that has begun goes on, and the model
    /// stays in memory. In a handler, it also ends when the task is called off.
    ///
    /// A task that asks again for a model it holds gets it at once. One that holds a model
    /// while it waits for others may block others that do the same, if there is not room
    /// for all of them: better take one at a time.
    ///
    /// # Errors
    /// What the loader fails with, its panic as a transient failure;
    /// `RESOURCE_EXHAUSTED_ERROR` for a model that is larger than the budget, or does not
    /// fit beside what the task holds.
    pub async fn get(&self, name: &str) -> Result<Model<M>, TaskError> {
        match self.ask(name)? {
            Ok(model) => Ok(model),
            Err(waiting) => self.wait(name, waiting).await,
        }
    }

    async fn wait(&self, name: &str, waiting: Waiting<M>) -> Result<Model<M>, TaskError> {
        let model = match &self.holder {
            None => waiting.await?,
            Some(holder) => tokio::select! {
                biased;
                answer = waiting => answer?,
                () = holder.cancellation.cancelled() => {
                    let text = format!("model {name:?}: the task was called off");
                    return Err(TaskError::transient(text));
                }
            },
        };
        Ok(self.held(model))
    }

    /// [`Models::get`] for blocking handlers: the thread waits.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// In async code, whose thread must not wait.
    pub fn get_blocking(&self, name: &str) -> Result<Model<M>, TaskError> {
        match self.ask(name)? {
            Ok(model) => Ok(model),
            Err(waiting) => {
                let runtime = tokio::runtime::Builder::new_current_thread().build()?;
                runtime.block_on(self.wait(name, waiting))
            }
        }
    }

    /// The model, or how to wait for it.
    fn ask(&self, name: &str) -> Result<Result<Model<M>, Waiting<M>>, TaskError> {
        let holder = self.holder.as_deref();
        if let Some(model) = holder.and_then(|holder| holder.find(name)) {
            return Ok(Ok(model));
        }
        let held = holder.and_then(Holder::cost);
        let mut reply = self.shared.ask(name, None, held.is_some())?;
        if let Reply::CostUnknown = reply {
            let failed = |error: TaskError| error.prefixed(&format!("model {name:?}: "));
            let cost = (self.shared.how.cost)(name).map_err(failed)?;
            self.fits_beside(name, cost, held)?;
            reply = self.shared.ask(name, Some(cost), held.is_some())?;
        }
        match reply {
            Reply::Here(model) => Ok(Ok(self.held(model))),
            Reply::Later(waiting) => Ok(Err(waiting)),
            // It was told.
            Reply::CostUnknown => Err(TaskError::transient("the cost of a model is unknown")),
        }
    }

    /// A task that waits for what it holds itself would wait for ever.
    fn fits_beside(&self, name: &str, cost: u64, held: Option<u64>) -> Result<(), TaskError> {
        let budget = self.budget();
        match held {
            Some(held) if held.saturating_add(cost) > budget => Err(exhausted(format!(
                "model {name:?}: its cost of {cost} and the {held} of what the task holds \
                 exceed the budget of {budget}"
            ))),
            _ => Ok(()),
        }
    }

    fn held(&self, model: Model<M>) -> Model<M> {
        if let Some(holder) = &self.holder {
            holder.remember(&model);
        }
        model
    }
}

impl<M: Send + Sync + 'static> Shared<M> {
    fn ask(
        self: &Arc<Self>,
        name: &str,
        cost: Option<u64>,
        holds: bool,
    ) -> Result<Reply<M>, TaskError> {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        self.with(|state, effects| {
            if state.closed {
                let text = format!("model {name:?}: the worker has ended");
                return Err(TaskError::transient(text));
            }
            match state.shelf.ask(name, cost, ticket, holds) {
                Asked::Given(_) => {
                    let found = state.models.get_key_value(name);
                    let (name, model) = found
                        .map(|(n, m)| (n.clone(), m.clone()))
                        .ok_or_else(|| TaskError::new(ErrorCode::Internal, "a model is lost"))?;
                    let cost = state.shelf.cost(&name);
                    Ok(Reply::Here(Model::new(name, model, cost, self.clone())))
                }
                Asked::Waits(steps) => {
                    let (sender, answer) = oneshot::channel();
                    state.waiting.insert(ticket, sender);
                    state.take(steps, effects);
                    let shared = self.clone();
                    Ok(Reply::Later(Waiting {
                        ticket,
                        shared,
                        answer,
                    }))
                }
                Asked::CostUnknown(_) => Ok(Reply::CostUnknown),
                Asked::NeverFits { budget, .. } => Err(exhausted(format!(
                    "model {name:?}: its cost of {} exceeds the budget of {budget}",
                    cost.unwrap_or_default()
                ))),
            }
        })
    }
}

fn exhausted(text: String) -> TaskError {
    TaskError::new(ErrorCode::ResourceExhausted, text)
}

/// Somebody in the queue, or one who waits for a load.
struct Waiting<M: Send + Sync + 'static> {
    ticket: u64,
    shared: Arc<Shared<M>>,
    answer: oneshot::Receiver<Answer<M>>,
}

impl<M: Send + Sync + 'static> Future for Waiting<M> {
    type Output = Answer<M>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(|answer| {
            // Everybody who waits is answered; the sender is never just dropped.
            answer.unwrap_or_else(|_| Err(TaskError::transient("the worker has ended")))
        })
    }
}

impl<M: Send + Sync + 'static> Drop for Waiting<M> {
    fn drop(&mut self) {
        self.shared.with(|state, effects| {
            // None: it has been answered, and the answer goes with this.
            if state.waiting.remove(&self.ticket).is_some() {
                let steps = state.shelf.withdraw(&self.ticket);
                state.take(steps, effects);
            }
        });
    }
}
