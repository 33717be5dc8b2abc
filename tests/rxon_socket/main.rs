//! The WebSocket of RXON, against a server that does what servers should not do,
//! and the whole worker against the development orchestrator.

mod ends;
mod frames;
mod newer;
mod progress;
mod server;
#[path = "../support/until.rs"]
mod until;
mod worker;

use std::collections::BTreeMap;

use axon_worker::config::{OrchestratorSettings, RxonVersion, Timing};
use axon_worker::transport::rxon::{RxonHttp, TlsFiles};
use axon_worker::transport::{Command, CommandLink, ProgressUpdate, Transport, TransportError};
use axon_worker::{OrchestratorId, WorkerId};

use server::{Peer, Server};

const TOKEN: &str = "t0ken-of-the-tests";
const CANCEL: &str = r#"{"command": "cancel_task", "task_id": "t", "job_id": "j"}"#;

/// Progress of the task that [`CANCEL`] is about.
fn update(progress: f64, message: &str) -> ProgressUpdate {
    ProgressUpdate {
        task_id: "t".into(),
        job_id: "j".into(),
        progress,
        message: message.to_owned(),
        data: None,
        trace_context: BTreeMap::new(),
    }
}

fn transport(url: &str) -> RxonHttp {
    speaking(url, RxonVersion::Auto)
}

fn speaking(url: &str, version: RxonVersion) -> RxonHttp {
    let mut settings = OrchestratorSettings::new(url, TOKEN);
    settings.rxon_version = version;
    let worker_id = WorkerId::try_new("worker-1").unwrap();
    let (origin, timing) = (OrchestratorId(0), Timing::default());
    RxonHttp::new(origin, &settings, &worker_id, &timing, &TlsFiles::default()).unwrap()
}

/// A link to a server that has agreed to it.
struct Connected {
    server: Server,
    transport: RxonHttp,
    peer: Peer,
    link: Box<dyn CommandLink>,
}

async fn connected() -> Connected {
    connected_in(RxonVersion::Auto).await
}

async fn connected_in(version: RxonVersion) -> Connected {
    let server = Server::start().await;
    let transport = speaking(&server.url, version);
    let (peer, link) = tokio::join!(server.upgraded(), open(&transport));
    Connected {
        peer,
        link: link.unwrap(),
        server,
        transport,
    }
}

async fn open(transport: &RxonHttp) -> Result<Box<dyn CommandLink>, TransportError> {
    transport.open_commands().expect("RXON has commands").await
}

/// The error of an attempt that should fail.
async fn refused(transport: &RxonHttp) -> TransportError {
    open(transport).await.err().expect("no link comes about")
}

/// The task or job that a command calls off.
fn called_off(command: Result<Command, TransportError>) -> String {
    match command {
        Ok(Command::Cancel(target)) => target.0,
        other => panic!("a cancel was expected, not {other:?}"),
    }
}
