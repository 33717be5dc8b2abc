//! What only 1.0b30 does.

mod bodies;
mod cancels;
mod canonical;
mod commands;
mod contracts;
mod deadlines;
mod events;
mod releases;
mod soak;
mod stealing;
mod sync;
mod tls;
mod trust;
