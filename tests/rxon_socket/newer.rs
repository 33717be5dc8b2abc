//! The WebSocket in the dialect 1.0b17: events go out, signed, and commands come in.

use std::collections::BTreeMap;

use axon_worker::RawJson;
use axon_worker::config::RxonVersion;
use axon_worker::transport::rxon::security::{MessageKind, SigningKey, verify_message};
use axon_worker::transport::{Event, Transport};
use serde_json::{Value, json};

use super::server::{Peer, Server, TEXT};
use super::{CANCEL, Connected, TOKEN, called_off, connected_in, update};

fn event(payload: &Value) -> Event {
    Event {
        id: "e-1".to_owned(),
        task_id: "t".into(),
        job_id: "j".into(),
        name: "tick".to_owned(),
        payload: RawJson::from_serialize(payload).unwrap(),
        priority: 0.0,
        trace_context: BTreeMap::new(),
    }
}

/// The next frame, which has to be a signed event.
async fn told(peer: &mut Peer) -> Value {
    let (kind, content) = peer.frame().await;
    assert_eq!(kind, TEXT);
    checked(&content)
}

fn checked(message: &[u8]) -> Value {
    let key = SigningKey::new(TOKEN).unwrap();
    verify_message(message, MessageKind::Event, &key).unwrap();
    serde_json::from_slice(message).unwrap()
}

#[actix_rt::test]
async fn progress_and_events_go_over_the_socket_while_commands_come() {
    let Connected {
        transport,
        mut link,
        mut peer,
        ..
    } = connected_in(RxonVersion::V1_0b17).await;
    assert_eq!(peer.header("x-rxon-version"), Some("1.0b17"));
    assert_eq!(peer.header("x-worker-id"), Some("worker-1"));
    assert_eq!(peer.header("x-worker-token"), Some(TOKEN));
    transport.progress(update(0.25, "quarter")).await.unwrap();
    assert!(transport.event(event(&json!({"i": 1}))).await.unwrap());
    let read = async {
        let progress = told(&mut peer).await;
        assert_eq!(progress["event_type"], "progress");
        let payload = json!({"progress": 0.25, "message": "quarter"});
        assert_eq!(progress["payload"], payload);
        let tick = told(&mut peer).await;
        assert_eq!(
            (&tick["event_id"], &tick["payload"]["i"]),
            (&json!("e-1"), &json!(1))
        );
        peer.text(CANCEL).await;
    };
    let (command, ()) = tokio::join!(link.next(), read);
    assert_eq!(called_off(command), "t");
}

/// Reads a request and answers it.
async fn posted(server: &Server) -> Value {
    let mut peer = server.accepted().await;
    assert!(
        peer.head.starts_with("POST /_worker/events "),
        "{}",
        peer.head
    );
    let length = peer.header("content-length").unwrap().parse().unwrap();
    let body = peer.body(length).await;
    peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 27\r\n\r\n{\"status\":\"event_accepted\"}")
        .await;
    checked(&body)
}

#[actix_rt::test]
async fn what_the_socket_does_not_take_goes_by_itself() {
    let Connected {
        server,
        transport,
        link,
        peer,
    } = connected_in(RxonVersion::V1_0b17).await;
    // Too large to go before pings and commands.
    let large = event(&json!({"x": "x".repeat(100_000)}));
    let (sent, message) = tokio::join!(transport.event(large), posted(&server));
    assert!(sent.unwrap());
    assert_eq!(message["payload"]["x"].as_str().unwrap().len(), 100_000);
    drop((link, peer));
    let (sent, message) = tokio::join!(transport.progress(update(0.5, "half")), posted(&server));
    sent.unwrap();
    assert_eq!(message["payload"]["progress"], 0.5);
}
