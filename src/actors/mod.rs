//! The actors and the messages they exchange. A message lives beside the actor
//! that receives it.
//!
//! All of them but [`TaskHost`] live on the control thread, which never runs user
//! code. `docs/architecture.md` shows who tells whom what.

mod capacity;
mod commands;
mod conductor;
mod courier;
mod health_gate;
mod heartbeat;
mod host;
mod hot_cache;
mod journal;
mod poller;
mod pool;
mod supervisor;

pub(crate) use capacity::{CapacityTracker, SetLimits, Slots};
pub(crate) use commands::{CommandDesk, CommandHandlers, CommandHost, WsCommandActor};
pub(crate) use conductor::{Conductor, DrainLimits, Drained, Parts, Shutdown};
pub(crate) use courier::{Courier, Outbox, Redeliver};
pub(crate) use health_gate::{HealthGate, Prober, Sources as GateSources};
pub(crate) use heartbeat::{HeartbeatActor, Sources};
pub(crate) use host::{QueuedTask, Runner, TaskHost, TaskQueue};
pub(crate) use hot_cache::{HotCacheActor, HotCacheChange};
pub(crate) use journal::JournalHandle;
#[cfg(feature = "journal")]
pub(crate) use journal::JournalKeeper;
pub(crate) use poller::{PollScale, Poller, SetIntake};
pub(crate) use pool::{CallSkill, Neighbours, OrchestratorPool, SessionSettings, Tell};
pub(crate) use supervisor::{CancelTask, Neighbours as SupervisorNeighbours, TaskSupervisor};
