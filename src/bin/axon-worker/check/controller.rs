//! A `DistWorker` controller.

use std::time::SystemTime;

use axon_worker::OrchestratorId;
use axon_worker::config::Settings;
use axon_worker::transport::TransportError;
use axon_worker::transport::distworker::{DistWorkerSetup, TlsFiles, Trial};

use super::finding::{Notes, Opinion};
use super::{judge, reach};

/// `registers`: whether to try a registration, which may get a task.
pub(super) async fn probe(notes: &Notes, settings: &Settings, registers: bool) {
    let distworker = &settings.distworker;
    let url = distworker.controller_url.as_deref().unwrap_or_default();
    if !reach::connect(notes, url).await {
        return;
    }
    notes.look("setup");
    let tls = TlsFiles::from(settings);
    let controller = match DistWorkerSetup::new(distworker, &settings.timing, &tls) {
        Ok(setup) => setup.open(OrchestratorId(0)),
        Err(error) => {
            let hint = "mend the setting; workers do not start with it";
            notes.found(Opinion::fail(error.to_string(), hint));
            return;
        }
    };
    notes.look("HTTP");
    let greeting = match controller.greet().await {
        Ok(greeting) => greeting,
        Err(error) => {
            notes.found(judge::unreachable(&error));
            return;
        }
    };
    notes.found(Opinion::ok(format!("answers {}", greeting.status)));
    let clock = judge::controller_clock(greeting.date, SystemTime::now());
    notes.note("clock", clock);
    notes.look("WebSocket");
    match controller.try_connection(false).await {
        Ok(_) => notes.found(Opinion::ok("opened and closed")),
        Err(error) => {
            notes.found(judge::no_socket(&error));
            return;
        }
    };
    notes.look("registration");
    if !registers {
        notes.found(Opinion::ok(
            "not tried: a controller assigns tasks to whoever registers; --register tries it",
        ));
    } else if distworker.worker_id.is_empty() {
        notes.found(registration(&controller.try_connection(true).await));
    } else {
        notes.found(Opinion::warn(
            "not tried: with DISTWORKER_WORKER_ID it would use up the session of that worker",
            "start the worker to find out",
        ));
    }
}

fn registration(tried: &Result<Trial, TransportError>) -> Opinion {
    match tried {
        Ok(Trial::Assigned) => Opinion::warn(
            "accepted, but a task was assigned at once; it was sent back as failed",
            "the controller hands it out again if it has retries left",
        ),
        Ok(_) => Opinion::ok("accepted"),
        Err(error) => Opinion::fail(
            "",
            "set DISTWORKER_PROVISIONER and DISTWORKER_WORKER_TOKEN to those of the controller",
        )
        .with(error),
    }
}
