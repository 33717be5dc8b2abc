//! The messages of RXON 1.0b17 as they stand on the wire, written as avtomatika-worker
//! 1.0b20 writes them: what is empty is left out. They are JSON that still has to be
//! signed, see [`seal`](super::security::seal); tasks, commands and receipts look as in
//! 1.0b2.

mod catalogue;
mod event;
mod receive;
mod result;
mod send;

pub(super) use catalogue::Catalogue;
pub(super) use event::{BODY_LIMIT, write_call, write_event, write_progress};
pub(super) use receive::{read_beat_answer, read_event_answer, read_version, refusal_of};
pub(super) use result::write_result;
pub(super) use send::{BeatParts, hot_skills, write_heartbeat, write_registration};

#[cfg(test)]
mod tests;

/// What makes a message another one than all before it.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    /// Seconds since 1970. Orchestrators refuse what is more than 60 s off.
    pub(super) timestamp: u64,
    /// Of this message alone. avtomatika 1.0b30 remembers it for 65 s, and without it
    /// would take two equal messages within a second for a replay.
    pub(super) nonce: String,
}
