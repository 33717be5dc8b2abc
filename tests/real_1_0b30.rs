//! The conformance worker against the published orchestrator `avtomatika` 1.0b30: what
//! `real_1_0b12.rs` shows, and what is new in RXON 1.0b17.

#[path = "support/proxy/mod.rs"]
mod proxy;
#[macro_use]
mod support;

#[path = "real_1_0b30/mod.rs"]
mod only_in_orchestrator_1_0b30;
#[path = "scenarios/mod.rs"]
mod orchestrator_1_0b30;

/// What the scenarios run against.
const RELEASE: support::Release = support::Release::V1_0b30;
