//! The whole worker against an orchestrator in memory, on a paused clock: hours
//! pass in no time, and what happens when is exact.

#![allow(unreachable_pub, reason = "one test program in several files")]

mod actors;
mod addresses;
mod bare;
mod cancel;
mod capacity;
mod commands;
#[cfg(feature = "contracts")]
mod contracts;
mod drain;
mod files;
mod habits;
mod handlers;
mod health_gate;
mod heartbeats;
mod isolation;
#[cfg(feature = "journal")]
mod journal;
mod log;
mod middleware;
mod models;
mod rate_limits;
mod restarts;
mod several;
mod shelf;
mod slot_policy;
mod support;
#[cfg(feature = "contracts")]
mod telling;
mod threads;
mod trouble;
#[path = "../support/until.rs"]
mod until;
