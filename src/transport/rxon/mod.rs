//! RXON, the protocol of the avtomatika orchestrators, in the dialects `1.0b2` and
//! `1.0b17`.
//!
//! Almost everything goes over HTTP requests that the worker makes: it registers,
//! sends heartbeats, keeps long polls open for tasks and posts results. Commands
//! come over a WebSocket, which takes progress and events back; both are optional.
//!
//! What the messages of a dialect look like is in `wire_1_0b2` and `wire_1_0b17`. With
//! [`RxonVersion::Auto`](crate::config::RxonVersion::Auto) the worker registers in a form
//! that both understand, and the answer tells which dialect it is.

#[cfg(test)]
mod captured;
mod chains;
mod clock;
mod commands;
mod cut_results;
mod dialect;
mod hold;
mod http;
mod key;
mod object;
mod patience;
mod requests;
pub mod security;
mod setup;
mod signing;
mod telemetry;
mod token;
mod told;
mod trust;
mod union;
mod wire_1_0b17;
mod wire_1_0b2;

pub use super::http::{SetupError, TlsFiles};
pub use http::{Examination, RxonHttp};
pub use setup::RxonSetup;

#[cfg(fuzzing)]
pub(crate) fn read_task(origin: crate::OrchestratorId, body: &bytes::Bytes) -> Option<crate::Task> {
    let _ = wire_1_0b2::ids_in(body);
    let task = wire_1_0b2::read_task(origin, body).ok()?;
    let _ = wire_1_0b17::refusal_of(body, task.name.as_str());
    Some(task)
}

#[cfg(fuzzing)]
pub(crate) fn read_answers(body: &bytes::Bytes) {
    let _ = wire_1_0b2::read_beat_reply(body);
    let _ = wire_1_0b2::read_registered(body);
    let _ = wire_1_0b2::read_receipt(body);
    let _ = wire_1_0b2::read_command(body);
    let _ = wire_1_0b17::read_version(body);
    let _ = wire_1_0b17::read_beat_answer(body);
    let _ = wire_1_0b17::read_event_answer(body);
}
