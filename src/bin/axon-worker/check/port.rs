//! The port of the health server.

use std::io::ErrorKind;
use std::net::TcpListener;

use super::finding::{Notes, Opinion};

pub(super) fn probe(notes: &Notes, port: u16) {
    notes.look("free");
    if port == 0 {
        notes.found(Opinion::ok("any that is free"));
        return;
    }
    // On all interfaces, as the health server does.
    notes.found(match TcpListener::bind(("0.0.0.0", port)) {
        Ok(_) => Opinion::ok("can be listened on"),
        Err(error) => {
            let hint = match error.kind() {
                ErrorKind::AddrInUse => {
                    "if this very worker runs at the moment, all is well; else set WORKER_PORT \
                     to another port, or 0 for any"
                }
                ErrorKind::PermissionDenied => {
                    "ports below 1024 need rights: set WORKER_PORT to another"
                }
                _ => "set WORKER_PORT to another port, or 0 for any",
            };
            Opinion::fail(format!("cannot be listened on: {error}"), hint)
        }
    });
}
