//! Progress on its way out.

use axon_worker::transport::{ProgressUpdate, Transport, TransportError};
use serde_json::Value;

use super::server::TEXT;
use super::{CANCEL, Connected, called_off, connected, transport, update};

#[actix_rt::test]
async fn progress_goes_out_in_the_form_of_the_python_worker() {
    let capture = include_str!("../vectors/captures/1.0b2-progress.json");
    let capture: Value = serde_json::from_str(capture).unwrap();
    let exchanges = capture["exchanges"].as_array().unwrap();
    let frames = exchanges
        .iter()
        .filter_map(|it| it["websocket_frames"].as_array());
    let sent: Vec<&Value> = frames
        .flatten()
        .map(|it| &it["json"])
        .filter(|it| it.is_object())
        .collect();
    assert_eq!(sent.len(), 3);

    let Connected {
        transport,
        mut link,
        mut peer,
        ..
    } = connected().await;
    for wire in &sent {
        let text = |name: &str| wire[name].as_str().unwrap();
        let progress = wire["progress"].as_f64().unwrap();
        let update = ProgressUpdate {
            task_id: text("task_id").into(),
            job_id: text("job_id").into(),
            ..update(progress, text("message"))
        };
        transport.progress(update).await.unwrap();
    }
    let read = async {
        for wire in &sent {
            let (kind, content) = peer.frame().await;
            assert_eq!(kind, TEXT);
            assert_eq!(&serde_json::from_slice::<Value>(&content).unwrap(), *wire);
        }
        peer.text(CANCEL).await;
    };
    let (command, ()) = tokio::join!(link.next(), read);
    assert_eq!(called_off(command), "t");
}

#[actix_rt::test]
async fn progress_without_a_socket_is_dropped_without_a_word() {
    let alone = transport("http://127.0.0.1:1");
    alone.progress(update(0.5, "half")).await.unwrap();

    let Connected {
        transport,
        link,
        peer,
        ..
    } = connected().await;
    drop((link, peer));
    transport.progress(update(0.5, "half")).await.unwrap();
}

#[actix_rt::test]
async fn a_peer_that_does_not_read_holds_up_no_command_and_piles_nothing_up() {
    let Connected {
        transport,
        mut link,
        mut peer,
        ..
    } = connected().await;
    let message = "x".repeat(60_000);
    let mut refused = None;
    // Far more than the system and we would hold.
    for n in 0..2000 {
        if let Err(error) = transport.progress(update(0.5, &message)).await {
            refused = Some(error);
            break;
        }
        if n % 8 == 0 {
            peer.text(CANCEL).await;
            assert_eq!(called_off(link.next().await), "t");
        }
    }
    assert!(
        matches!(refused, Some(TransportError::Unavailable { .. })),
        "{refused:?}"
    );
    peer.text(CANCEL).await;
    assert_eq!(called_off(link.next().await), "t");
}

#[actix_rt::test]
async fn a_message_that_is_a_novel_is_not_sent() {
    let Connected { transport, .. } = connected().await;
    let error = transport.progress(update(0.5, &"x".repeat(100_000))).await;
    assert!(
        matches!(error, Err(TransportError::TooLarge { .. })),
        "{error:?}"
    );
}
