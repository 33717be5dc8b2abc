//! Transfers against a published S3 server. They need Python packages, and fail without:
//! `./test` installs them.
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::pedantic,
    reason = "a test"
)]

#[path = "real_s3/mod.rs"]
mod real_server_s3;
