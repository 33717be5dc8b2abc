//! What comes in while the socket is open.

use axon_worker::transport::{Command, CommandLink, TransportError};

use super::server::{BINARY, PING, PONG, TEXT, fragments, frame, head, part};
use super::{CANCEL, Connected, TOKEN, called_off, connected};

const MIB: usize = 1024 * 1024;

/// The error that ends the link.
async fn end(link: &mut dyn CommandLink) -> TransportError {
    link.next().await.expect_err("the link ends")
}

/// A cancel whose text is this long.
fn padded(size: usize) -> String {
    let bare = r#"{"command":"cancel_task","task_id":"t","x":""}"#;
    bare.replace("\"\"", &format!("\"{}\"", "x".repeat(size - bare.len())))
}

#[actix_rt::test]
async fn the_handshake_names_the_worker_and_shows_the_token() {
    let Connected { peer, .. } = connected().await;
    let line = peer.head.lines().next().unwrap();
    assert_eq!(line, "GET /_worker/ws/worker-1 HTTP/1.1");
    assert_eq!(peer.header("x-worker-token"), Some(TOKEN));
    assert_eq!(peer.header("x-rxon-version"), Some("1.0b2"));
    assert_eq!(peer.header("sec-websocket-version"), Some("13"));
    assert!(peer.header("sec-websocket-extensions").is_none());
}

