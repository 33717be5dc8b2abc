//! Bodies that are not what their heads promise.

use std::io::Write;

use axon_worker::transport::{Receipt, Transport, TransportError};

use super::server::{Act, Server, answer, ok};
use super::{TASK, card, named, poll, report, result, transport, unreadable};

/// The same task, packed by Python's `gzip`.
const GZIPPED: &[u8] = include_bytes!("../vectors/task.json.gz");
const GZIP: &str = "content-encoding: GZip\r\n";

/// The head of a task of `length` bytes and the task, which may be shorter.
fn announced(length: usize) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(TASK.as_bytes());
    bytes
}

fn chunked(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n")
        .into_bytes()
}

async fn polled_from(act: Act) -> (String, Option<(String, String)>) {
    let server = Server::playing([vec![act]]).await;
    unreadable(poll(&transport(&server.url)).await)
}

#[actix_rt::test]
async fn a_task_that_was_cut_off_is_named() {
    let cut = announced(TASK.len() + 1);
    let (reason, ids) = polled_from(Act::SayAndClose(cut)).await;
    assert!(reason.contains("cut off"), "{reason}");
    assert_eq!(ids, Some(named()));
}

#[actix_rt::test]
async fn chunks_without_an_end_are_named_too() {
    // `awc` itself takes all of these for whole, the last one even if nothing is missing.
    let whole = chunked(TASK);
    let half = chunked(&TASK[..TASK.len() - 3]);
    let inside = whole[..whole.len() - 9].to_vec();
    for cut in [half, inside, whole] {
        let (reason, ids) = polled_from(Act::SayAndClose(cut)).await;
        assert!(reason.contains("cut off"), "{reason}");
        assert_eq!(ids, Some(named()));
    }
    let mut ended = chunked(TASK);
    ended.extend_from_slice(b"0\r\n\r\n");
    for act in [Act::Say(ended.clone()), Act::SayAndClose(ended)] {
        let server = Server::playing([vec![act]]).await;
        assert!(poll(&transport(&server.url)).await.unwrap().is_some());
    }
}

#[actix_rt::test]
async fn json_that_ends_in_the_middle_was_cut_off() {
    // The length is right, so something in between has cut the text.
    for cut in 50..TASK.len() {
        let server = Server::saying([ok(&TASK[..cut])]).await;
        let error = poll(&transport(&server.url)).await.unwrap_err();
        let TransportError::CutOff { task, .. } = error else {
            panic!("{cut}: {error}");
        };
        assert_eq!(super::texts(task), named());
    }
    let server = Server::saying([ok(&TASK[..10])]).await;
    let error = poll(&transport(&server.url)).await.unwrap_err();
    assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");
}

#[actix_rt::test]
async fn a_task_that_was_cut_off_may_be_whole_the_next_time() {
    tokio::time::pause();
    let late = Act::SayAndHang(announced(TASK.len() + 1));
    for act in [Act::SayAndClose(announced(TASK.len() + 1)), late] {
        let server = Server::playing([vec![act]]).await;
        let error = poll(&transport(&server.url)).await.unwrap_err();
        assert!(matches!(error, TransportError::CutOff { .. }), "{error}");
    }
    // Nobody can be told about one without a name, but the line is to blame.
    let nameless = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"job_id\":".to_vec();
    let server = Server::playing([vec![Act::SayAndClose(nameless)]]).await;
    let error = poll(&transport(&server.url)).await.unwrap_err();
    assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");
}

#[actix_rt::test]
async fn a_heartbeat_answer_that_was_cut_off_is_no_answer() {
    let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nnull".to_vec();
    let server = Server::playing([vec![Act::SayAndClose(bytes)]]).await;
    let error = transport(&server.url)
        .heartbeat(report())
        .await
        .unwrap_err();
    assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");
}

#[actix_rt::test]
async fn an_accepted_result_is_accepted_whatever_became_of_the_body() {
    tokio::time::pause();
    let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec();
    for act in [
        Act::SayAndClose(bytes.clone()),
        Act::SayAndHang(bytes),
        Act::Say(ok("<html>")),
    ] {
        let server = Server::playing([vec![act]]).await;
        let receipt = transport(&server.url).deliver(result()).await;
        assert_eq!(receipt, Ok(Receipt::Accepted));
    }
}

#[actix_rt::test]
async fn an_empty_answer_is_none() {
    let without_length = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    for act in [Act::Say(ok("")), Act::SayAndClose(without_length)] {
        let (_, ids) = polled_from(act.clone()).await;
        assert_eq!(ids, None);
        let server = Server::playing([vec![act]]).await;
        let error = transport(&server.url)
            .heartbeat(report())
            .await
            .unwrap_err();
        assert!(matches!(error, TransportError::Malformed { .. }), "{error}");
    }
}

#[actix_rt::test]
async fn a_page_of_another_server_is_no_answer_of_an_orchestrator() {
    let page = || ok("<html>It works!</html>");
    let (_, ids) = polled_from(Act::Say(page())).await;
    assert_eq!(ids, None);
    let server = Server::saying([page(), page(), page()]).await;
    let orchestrator = transport(&server.url);
    let registered = orchestrator.register(card(), report()).await;
    let malformed = |error| matches!(error, TransportError::Malformed { .. });
    assert!(malformed(registered.unwrap_err()));
    assert!(malformed(
        orchestrator.heartbeat(report()).await.unwrap_err()
    ));
    assert!(malformed(orchestrator.probe().await.unwrap_err()));
}

