//! The same in RXON 1.0b17.

mod captures;
mod client;
mod events;
mod messages;
mod tasks;
mod trust;
