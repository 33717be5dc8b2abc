//! Where the actors of a worker will run, with their addresses and inboxes: everybody's
//! before anybody begins, as they know one another.

use std::sync::Arc;

use actix::prelude::*;

use crate::actors::{
    CapacityTracker, Conductor, Courier, CourierInboxes, Fetch, HeartbeatActor, HotCacheActor,
    Inbox, Inboxes, OrchestratorPool, Parts, Poller, TaskSupervisor,
};

/// The actors before they run.
pub(super) struct Contexts {
    pub(super) capacity: Context<CapacityTracker>,
    pub(super) poller: Context<Poller>,
    pub(super) heartbeat: Context<HeartbeatActor>,
    pub(super) hot_cache: Context<HotCacheActor>,
    pub(super) pool: Context<OrchestratorPool>,
    pub(super) supervisor: Context<TaskSupervisor>,
    pub(super) courier: Context<Courier>,
    pub(super) conductor: Context<Conductor>,
}

impl Contexts {
    pub(super) fn new() -> (Self, Parts) {
        let contexts = Self {
            capacity: Context::new(),
            poller: Context::new(),
            heartbeat: Context::new(),
            hot_cache: Context::new(),
            pool: Context::new(),
            supervisor: Context::new(),
            courier: Context::new(),
            conductor: Context::new(),
        };
        let inboxes = Inboxes {
            slots: inbox(&contexts.capacity),
            polls: inbox(&contexts.poller),
            found: inbox(&contexts.supervisor),
            deliveries: inbox(&contexts.pool),
            courier: CourierInboxes {
                results: inbox(&contexts.courier),
                answers: inbox(&contexts.courier),
            },
        };
        let parts = Parts {
            inboxes,
            capacity: contexts.capacity.address(),
            poller: contexts.poller.address(),
            heartbeat: contexts.heartbeat.address(),
            hot_cache: contexts.hot_cache.address(),
            pool: contexts.pool.address(),
            supervisor: contexts.supervisor.address(),
            courier: contexts.courier.address(),
            journal: None,
        };
        (contexts, parts)
    }
}

/// An inbox of an actor.
fn inbox<A, T>(actor: &Context<A>) -> Arc<Inbox<T>>
where
    A: Actor<Context = Context<A>> + Handler<Fetch<T>>,
    T: Send + 'static,
{
    Arc::new(Inbox::new(actor.address().recipient()))
}
