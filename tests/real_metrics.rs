//! What `/metrics` says, read by the published parser of Prometheus. It needs a Python
//! package, and fails without: `./test` installs it.
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::pedantic,
    reason = "a test"
)]

#[path = "real_metrics/mod.rs"]
mod real_server_metrics;