#[actix_rt::test]
async fn commands_come_in_the_order_in_which_they_were_sent() {
    let Connected {
        mut link, mut peer, ..
    } = connected().await;
    // In one piece, so that they are all there at once.
    let texts = [CANCEL, r#"{"command":"reload","params":[1]}"#, CANCEL];
    let bytes: Vec<u8> = texts
        .iter()
        .flat_map(|text| frame(TEXT, text.as_bytes()))
        .collect();
    peer.say(&bytes).await;
    assert_eq!(called_off(link.next().await), "t");
    let Ok(Command::Custom(custom)) = link.next().await else {
        panic!("an unknown command is handed on")
    };
    assert_eq!(
        (custom.name.as_str(), custom.params.as_str()),
        ("reload", "[1]")
    );
    assert_eq!(called_off(link.next().await), "t");
}

#[actix_rt::test]
async fn a_command_may_come_with_the_answer_to_the_handshake() {
    let server = super::Server::start().await;
    let transport = super::transport(&server.url);
    let serve = async {
        let mut peer = server.accepted().await;
        let mut bytes = peer.upgrade();
        bytes.extend(frame(TEXT, CANCEL.as_bytes()));
        peer.say(&bytes).await;
        peer
    };
    let (_peer, link) = tokio::join!(serve, super::open(&transport));
    assert_eq!(called_off(link.unwrap().next().await), "t");
}

#[actix_rt::test]
async fn a_message_in_fragments_with_a_ping_between_them_is_one_message() {
    let Connected {
        mut link, mut peer, ..
    } = connected().await;
    let (start, rest) = CANCEL.as_bytes().split_at(10);
    let (middle, last) = rest.split_at(10);
    let parts = fragments(TEXT, &[start, middle, b"", last]);
    peer.say(&parts[0]).await;
    peer.say(&frame(PING, b"there?")).await;
    for part in &parts[1..] {
        peer.say(part).await;
    }
    assert_eq!(called_off(link.next().await), "t");
    // What answers the ping goes out while the next command is waited for.
    let answered = tokio::select! {
        came = link.next() => panic!("{came:?}"),
        frame = peer.frame() => frame,
    };
    assert_eq!(answered, (PONG, b"there?".to_vec()));
}

#[actix_rt::test]
async fn a_message_byte_by_byte_is_one_message() {
    let Connected {
        mut link, mut peer, ..
    } = connected().await;
    let trickle = async {
        for byte in frame(TEXT, CANCEL.as_bytes()) {
            peer.say(&[byte]).await;
            tokio::task::yield_now().await;
        }
    };
    let (command, ()) = tokio::join!(link.next(), trickle);
    assert_eq!(called_off(command), "t");
}

#[actix_rt::test]
async fn what_is_no_command_is_skipped_and_the_link_goes_on() {
    let Connected {
        mut link, mut peer, ..
    } = connected().await;
    peer.say(&frame(BINARY, CANCEL.as_bytes())).await;
    for part in fragments(BINARY, &[b"{", b"}"]) {
        peer.say(&part).await;
    }
    for text in [
        "",
        "{",
        "{not json}",
        "[]",
        "7",
        r#"{"command":7}"#,
        r#"{"command":"cancel_task"}"#,
    ] {
        peer.text(text).await;
    }
    peer.say(&frame(TEXT, b"{\"command\":\"\xff\"}")).await;
    peer.text(CANCEL).await;
    assert_eq!(called_off(link.next().await), "t");
}

#[actix_rt::test]
async fn a_message_at_the_limit_is_taken() {
    let Connected {
        mut link, mut peer, ..
    } = connected().await;
    let text = padded(MIB);
    let (command, ()) = tokio::join!(link.next(), peer.text(&text));
    assert_eq!(called_off(command), "t");
}

#[actix_rt::test]
async fn a_huge_frame_is_refused_by_its_head_and_takes_no_memory() {
    let Connected {
        mut link, mut peer, ..
    } = connected().await;
    let before = resident_memory();
    peer.say(&head(0x80 | TEXT, 256 * MIB as u64)).await;
    let sending = async {
        // Most of it meets a closed connection.
        let piece = vec![b'x'; MIB];
        let mut sent = 0;
        while sent < 64 && peer.try_say(&piece).await {
            sent += 1;
        }
        sent
    };
    let ending = async {
        let error = end(&mut *link).await;
        let grown = resident_memory().saturating_sub(before);
        drop(link);
        (error, grown)
    };
    let (_, (error, grown)) = tokio::join!(sending, ending);
    let text = error.to_string();
    assert!(matches!(error, TransportError::Malformed { .. }), "{text}");
    assert!(text.contains("268435456 bytes"), "{text}");
    assert!(grown < 16 * MIB, "{grown} bytes");
}

#[actix_rt::test]
async fn fragments_that_are_too_large_together_end_the_link() {
    let Connected {
        mut link, mut peer, ..
    } = connected().await;
    let piece = vec![b'x'; 300 * 1024];
    let sending = async {
        for part in fragments(TEXT, &[&piece[..]; 4]) {
            peer.say(&part).await;
        }
        peer.close_code().await
    };
    let ending = async {
        let error = end(&mut *link).await;
        assert!(matches!(error, TransportError::Malformed { .. }), "{error}");
        link.close().await;
    };
    let (code, ()) = tokio::join!(sending, ending);
    assert_eq!(code, 1009);
}

#[actix_rt::test]
async fn frames_that_break_the_protocol_end_the_link() {
    let nonsense = [
        ("reserved bits", part(0xf1, b"x")),
        ("reserved kind", part(0x83, b"x")),
        ("continues nothing", part(0x80, b"x")),
        ("masked", vec![0x81, 0x81, 1, 2, 3, 4, b'x']),
        ("a ping in fragments", part(PING, b"x")),
        ("a long ping", part(0x80 | PING, &[b'x'; 126])),
        ("garbage", b"garbage".repeat(4)),
    ];
    for (what, bytes) in nonsense {
        let Connected {
            mut link, mut peer, ..
        } = connected().await;
        peer.say(&bytes).await;
        let error = end(&mut *link).await;
        assert!(
            matches!(error, TransportError::Malformed { .. }),
            "{what}: {error}"
        );
        let (code, ()) = tokio::join!(
            async {
                let code = peer.close_code().await;
                drop(peer);
                code
            },
            link.close()
        );
        assert_eq!(code, 1002, "{what}");
    }
}

#[actix_rt::test]
async fn pings_of_a_peer_that_does_not_read_do_not_pile_up() {
    let Connected {
        mut link, mut peer, ..
    } = connected().await;
    let before = resident_memory();
    let flood = async {
        let pings = frame(PING, &[b'x'; 125]).repeat(8 * 1024);
        for _ in 0..64 {
            peer.say(&pings).await;
        }
        peer.text(CANCEL).await;
    };
    let (command, ()) = tokio::join!(link.next(), flood);
    assert_eq!(called_off(command), "t");
    let grown = resident_memory().saturating_sub(before);
    assert!(grown < 32 * MIB, "{grown} bytes");
}

/// What this process holds, in bytes; 0 where the system does not say.
fn resident_memory() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1).and_then(|it| it.parse().ok());
    resident.unwrap_or(0) * 4096
}
