//! How a socket ends, or does not come about.

use std::time::Duration;

use axon_worker::transport::TransportError;
use tokio::time::Instant;

use super::server::{CLOSE, PING, Server};
use super::{CANCEL, Connected, TOKEN, called_off, connected, open, refused, transport};

/// The error of an attempt that is answered with this.
async fn answered(answer: &str) -> TransportError {
    let server = Server::start().await;
    let transport = transport(&server.url);
    let (_peer, error) = tokio::join!(server.answering(answer.as_bytes()), refused(&transport));
    error
}

#[actix_rt::test]
async fn statuses_other_than_101_tell_what_to_do_next() {
    use TransportError as E;
    let status = |code| format!("HTTP/1.1 {code} Status\r\ncontent-length: 0\r\n\r\n");
    for code in [401, 403] {
        let error = answered(&status(code)).await;
        assert!(matches!(error, E::Unauthorized { .. }), "{code}: {error}");
    }
    for code in [302, 404, 502, 503] {
        let error = answered(&status(code)).await;
        assert!(matches!(error, E::Unavailable { .. }), "{code}: {error}");
    }
    assert!(matches!(
        answered(&status(429)).await,
        E::RateLimited { .. }
    ));
    assert!(matches!(answered(&status(500)).await, E::Faulted { .. }));
    for code in [200, 204] {
        let error = answered(&status(code)).await;
        assert!(matches!(error, E::Malformed { .. }), "{code}: {error}");
    }
}

#[actix_rt::test]
async fn an_upgrade_to_something_else_is_no_link() {
    let strange = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
        connection: upgrade\r\nsec-websocket-accept: bm90IHRoaXMgb25l\r\n\r\n";
    let error = answered(strange).await;
    assert!(matches!(error, TransportError::Malformed { .. }), "{error}");
}

#[actix_rt::test]
async fn nobody_there_is_unreachable_and_a_hang_up_is_no_answer() {
    let server = Server::start().await;
    let nobody = transport(&server.url);
    drop(server);
    let error = refused(&nobody).await;
    assert!(
        matches!(error, TransportError::Unreachable { .. }),
        "{error}"
    );

    let server = Server::start().await;
    let rude = transport(&server.url);
    let hang_up = async { drop(server.accepted().await) };
    let (error, ()) = tokio::join!(refused(&rude), hang_up);
    assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");
}

#[actix_rt::test]
async fn plain_http_after_the_upgrade_is_read_as_the_refusal_it_is() {
    // As avtomatika 1.0b12 refuses a token, in one piece with the upgrade or after it.
    let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n\r\n{}";
    for in_one_piece in [true, false] {
        let server = Server::start().await;
        let transport = transport(&server.url);
        let serve = async {
            let mut peer = server.accepted().await;
            let mut upgrade = peer.upgrade();
            if in_one_piece {
                upgrade.extend_from_slice(refusal);
                peer.say(&upgrade).await;
            } else {
                peer.say(&upgrade).await;
                for byte in refusal {
                    // The client may have seen enough before the end.
                    peer.try_say(&[*byte]).await;
                    tokio::task::yield_now().await;
                }
            }
            peer
        };
        let hear = async {
            let mut link = open(&transport).await.unwrap();
            let error = link.next().await.unwrap_err();
            link.close().await;
            error
        };
        let (_peer, error) = tokio::join!(serve, hear);
        assert!(
            matches!(error, TransportError::Unauthorized { .. }),
            "{error}"
        );
    }
}

#[actix_rt::test]
async fn an_abrupt_end_is_no_answer() {
    let Connected { mut link, peer, .. } = connected().await;
    drop(peer);
    let error = link.next().await.unwrap_err();
    assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");
}

#[actix_rt::test]
async fn an_end_inside_a_frame_is_no_answer() {
    let Connected {
        mut link, mut peer, ..
    } = connected().await;
    peer.say(b"\x81\x05he").await;
    drop(peer);
    let error = link.next().await.unwrap_err();
    assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");
}

