//! Workers against the embedded controller, over real sockets.

mod both;
mod capacity;
mod ends;
mod exchange;
mod files;
mod odd;
mod results;
#[cfg(feature = "tls")]
mod secured;
mod shutdown;
mod support;
#[path = "../support/until.rs"]
mod until;
mod unwelcome;
