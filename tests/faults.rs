//! The conformance worker, a process of its own, behind a proxy that spoils its
//! exchanges with the development orchestrator.
//!
//! They run `examples/conformance` as it was built last: `cargo build --example
//! conformance` first, or `./test`.

#[path = "faults/connections.rs"]
mod connections;
#[path = "faults/kills.rs"]
mod kills;
#[path = "faults/outages.rs"]
mod outages;
#[path = "faults/polls.rs"]
mod polls;
#[path = "support/proxy/mod.rs"]
mod proxy;
#[path = "faults/results.rs"]
mod results;
#[path = "faults/stage.rs"]
mod stage;
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the other half is for the published orchestrators"
)]
mod support;
