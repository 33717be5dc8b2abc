//! RXON, the protocol of the avtomatika orchestrators, in the dialect `1.0b2`.
//!
//! Almost everything goes over HTTP requests that the worker makes: it registers,
//! sends heartbeats, keeps long polls open for tasks and posts results. Commands
//! come over a WebSocket, which takes progress back; both are optional.

mod commands;
mod http;
mod wire_1_0b2;

pub use super::http::{SetupError, TlsFiles};
pub use http::{RxonHttp, RxonSetup};
