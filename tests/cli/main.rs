//! The program `axon-worker`, as people and scripts run it: real processes against real
//! sockets.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::pedantic,
    reason = "a test"
)]

mod broken;
mod controller;
mod dev;
#[path = "../support/example.rs"]
mod example;
mod good;
mod machine;
mod program;
mod proxies;
mod secrets;
#[allow(dead_code, reason = "made for the tests of the storage")]
#[path = "../storage/server/mod.rs"]
mod server;
mod strangers;
mod submit;
