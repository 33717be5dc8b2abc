//! Connections that break, stall or refuse.

use std::rc::Rc;
use std::time::Duration;

use axon_worker::transport::{Transport, TransportError};
use futures_util::future::join_all;

use super::server::{Act, Server, answer, ok};
use super::{TASK, card, named, poll, report, result, transport, unreadable};

fn closing() -> Vec<Act> {
    vec![Act::SayAndClose(Vec::new())]
}

fn known() -> Vec<u8> {
    ok(r#"{"status": "ok"}"#)
}

fn is_no_answer<T>(outcome: &Result<T, TransportError>) -> bool {
    matches!(outcome, Err(TransportError::NoAnswer { .. }))
}

#[actix_rt::test]
async fn a_port_where_nobody_listens_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let orchestrator = transport(&url);
    let unreachable = |error| matches!(error, TransportError::Unreachable { .. });
    assert!(unreachable(
        orchestrator.heartbeat(report()).await.unwrap_err()
    ));
    assert!(unreachable(poll(&orchestrator).await.unwrap_err()));
    assert!(unreachable(
        orchestrator.deliver(result()).await.unwrap_err()
    ));
}

#[actix_rt::test]
async fn what_may_be_repeated_is_repeated_once_when_the_connection_closes() {
    let server = Server::playing([closing(), vec![Act::Say(known())]]).await;
    let orchestrator = transport(&server.url);
    orchestrator.heartbeat(report()).await.unwrap();
    assert_eq!(server.seen().len(), 2);

    let server = Server::playing([closing(), closing(), closing()]).await;
    let orchestrator = transport(&server.url);
    assert!(is_no_answer(&orchestrator.register(card(), report()).await));
    assert_eq!(server.connections(), 2);
    assert!(is_no_answer(&orchestrator.probe().await));
    assert_eq!(server.connections(), 4);
}

#[actix_rt::test]
async fn polls_and_results_are_never_repeated_here() {
    let server = Server::playing([closing(), closing()]).await;
    let orchestrator = transport(&server.url);
    assert!(is_no_answer(&poll(&orchestrator).await));
    assert_eq!(server.connections(), 1);
    assert!(is_no_answer(&orchestrator.deliver(result()).await));
    assert_eq!(server.connections(), 2);
}

#[actix_rt::test]
async fn a_connection_closed_while_idle_is_not_used_again() {
    let once = || vec![Act::SayAndClose(known())];
    let server = Server::playing([once(), once(), once()]).await;
    let orchestrator = transport(&server.url);
    orchestrator.deliver(result()).await.unwrap();
    server.closed(1).await;
    orchestrator.deliver(result()).await.unwrap();
    server.closed(2).await;
    orchestrator.deliver(result()).await.unwrap();
    assert_eq!(server.connections(), 3);
}

#[actix_rt::test]
async fn a_connection_that_ends_inside_the_head_is_no_answer() {
    let half = || vec![Act::SayAndClose(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec())];
    let server = Server::playing([half(), half()]).await;
    let orchestrator = transport(&server.url);
    assert!(is_no_answer(&poll(&orchestrator).await));
    assert!(is_no_answer(&orchestrator.deliver(result()).await));
}

#[actix_rt::test]
async fn an_answer_that_is_not_http_is_malformed() {
    let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(200_000));
    for text in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 banana\r\n\r\n",
        &huge,
    ] {
        let act = Act::SayAndHang(text.as_bytes().to_vec());
        let server = Server::playing([vec![act]]).await;
        let (_, ids) = unreadable(poll(&transport(&server.url)).await);
        assert_eq!(ids, None);
    }
}

