//! Wire compatibility with the published Python package `distworker-sdk` 0.0.6, both ways:
//! its worker against our controller, and our worker against a peer that is made of its
//! protobuf module. They need Python packages, which `./test` installs, and fail without.

#[path = "real_distworker/peer.rs"]
mod package_peer;
#[path = "real_distworker/worker.rs"]
mod package_worker;
#[path = "real_distworker/programs.rs"]
mod programs;
