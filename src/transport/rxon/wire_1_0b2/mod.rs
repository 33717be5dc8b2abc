//! The messages of RXON 1.0b2 as they stand on the wire, written as avtomatika-worker
//! 1.0b4 writes them: every optional field is there, with `null` where it is empty.

mod command;
mod receive;
mod result;
mod send;

pub(super) use command::{read_command, write_progress};
#[cfg(any(test, fuzzing))]
pub(super) use receive::read_task;
pub(super) use receive::{
    Handout, ids_in, is_job_gone, is_permanent_refusal, read_beat_reply, read_handout,
    read_receipt, read_registered,
};
pub(super) use result::write_result;
pub(super) use send::{write_heartbeat, write_registration};

#[cfg(test)]
mod tests;