#[actix_rt::test]
async fn a_slow_head_and_a_slow_body_both_meet_the_deadline() {
    tokio::time::pause();
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{".to_vec();
    for act in [
        Act::SayAndHang(Vec::new()),
        Act::SayAndHang(head.clone()),
        Act::SayAndDrip(head),
    ] {
        let server = Server::playing([vec![act]]).await;
        let start = tokio::time::Instant::now();
        let outcome = transport(&server.url).heartbeat(report()).await;
        assert!(is_no_answer(&outcome));
        let took = start.elapsed();
        let expected = Duration::from_secs(1)..Duration::from_millis(1100);
        assert!(expected.contains(&took), "{took:?}");
        assert_eq!(server.connections(), 1, "no second try after a deadline");
    }
}

#[actix_rt::test]
async fn a_poll_lasts_as_long_as_servers_hold_it_whatever_is_set() {
    tokio::time::pause();
    let server = Server::playing([vec![Act::SayAndHang(Vec::new())]]).await;
    let start = tokio::time::Instant::now();
    assert!(is_no_answer(&poll(&transport(&server.url)).await));
    let took = start.elapsed();
    let expected = Duration::from_secs(35)..Duration::from_millis(35_100);
    assert!(expected.contains(&took), "{took:?}");
}

#[actix_rt::test]
async fn a_task_whose_rest_never_comes_is_named_after_the_deadline() {
    tokio::time::pause();
    let mut start = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec();
    start.extend_from_slice(&TASK.as_bytes()[..50]);
    let server = Server::playing([vec![Act::SayAndHang(start)]]).await;
    let (reason, ids) = unreadable(poll(&transport(&server.url)).await);
    assert!(reason.contains("did not end"), "{reason}");
    assert_eq!(ids, Some(named()));
}

#[actix_rt::test]
async fn a_task_that_comes_late_in_the_hold_may_take_its_time_as_long_as_it_moves() {
    tokio::time::pause();
    let blanks = " ".repeat(20_000);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
        TASK.len() + blanks.len()
    );
    let (pause, body) = (Duration::from_millis(800), format!("{blanks}{TASK}"));
    let act = Act::Slowly(
        Duration::from_secs(34),
        head.into_bytes(),
        body.into_bytes(),
        pause,
    );
    let server = Server::playing([vec![act]]).await;
    let start = tokio::time::Instant::now();
    let task = poll(&transport(&server.url)).await.unwrap();
    assert_eq!(task.unwrap().id.as_str(), "t");
    assert!(start.elapsed() > Duration::from_secs(41));
}

#[actix_rt::test]
async fn a_task_that_drips_is_given_up() {
    tokio::time::pause();
    let mut start = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n".to_vec();
    start.extend_from_slice(&TASK.as_bytes()[..50]);
    let server = Server::playing([vec![Act::SayAndDrip(start)]]).await;
    let (reason, ids) = unreadable(poll(&transport(&server.url)).await);
    assert!(reason.contains("did not end"), "{reason}");
    assert_eq!(ids, Some(named()));
}

#[actix_rt::test]
async fn a_poll_that_was_given_up_is_followed_by_a_longer_one() {
    tokio::time::pause();
    let task = Act::Slowly(Duration::from_mins(1), ok(TASK), Vec::new(), Duration::ZERO);
    let server = Server::playing([vec![Act::SayAndHang(Vec::new())], vec![task]]).await;
    let orchestrator = transport(&server.url);
    assert!(is_no_answer(&poll(&orchestrator).await));
    assert!(poll(&orchestrator).await.unwrap().is_some());
}

#[actix_rt::test]
async fn a_result_that_was_not_answered_in_time_is_given_more_of_it() {
    tokio::time::pause();
    let late = Act::Slowly(
        Duration::from_millis(1500),
        ok("{}"),
        Vec::new(),
        Duration::ZERO,
    );
    let server = Server::playing([vec![Act::SayAndHang(Vec::new())], vec![late]]).await;
    let orchestrator = transport(&server.url);
    assert!(is_no_answer(&orchestrator.deliver(result()).await));
    orchestrator.deliver(result()).await.unwrap();
}

