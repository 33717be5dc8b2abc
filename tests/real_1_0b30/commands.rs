//! The command channel, where it differs from that of other releases.

use std::time::Duration;

use axon_worker::config::{OrchestratorSettings, Timing};
use axon_worker::transport::rxon::{RxonHttp, TlsFiles};
use axon_worker::transport::{Transport, TransportError};
use axon_worker::{OrchestratorId, WorkerId};

use crate::RELEASE;
use crate::support::{Stage, Storage, WORKER_TOKEN};

fn transport(stage: &Stage, token: &str) -> RxonHttp {
    let settings = OrchestratorSettings::new(stage.orchestrator.url(), token);
    let (origin, timing) = (OrchestratorId(0), Timing::default());
    let worker = WorkerId::try_new("conformance-1").expect("an id");
    RxonHttp::new(origin, &settings, &worker, &timing, &TlsFiles::default()).expect("a transport")
}

#[actix_rt::test]
async fn a_wrong_token_is_read_as_the_refusal_it_is() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let transport = transport(&stage, "a-token-that-nobody-knows");
    let opened = transport.open_commands().expect("a way for commands").await;
    let error = opened.err().expect("no socket for strangers");
    assert!(
        matches!(error, TransportError::Unauthorized { .. }),
        "{error}"
    );
}

#[actix_rt::test]
async fn a_second_socket_takes_the_place_of_the_first() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let (first, second) = (
        transport(&stage, WORKER_TOKEN),
        transport(&stage, WORKER_TOKEN),
    );
    let mut old = first.open_commands().expect("a way").await.expect("a link");
    let mut new = second
        .open_commands()
        .expect("a way")
        .await
        .expect("a link");
    let error = old.next().await.expect_err("it was told to go");
    assert!(matches!(error, TransportError::Refused { .. }), "{error}");
    old.close().await;
    let stays = tokio::time::timeout(Duration::from_secs(3), new.next()).await;
    assert!(stays.is_err(), "{stays:?}");
    new.close().await;
}
