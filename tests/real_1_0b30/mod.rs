//! What only 1.0b30 does.

mod cancels;
mod deadlines;
mod releases;
mod soak;
mod stealing;
mod sync;
mod tls;
mod trust;