#[actix_rt::test]
async fn answers_to_a_result_that_make_no_sense_become_a_fault_in_the_end() {
    let garbage = || b"HTTP/1.1 banana\r\n\r\n".to_vec();
    let beaten = || ok(r#"{"status":"ok"}"#);
    let server = Server::saying([
        garbage(),
        beaten(),
        garbage(),
        beaten(),
        garbage(),
        beaten(),
    ])
    .await;
    let orchestrator = transport(&server.url);
    for attempt in 1..=3 {
        let error = orchestrator.deliver(result()).await.unwrap_err();
        match error {
            TransportError::Malformed { .. } => assert!(attempt < 3),
            TransportError::Faulted { .. } => assert_eq!(attempt, 3),
            other => panic!("{other}"),
        }
        orchestrator.heartbeat(report()).await.unwrap();
    }
}

#[actix_rt::test]
async fn any_number_of_open_polls_leaves_room_for_a_heartbeat() {
    const POLLS: usize = 150;
    let hanging = || vec![Act::SayAndHang(Vec::new())];
    let script = (0..POLLS).map(|_| hanging());
    let server = Server::playing(script.chain([vec![Act::Say(known())]])).await;
    let orchestrator = Rc::new(transport(&server.url));
    let polls = Rc::clone(&orchestrator);
    let open = actix_rt::spawn(async move { join_all((0..POLLS).map(|_| poll(&polls))).await });
    server.received(POLLS).await;
    orchestrator.heartbeat(report()).await.unwrap();
    open.abort();
}

#[actix_rt::test]
async fn a_body_without_a_length_ends_with_its_connection_in_http_1_0_only() {
    let said = |version| format!("HTTP/{version} 200 OK\r\nconnection: close\r\n\r\n{TASK}");
    let acts = || vec![Act::SayAndClose(said("1.0").into_bytes())];
    let server = Server::playing([acts(), vec![Act::Say(known())]]).await;
    let orchestrator = transport(&server.url);
    assert!(poll(&orchestrator).await.unwrap().is_some());
    orchestrator.heartbeat(report()).await.unwrap();
    assert_eq!(server.connections(), 2);

    // `awc` takes this one for empty (actix/actix-web#2287).
    let acts = vec![Act::SayAndClose(said("1.1").into_bytes())];
    let server = Server::playing([acts]).await;
    let (reason, _) = unreadable(poll(&transport(&server.url)).await);
    assert!(reason.contains("neither a Content-Length nor"), "{reason}");
}

#[actix_rt::test]
async fn a_connection_is_not_used_again_when_the_server_says_so() {
    let closes = answer(200, "connection: close\r\n", r#"{"status": "ok"}"#);
    let acts = [vec![Act::SayAndHang(closes)], vec![Act::Say(known())]];
    let server = Server::playing(acts).await;
    let orchestrator = transport(&server.url);
    orchestrator.heartbeat(report()).await.unwrap();
    orchestrator.heartbeat(report()).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[actix_rt::test]
async fn what_must_not_be_repeated_goes_over_no_old_connection() {
    let answers = || vec![Act::Say(known()), Act::Say(known())];
    let server = Server::playing([answers(), answers(), answers()]).await;
    let orchestrator = transport(&server.url);
    orchestrator.deliver(result()).await.unwrap();
    orchestrator.heartbeat(report()).await.unwrap();
    assert_eq!(server.connections(), 2);
    // `awc` goes by the clock of the machine.
    tokio::time::sleep(Duration::from_millis(4100)).await;
    orchestrator.heartbeat(report()).await.unwrap();
    assert_eq!(server.connections(), 2);
    orchestrator.deliver(result()).await.unwrap();
    assert_eq!(server.connections(), 3);
}

/// `awc` starts a timer beside each request, which ticks twice a second.
#[cfg(target_os = "linux")]
#[actix_rt::test]
async fn a_poll_that_waits_does_not_wake_its_thread() {
    fn wake_ups() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| {
            let count = line.strip_prefix("voluntary_ctxt_switches:")?;
            count.trim().parse().ok()
        });
        line.unwrap()
    }

    let server = Server::playing([vec![Act::SayAndHang(Vec::new())]]).await;
    let orchestrator = transport(&server.url);
    let waiting = actix_rt::spawn(async move { poll(&orchestrator).await });
    server.received(1).await;
    let before = wake_ups();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let woken = wake_ups() - before;
    // One is the end of this sleep, others are steps of the wheel of timers.
    assert!(woken < 6, "{woken}");
    waiting.abort();
}
