//! The same in RXON 1.0b17.

mod captures;
mod client;
mod events;
mod messages;
mod player;
mod tasks;
mod trust;
