//! RXON, the protocol of the avtomatika orchestrators, in the dialect `1.0b2`.
//!
//! Almost everything goes over HTTP requests that the worker makes: it registers,
//! sends heartbeats, keeps long polls open for tasks and posts results. Commands
//! come over a WebSocket, which takes progress back; both are optional.

mod commands;
mod http;
mod token;
mod wire_1_0b2;

pub use super::http::{SetupError, TlsFiles};
pub use http::{RxonHttp, RxonSetup};

#[cfg(fuzzing)]
pub(crate) fn read_task(origin: crate::OrchestratorId, body: &bytes::Bytes) -> Option<crate::Task> {
    let _ = wire_1_0b2::ids_in(body);
    wire_1_0b2::read_task(origin, body).ok()
}

#[cfg(fuzzing)]
pub(crate) fn read_answers(body: &bytes::Bytes) {
    let _ = wire_1_0b2::read_beat_reply(body);
    let _ = wire_1_0b2::read_registered(body);
    let _ = wire_1_0b2::read_receipt(body);
}
