//! The conformance worker against the published orchestrator `avtomatika` 1.0b12.
//!
//! They run `examples/conformance` as it was built last: `cargo build --example conformance` first,
//! or `./test`. Every test has an orchestrator of its own, so they run side by side. They need Python packages
//! and Redis, and fail without: `./test` installs both.

#[path = "support/proxy/mod.rs"]
mod proxy;
#[macro_use]
#[allow(dead_code, unused_imports, reason = "the rest is for other releases")]
mod support;

#[path = "real_1_0b12/mod.rs"]
mod only_in_orchestrator_1_0b12;
#[path = "scenarios/mod.rs"]
mod orchestrator_1_0b12;

/// What the scenarios run against.
const RELEASE: support::Release = support::Release::V1_0b12;
