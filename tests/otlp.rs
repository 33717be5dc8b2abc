//! The conformance worker with a collector of OpenTelemetry, both real on their sockets.
//!
//! They run `examples/conformance` as it was built last: `cargo build --all-features
//! --example conformance` first, or `./test`.

#![allow(clippy::float_cmp, reason = "counts")]

#[path = "otlp/collector.rs"]
mod collector;
#[path = "otlp/metrics.rs"]
mod metrics;
#[path = "otlp/stage.rs"]
mod stage;
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the other half is for the published orchestrators"
)]
mod support;
#[path = "otlp/traces.rs"]
mod traces;
#[path = "otlp/trouble.rs"]
mod trouble;
