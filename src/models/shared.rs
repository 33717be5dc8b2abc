//! The models of one type and all who wait for them, behind one lock. User code never runs
//! while it is held, and nothing is dropped that could take it again.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::Recipient;
use tokio::sync::{Notify, oneshot};

use super::guard::Model;
use super::load::How;
use super::shelf::{Shelf, Step};
use super::thread::Jobs;
use crate::actors::HotCacheChange;
use crate::task::TaskError;

pub(super) type Answer<M> = Result<Model<M>, TaskError>;

pub(super) struct Shared<M: Send + Sync + 'static> {
    state: Mutex<State<M>>,
    pub(super) how: How<M>,
    pub(super) jobs: Jobs,
    pub(super) tickets: AtomicU64,
    /// Told whenever the shelf has become empty.
    pub(super) emptied: Notify,
}

pub(super) struct State<M: Send + Sync + 'static> {
    pub(super) shelf: Shelf<u64>,
    pub(super) models: HashMap<Arc<str>, Arc<M>>,
    pub(super) waiting: HashMap<u64, oneshot::Sender<Answer<M>>>,
    /// The hot caches of the workers that use these models.
    pub(super) hot: Vec<Recipient<HotCacheChange>>,
    /// The last worker has ended.
    pub(super) closed: bool,
}

/// A model for somebody: its name, itself, and its cost.
type Given<M> = (Arc<str>, Arc<M>, u64);

/// What is to be done when the lock is released.
pub(super) struct Effects<M: Send + Sync + 'static> {
    given: Vec<(oneshot::Sender<Answer<M>>, Given<M>)>,
    pub(super) failed: Vec<(oneshot::Sender<Answer<M>>, TaskError)>,
    loads: Vec<Arc<str>>,
    evictions: Vec<(Arc<str>, Arc<M>)>,
    /// A pin for somebody who does not wait any more.
    unclaimed: Vec<Arc<str>>,
}

impl<M: Send + Sync + 'static> State<M> {
    /// Notes what the shelf wants done.
    pub(super) fn take(&mut self, steps: Vec<Step<u64>>, effects: &mut Effects<M>) {
        for step in steps {
            match step {
                Step::Load(name) => effects.loads.push(name),
                Step::Evict(name) => {
                    if let Some(model) = self.models.remove(&name) {
                        // Here, so that this and the news of its next coming keep their order.
                        self.tell(HotCacheChange::Remove(name.to_string()));
                        effects.evictions.push((name, model));
                    }
                }
                Step::Give(name, ticket) => {
                    let waiting = self.waiting.remove(&ticket);
                    match (waiting, self.models.get(&name)) {
                        (Some(sender), Some(model)) => {
                            let cost = self.shelf.cost(&name);
                            effects.given.push((sender, (name, model.clone(), cost)));
                        }
                        _ => effects.unclaimed.push(name),
                    }
                }
            }
        }
    }

    pub(super) fn tell(&self, change: HotCacheChange) {
        for hot in &self.hot {
            hot.do_send(change.clone());
        }
    }
}

impl<M: Send + Sync + 'static> Shared<M> {
    pub(super) fn new(how: How<M>, budget: u64) -> Self {
        let state = State {
            shelf: Shelf::new(budget),
            models: HashMap::new(),
            waiting: HashMap::new(),
            hot: Vec::new(),
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            how,
            jobs: Jobs::new(),
            tickets: AtomicU64::new(0),
            emptied: Notify::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and does what follows from that.
    pub(super) fn with<R>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut State<M>, &mut Effects<M>) -> R,
    ) -> R {
        let mut effects = Effects {
            given: Vec::new(),
            failed: Vec::new(),
            loads: Vec::new(),
            evictions: Vec::new(),
            unclaimed: Vec::new(),
        };
        let (result, is_empty) = {
            let mut state = self.lock();
            let result = change(&mut state, &mut effects);
            (result, state.shelf.is_empty())
        };
        if is_empty {
            self.emptied.notify_waiters();
        }
        for name in effects.loads {
            self.load(name);
        }
        for (name, model) in effects.evictions {
            self.unload(name, model);
        }
        for (sender, error) in effects.failed {
            let _ = sender.send(Err(error));
        }
        for (sender, (name, model, cost)) in effects.given {
            // If nobody takes it, the pin is given back.
            let _ = sender.send(Ok(Model::new(name, model, cost, self.clone())));
        }
        for name in effects.unclaimed {
            self.unpin(&name);
        }
        result
    }

    /// A pin is given back.
    pub(super) fn unpin(self: &Arc<Self>, name: &str) {
        self.with(|state, effects| {
            let steps = state.shelf.unpin(name);
            state.take(steps, effects);
        });
    }
}
