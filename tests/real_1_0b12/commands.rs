//! The command channel, where it differs from that of other releases.

use std::rc::Rc;
use std::time::Duration;

use axon_worker::config::{OrchestratorSettings, Timing};
use axon_worker::transport::rxon::{RxonHttp, TlsFiles};
use axon_worker::transport::{Transport, TransportError};
use axon_worker::{OrchestratorId, WorkerId};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::RELEASE;
use crate::support::{Stage, Storage, WORKER_TOKEN, eventually, json};

/// What the orchestrator logs when a socket is in its registry.
const REGISTERED: &str = "WebSocket connection registered for worker";
/// What it logs when one is struck from there.
const STRUCK: &str = "unregistered.";

/// Waits until it was logged more often than that; each message is there twice.
async fn logged(stage: &Stage, what: &str, more_than: usize) {
    let text = format!("{what:?} is logged more than {more_than} times");
    eventually(&text, Duration::from_secs(40), || async {
        let found = stage.orchestrator.output().matches(what).count();
        if found > more_than {
            Ok(())
        } else {
            Err(json!(found))
        }
    })
    .await;
}

#[actix_rt::test]
async fn a_wrong_token_is_read_as_the_refusal_it_is() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let settings = OrchestratorSettings::new(stage.orchestrator.url(), "a-token-that-nobody-knows");
    let (origin, timing) = (OrchestratorId(0), Timing::default());
    let worker = WorkerId::try_new("stranger").unwrap();
    let transport =
        RxonHttp::new(origin, &settings, &worker, &timing, &TlsFiles::default()).unwrap();
    // The orchestrator agrees to the upgrade before it looks at the token.
    let mut link = transport.open_commands().unwrap().await.unwrap();
    let error = link.next().await.unwrap_err();
    assert!(
        matches!(error, TransportError::Unauthorized { .. }),
        "{error}"
    );
    link.close().await;
}

#[actix_rt::test]
async fn a_socket_that_went_dead_costs_the_next_one_its_place_only_for_a_moment() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let (url, freeze) = freezing_way_to(stage.orchestrator.address()).await;
    let settings = OrchestratorSettings::new(url, WORKER_TOKEN);
    let (origin, timing) = (OrchestratorId(0), Timing::default());
    let worker = WorkerId::try_new("conformance-1").unwrap();
    let transport =
        RxonHttp::new(origin, &settings, &worker, &timing, &TlsFiles::default()).unwrap();

    let mut dead = transport.open_commands().unwrap().await.unwrap();
    logged(&stage, REGISTERED, 0).await;
    freeze.notify_waiters();
    tokio::time::pause();
    let error = dead.next().await.unwrap_err();
    assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");
    tokio::time::resume();
    dead.close().await;

    // The orchestrator takes leave of the dead socket and strikes the new one.
    let mut second = transport.open_commands().unwrap().await.unwrap();
    let error = second.next().await.unwrap_err();
    assert!(
        matches!(error, TransportError::Unavailable { .. }),
        "{error}"
    );
    let output = stage.orchestrator.output();
    assert!(output.rfind(STRUCK) > output.rfind(REGISTERED), "{output}");
    second.close().await;

    let mut third = transport.open_commands().unwrap().await.unwrap();
    let stays = tokio::time::timeout(Duration::from_secs(5), third.next()).await;
    assert!(stays.is_err(), "{stays:?}");
    let output = stage.orchestrator.output();
    assert!(output.rfind(REGISTERED) > output.rfind(STRUCK), "{output}");
    third.close().await;
}

/// A way to the orchestrator whose open connections go dead when told so: nothing
/// passes any more, and neither end hears of it.
async fn freezing_way_to(address: (&'static str, u16)) -> (String, Rc<Notify>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let freeze = Rc::new(Notify::new());
    let told = Rc::clone(&freeze);
    actix_rt::spawn(async move {
        while let Ok((mut worker, _)) = listener.accept().await {
            let told = Rc::clone(&told);
            actix_rt::spawn(async move {
                let mut orchestrator = TcpStream::connect(address).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut worker, &mut orchestrator) => {}
                    () = told.notified() => std::future::pending().await,
                }
            });
        }
    });
    (url, freeze)
}
