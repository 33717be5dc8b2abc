//! Where the actors of a worker will run, with their addresses: everybody's before anybody
//! begins, as they know one another.

use actix::prelude::*;

use crate::actors::{
    CapacityTracker, Conductor, Courier, HeartbeatActor, HotCacheActor, OrchestratorPool, Parts,
    Poller, TaskSupervisor,
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
        let parts = Parts {
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
