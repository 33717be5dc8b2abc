//! Scenarios by area, the same for every release of the orchestrator: the test program says
//! which one with its `RELEASE`. Where they differ, the expectations say so.

mod blocking;
mod capacity;
mod commands;
mod faults;
mod files;
mod hot_cache;
mod jobs;
mod lifecycle;
mod outages;
mod outcomes;
mod program;
mod rate_limits;
