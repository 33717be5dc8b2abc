//! The port of the health server.

use std::io::ErrorKind;

use axon_worker::config::Settings;
use axon_worker::{Error, web};

use super::finding::{Notes, Opinion};

pub(super) fn probe(notes: &Notes, settings: &Settings) {
    notes.look("free");
    if settings.worker_port == 0 {
        notes.found(Opinion::ok("any that is free"));
        return;
    }
    notes.found(match web::listen(settings) {
        Ok(_) => Opinion::ok("can be listened on"),
        Err(Error::HealthPort { error, .. }) => {
            let hint = match error.kind() {
                ErrorKind::AddrInUse => {
                    "if this very worker runs at the moment, all is well; else set WORKER_PORT \
                     to another port, or 0 for any"
                }
                ErrorKind::PermissionDenied => {
                    "ports below 1024 need rights: set WORKER_PORT to another"
                }
                ErrorKind::AddrNotAvailable => {
                    "set WORKER_HOST to an address of this machine, or to nothing for all"
                }
                _ => "set WORKER_PORT to another port, or 0 for any",
            };
            Opinion::fail(format!("cannot be listened on: {error}"), hint)
        }
        Err(error) => Opinion::fail(error.to_string(), "set WORKER_PORT to another port"),
    });
}