#[actix_rt::test]
async fn a_close_is_answered_and_its_code_says_what_to_do_next() {
    let ends = [
        (1000, "", false),
        (1001, "Server shutdown", false),
        (1011, "oops", false),
        (1008, "New connection established", true),
    ];
    for (code, reason, is_refusal) in ends {
        let Connected {
            mut link, mut peer, ..
        } = connected().await;
        peer.close(code, reason).await;
        let error = link.next().await.unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(error.to_string().contains(&code.to_string()), "{error}");
        match error {
            TransportError::Refused { .. } if is_refusal => {}
            TransportError::Unavailable { .. } if !is_refusal => {}
            other => panic!("{code}: {other}"),
        }
        let answer = async {
            let answered = peer.close_code().await;
            drop(peer);
            answered
        };
        let (answered, ()) = tokio::join!(answer, link.close());
        assert_eq!(answered, code);
    }
}

#[actix_rt::test]
async fn a_reason_that_repeats_our_token_is_not_passed_on() {
    let Connected {
        mut link, mut peer, ..
    } = connected().await;
    peer.close(1008, &format!("bad {TOKEN}\n")).await;
    let error = link.next().await.unwrap_err().to_string();
    assert!(error.contains("bad [REDACTED]"), "{error}");
    assert!(!error.contains(TOKEN) && !error.contains('\n'), "{error}");
}

#[actix_rt::test]
async fn closing_waits_for_the_other_side_to_be_done() {
    let Connected { link, mut peer, .. } = connected().await;
    let is_done = std::cell::Cell::new(false);
    let serve = async {
        assert_eq!(peer.close_code().await, 1000);
        peer.close(1000, "").await;
        // The server takes us out of its books before it hangs up.
        tokio::time::sleep(Duration::from_millis(50)).await;
        is_done.set(true);
        drop(peer);
    };
    let close = async {
        link.close().await;
        assert!(is_done.get(), "closed too early");
    };
    tokio::join!(serve, close);
}

#[actix_rt::test]
async fn closing_does_not_wait_for_ever() {
    let Connected { link, peer, .. } = connected().await;
    tokio::time::pause();
    let began = Instant::now();
    link.close().await;
    assert_eq!(began.elapsed().as_secs(), 2);
    drop(peer);
}

#[actix_rt::test]
async fn a_peer_that_has_gone_silent_is_noticed() {
    let Connected {
        mut link, mut peer, ..
    } = connected().await;
    tokio::time::pause();
    let began = Instant::now();
    let error = link.next().await.unwrap_err();
    assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");
    assert_eq!(began.elapsed().as_secs(), 40);
    tokio::time::resume();
    assert_eq!(
        peer.frame().await,
        (PING, Vec::new()),
        "it was asked before"
    );
    let closing = Instant::now();
    link.close().await;
    assert!(
        closing.elapsed() < Duration::from_secs(1),
        "nobody is there to wait for"
    );
}

#[actix_rt::test]
async fn a_dropped_wait_loses_no_command() {
    let Connected {
        mut link, mut peer, ..
    } = connected().await;
    let (start, rest) = CANCEL.as_bytes().split_at(20);
    let parts = super::server::fragments(super::server::TEXT, &[start, rest]);
    for part in parts {
        peer.say(&part[..3]).await;
        let waited = tokio::time::timeout(Duration::from_millis(20), link.next()).await;
        assert!(waited.is_err(), "no whole message has come");
        peer.say(&part[3..]).await;
    }
    assert_eq!(called_off(link.next().await), "t");
}

#[actix_rt::test]
async fn a_socket_after_a_doubtful_end_is_replaced_once_by_one_with_a_proper_start() {
    let Connected {
        server,
        transport,
        mut link,
        peer,
    } = connected().await;
    drop(peer);
    link.next().await.unwrap_err();
    link.close().await;

    let (mut peer, link) = tokio::join!(server.upgraded(), open(&transport));
    let mut link = link.unwrap();
    tokio::time::pause();
    let began = Instant::now();
    let error = link.next().await.unwrap_err();
    assert!(
        matches!(error, TransportError::Unavailable { .. }),
        "{error}"
    );
    assert_eq!(began.elapsed().as_secs(), 3);
    tokio::time::resume();
    let serve = async {
        assert_eq!(peer.frame().await.0, CLOSE);
        drop(peer);
    };
    tokio::join!(serve, link.close());

    let (peer, link) = tokio::join!(server.upgraded(), open(&transport));
    let mut link = link.unwrap();
    tokio::time::pause();
    let began = Instant::now();
    link.next().await.unwrap_err();
    assert_eq!(
        began.elapsed().as_secs(),
        40,
        "this one stays until it is silent"
    );
    drop(peer);
}