#[actix_rt::test]
async fn a_compressed_task_is_unpacked() {
    let server = Server::saying([answer(200, GZIP, GZIPPED)]).await;
    let task = poll(&transport(&server.url)).await.unwrap().unwrap();
    assert_eq!(task.params.as_str().matches("packed").count(), 100);
}

#[actix_rt::test]
async fn a_compressed_task_that_was_cut_off_is_refused() {
    for keep in 1..GZIPPED.len() {
        let cut = answer(200, GZIP, &GZIPPED[..keep]);
        let (reason, _) = polled_from(Act::Say(cut)).await;
        assert!(reason.contains("broke off"), "{keep}: {reason}");
    }
    let other = answer(200, GZIP, "not compressed");
    let (reason, ids) = polled_from(Act::Say(other)).await;
    assert!(reason.contains("broke off"), "{reason}");
    assert_eq!(ids, None);
}

#[actix_rt::test]
async fn a_compressed_body_shorter_than_announced_is_no_task() {
    let mut cut = answer(200, GZIP, GZIPPED);
    cut.pop();
    let (reason, _) = polled_from(Act::SayAndClose(cut)).await;
    assert!(reason.contains("broke off"), "{reason}");
}

#[actix_rt::test]
async fn ids_are_found_in_a_compressed_task_that_stays_incomplete() {
    tokio::time::pause();
    let task = format!(
        r#"{{"task_id":"t","job_id":"j","type":"e","params":"{}"}}"#,
        noise()
    );
    let mut packed = answer(200, GZIP, gzipped(task.as_bytes()));
    packed.truncate(packed.len() / 2);
    for act in [Act::SayAndHang(packed.clone()), Act::SayAndClose(packed)] {
        let (_, ids) = polled_from(act).await;
        assert_eq!(ids, Some(named()));
    }
}

#[actix_rt::test]
async fn a_small_body_that_unpacks_to_a_large_one_is_stopped() {
    let bomb = include_bytes!("../vectors/zeros-8-mib.gz");
    let server = Server::saying([answer(200, GZIP, bomb)]).await;
    let transport = transport(&server.url);
    let error = transport.heartbeat(report()).await.unwrap_err();
    assert!(matches!(error, TransportError::Malformed { .. }), "{error}");
    assert!(error.to_string().contains("larger than"), "{error}");
}

#[actix_rt::test]
async fn an_encoding_that_was_not_asked_for_is_named() {
    for encoding in ["br", "zstd", "gzip, zstd"] {
        let header = format!("content-encoding: {encoding}\r\n");
        let server = Server::saying([answer(200, &header, "x")]).await;
        let error = poll(&transport(&server.url)).await.unwrap_err();
        assert!(matches!(error, TransportError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains(encoding), "{error}");
    }
    let header = "content-encoding: identity\r\n";
    let server = Server::saying([answer(200, header, TASK)]).await;
    assert!(poll(&transport(&server.url)).await.unwrap().is_some());
}

#[actix_rt::test]
async fn the_text_of_a_compressed_refusal_is_read() {
    let body = gzipped(br#"{"error": "no such worker"}"#);
    let server = Server::saying([answer(400, GZIP, body)]).await;
    let error = poll(&transport(&server.url)).await.unwrap_err();
    assert!(error.to_string().contains("no such worker"), "{error}");
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packing.write_all(bytes).unwrap();
    packing.finish().unwrap()
}

/// Something that hardly gets shorter when packed.
fn noise() -> String {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + u8::try_from(state >> 28).unwrap())
    };
    (0..20_000).map(|_| next()).collect()
}

#[actix_rt::test]
async fn a_body_announced_as_too_large_is_not_waited_for() {
    let (reason, ids) = polled_from(Act::SayAndHang(announced(1 << 40))).await;
    assert!(reason.contains("larger"), "{reason}");
    assert_eq!(ids, Some(named()));
}

#[actix_rt::test]
async fn ten_megabytes_of_parameters_arrive_whole() {
    let params = format!(r#"{{"x":"{}"}}"#, "y".repeat(10_000_000));
    let text = format!(r#"{{"task_id":"t","job_id":"j","type":"e","params":{params}}}"#);
    let server = Server::saying([ok(&text)]).await;
    let task = poll(&transport(&server.url)).await.unwrap().unwrap();
    assert_eq!(task.params.as_str().len(), params.len());
    let mut in_chunks = chunked(&text);
    in_chunks.extend_from_slice(b"0\r\n\r\n");
    let server = Server::saying([in_chunks]).await;
    let task = poll(&transport(&server.url)).await.unwrap().unwrap();
    assert_eq!(task.params.as_str().len(), params.len());
}

#[actix_rt::test]
async fn odd_ids_and_deep_nesting_are_carried() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text =
        format!(r#"{{"task_id":"..\/\u0000\n😀","job_id":"","type":"no such","params":{deep}}}"#);
    let server = Server::saying([ok(&text)]).await;
    let task = poll(&transport(&server.url)).await.unwrap().unwrap();
    assert_eq!(task.id.as_str(), "../\0\n😀");
    assert_eq!(task.params.as_str(), deep);
}
