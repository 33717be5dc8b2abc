//! Transfers against a storage that speaks S3 over a real socket, and gets things wrong
//! when told to.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::pedantic,
    reason = "a test"
)]

mod buckets;
mod cache;
mod child;
mod keys;
mod server;
mod stage;
mod transfers;
mod trouble;
#[path = "../support/until.rs"]
mod until;
