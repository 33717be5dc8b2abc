//! What breaks where people run workers, with the real thing: the conformance worker as a
//! process of its own, real pipes, signals, disks, clocks, proxies and networks.
//!
//! Needs root, nginx, faketime, GNU timeout, mount and ip; a case whose tool is missing fails
//! and says which one.

#[path = "../support/example.rs"]
mod example;
mod machine;
mod network;
mod signals;
mod soak;
mod stage;
mod stalls;
#[path = "../support/until.rs"]
mod until;
