//! An RXON orchestrator: from the first packet to whether it believes us, without becoming
//! known to it and without taking a task.

use std::time::SystemTime;

use axon_worker::config::{OrchestratorSettings, Settings};
use axon_worker::transport::rxon::{RxonHttp, RxonSetup, TlsFiles};
use axon_worker::transport::{Standing, Transport};

use super::finding::{Notes, Opinion};
use super::judge::{self, Dialect};
use super::reach;

pub(super) async fn probe(notes: &Notes, settings: &Settings, place: usize) {
    let orchestrator = &settings.orchestrators[place];
    if !reach::connect(notes, &orchestrator.url).await {
        return;
    }
    notes.look("setup");
    let Some(rxon) = transport(notes, settings, orchestrator, place) else {
        return;
    };
    let is_secure = orchestrator.url.starts_with("https://");
    notes.look(if is_secure { "TLS" } else { "HTTP" });
    let greeting = match rxon.greet().await {
        Ok(greeting) => greeting,
        Err(error) => {
            notes.found(judge::unreachable(&error));
            return;
        }
    };
    if is_secure {
        notes.found(Opinion::ok("the certificate is trusted"));
        notes.look("HTTP");
    }
    if !notes.found(judge::http(&greeting)) {
        return;
    }
    notes.look("token");
    let examined = match rxon.examine().await {
        Ok(examined) => examined,
        Err(error) => {
            notes.found(judge::unreachable(&error));
            return;
        }
    };
    let is_welcome = notes.found(judge::token(&examined.standing));
    if let Err(error) = &examined.standing
        && !reach::is_protocol(error)
    {
        return;
    }
    let dialect = Dialect::of(examined.greeting.version.as_deref());
    let set = orchestrator.rxon_version;
    notes.note("dialect", judge::dialect(set, &examined.greeting));
    let date = examined.greeting.date.or(greeting.date);
    let clock = judge::rxon_clock(date, SystemTime::now(), dialect);
    notes.note("clock", clock);
    if !is_welcome {
        return;
    }
    if dialect == Dialect::V1_0b17 {
        notes.look("signature");
        notes.found(judge::signature(&rxon.check_signature().await));
    }
    if settings.enable_websockets {
        let is_known = matches!(examined.standing, Ok(Standing::Known));
        socket(notes, &rxon, is_known).await;
    }
}

fn transport(
    notes: &Notes,
    settings: &Settings,
    orchestrator: &OrchestratorSettings,
    place: usize,
) -> Option<RxonHttp> {
    let tls = TlsFiles::from(settings);
    let setup = RxonSetup::new(orchestrator, &settings.worker_id, &settings.timing, &tls);
    match setup {
        Ok(setup) => {
            let setup = setup
                .access_tokens(settings.access_tokens)
                .rxon(&settings.rxon);
            Some(setup.open(axon_worker::OrchestratorId(place)))
        }
        Err(error) => {
            let hint = "mend the setting; workers do not start with it";
            notes.found(Opinion::fail(error.to_string(), hint));
            None
        }
    }
}

/// An orchestrator has one socket for each worker id and closes the older one, so a worker
/// that runs is left in peace.
async fn socket(notes: &Notes, rxon: &RxonHttp, is_known: bool) {
    notes.look("WebSocket");
    if is_known {
        notes.found(Opinion::ok(
            "not tried: the worker of this WORKER_ID that is registered would lose its own",
        ));
        return;
    }
    let Some(opening) = rxon.open_commands() else {
        return;
    };
    match opening.await {
        Ok(link) => {
            link.close().await;
            notes.found(Opinion::ok("opened and closed"));
        }
        Err(error) => {
            notes.found(judge::no_socket(&error));
        }
    }
}
