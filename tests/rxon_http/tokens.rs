//! Access tokens: got, shown, renewed, refused. The clock is paused, so that hours
//! pass between requests.

use std::time::Duration;

use axon_worker::config::{AccessTokens, OrchestratorSettings, Timing};
use axon_worker::transport::rxon::{RxonHttp, RxonSetup, TlsFiles};
use axon_worker::transport::{Receipt, Standing, Transport, TransportError};
use axon_worker::{OrchestratorId, WorkerId};
use futures_util::future::join3;
use serde_json::{Value, json};

use super::server::{Act, Seen, Server, answer, ok};
use super::{TOKEN, poll, result};

const ISSUE: &str = "POST /_worker/auth/token HTTP/1.1";
const REFRESH: &str = "POST /_worker/auth/token/refresh HTTP/1.1";
const PROBE: &str = "PATCH /_worker/workers/worker-1 HTTP/1.1";
const HOUR: Duration = Duration::from_hours(1);

fn with_tokens(url: &str) -> RxonHttp {
    let mut timing = Timing::default();
    timing.request_timeout = Duration::from_secs(1);
    let settings = OrchestratorSettings::new(url, TOKEN);
    let worker_id = WorkerId::try_new("worker-1").unwrap();
    RxonSetup::new(&settings, &worker_id, &timing, &TlsFiles::default())
        .unwrap()
        .access_tokens(AccessTokens::On)
        .open(OrchestratorId(0))
}

/// A token that lives for an hour, with or without one to refresh it.
fn grant(access: &str, refresh: Option<&str>) -> Vec<u8> {
    ok(json!({
        "access_token": access,
        "refresh_token": refresh,
        "expires_in": 3600,
        "worker_id": "worker-1",
    })
    .to_string())
}

fn refused(status: u16, text: &str) -> Vec<u8> {
    answer(status, "", json!({ "error": text }).to_string())
}

/// The requests so far, each with the token that it showed.
fn shown(server: &Server) -> Vec<(String, String)> {
    let of = |seen: &Seen| {
        let token = seen.header("x-worker-token").unwrap();
        (seen.line().to_owned(), token.to_owned())
    };
    server.seen().iter().map(of).collect()
}

fn expect(server: &Server, expected: &[(&str, &str)]) {
    let owned = |(line, token): &(&str, &str)| ((*line).to_owned(), (*token).to_owned());
    let expected: Vec<_> = expected.iter().map(owned).collect();
    assert_eq!(shown(server), expected);
}

async fn probe(orchestrator: &RxonHttp) {
    assert_eq!(orchestrator.probe().await, Ok(Standing::Forgotten));
}

#[actix_rt::test]
async fn a_token_is_got_once_shown_and_renewed_before_it_ends() {
    tokio::time::pause();
    let server = Server::playing([
        vec![Act::Say(grant("a1", Some("r1"))), Act::Say(ok("null"))],
        vec![Act::Say(ok("null"))],
        vec![Act::Say(grant("a2", Some("r2"))), Act::Say(ok("null"))],
    ])
    .await;
    let orchestrator = with_tokens(&server.url);
    probe(&orchestrator).await;
    // The connection pool looks at the clock of the machine, so an advance of ours
    // does not close connections; the server does.
    server.closed(1).await;
    tokio::time::advance(HOUR.mul_f64(0.69)).await;
    probe(&orchestrator).await;
    server.closed(2).await;
    tokio::time::advance(HOUR.mul_f64(0.12)).await;
    probe(&orchestrator).await;
    expect(
        &server,
        &[
            (ISSUE, TOKEN),
            (PROBE, "a1"),
            (PROBE, "a1"),
            (REFRESH, TOKEN),
            (PROBE, "a2"),
        ],
    );
    let seen = server.seen();
    assert_eq!(seen[0].header("x-worker-id"), Some("worker-1"));
    assert_eq!(seen[3].header("x-worker-id"), Some("worker-1"));
    let body: Value = serde_json::from_slice(&seen[3].body).unwrap();
    assert_eq!(body, json!({"refresh_token": "r1"}));
}

#[actix_rt::test]
async fn without_a_refresh_token_the_first_endpoint_is_asked_again() {
    tokio::time::pause();
    let server =
        Server::saying([grant("a1", None), ok("null"), grant("a2", None), ok("null")]).await;
    let orchestrator = with_tokens(&server.url);
    probe(&orchestrator).await;
    tokio::time::advance(HOUR.mul_f64(0.81)).await;
    probe(&orchestrator).await;
    expect(
        &server,
        &[(ISSUE, TOKEN), (PROBE, "a1"), (ISSUE, TOKEN), (PROBE, "a2")],
    );
}

#[actix_rt::test]
async fn where_no_tokens_are_given_the_one_of_the_settings_is_shown() {
    tokio::time::pause();
    for status in [401, 403, 404] {
        let no = || refused(status, "mTLS certificate required");
        let server = Server::saying([no(), ok("null"), ok("null"), no(), ok("null")]).await;
        let orchestrator = with_tokens(&server.url);
        probe(&orchestrator).await;
        tokio::time::advance(HOUR / 2).await;
        probe(&orchestrator).await;
        tokio::time::advance(HOUR).await;
        probe(&orchestrator).await;
        let asked = [(ISSUE, TOKEN), (PROBE, TOKEN)];
        let later = [(PROBE, TOKEN)];
        expect(&server, &[&asked[..], &later, &asked].concat());
    }
}

#[actix_rt::test]
async fn a_refused_token_is_renewed_and_the_request_sent_once_more() {
    tokio::time::pause();
    let texts = [
        (401, "Unauthorized: No valid token found"),
        (403, "Unauthorized: No valid token found"),
    ];
    for (status, text) in texts {
        let server = Server::saying([
            grant("a1", Some("r1")),
            ok("null"),
            refused(status, text),
            // The orchestrator was restarted and knows none of its tokens.
            refused(403, "Unauthorized: Invalid refresh token (not found)"),
            grant("a2", None),
            ok(r#"{"status": "ok"}"#),
        ])
        .await;
        let orchestrator = with_tokens(&server.url);
        probe(&orchestrator).await;
        tokio::time::advance(HOUR / 2).await;
        let receipt = orchestrator.deliver(result()).await;
        assert_eq!(receipt, Ok(Receipt::Accepted));
        let deliver = "POST /_worker/tasks/result HTTP/1.1";
        expect(
            &server,
            &[
                (ISSUE, TOKEN),
                (PROBE, "a1"),
                (deliver, "a1"),
                (REFRESH, TOKEN),
                (ISSUE, TOKEN),
                (deliver, "a2"),
            ],
        );
        let seen = server.seen();
        assert_eq!(seen[2].body, seen[5].body);
    }
}

#[actix_rt::test]
async fn a_worker_that_is_not_welcome_does_not_loop() {
    tokio::time::pause();
    let no = || refused(401, "Unauthorized: No valid token found");
    // A certificate of another name: tokens are given and never accepted.
    let server = Server::saying([grant("a1", None), no(), no(), no(), no()]).await;
    let orchestrator = with_tokens(&server.url);
    for _ in 0..3 {
        let error = poll(&orchestrator).await.unwrap_err();
        assert!(
            matches!(error, TransportError::Unauthorized { .. }),
            "{error}"
        );
        tokio::time::advance(Duration::from_mins(1)).await;
    }
    let next = "GET /_worker/workers/worker-1/tasks/next HTTP/1.1";
    expect(
        &server,
        &[
            (ISSUE, TOKEN),
            (next, "a1"),
            (next, TOKEN),
            (next, TOKEN),
            (next, TOKEN),
        ],
    );
}

#[actix_rt::test]
async fn a_refusal_that_is_not_about_tokens_renews_nothing() {
    let server = Server::saying([
        grant("a1", None),
        refused(403, "Invalid cryptographic signature"),
    ])
    .await;
    let error = poll(&with_tokens(&server.url)).await.unwrap_err();
    assert!(
        matches!(error, TransportError::Unauthorized { .. }),
        "{error}"
    );
    assert_eq!(server.seen().len(), 2);
}

#[actix_rt::test]
async fn many_requests_at_once_get_one_token() {
    let server = Server::playing([
        vec![Act::Say(grant("a1", None)), Act::Say(ok("null"))],
        vec![Act::Say(ok("null"))],
        vec![Act::Say(ok("null"))],
    ])
    .await;
    let orchestrator = with_tokens(&server.url);
    let one = || probe(&orchestrator);
    join3(one(), one(), one()).await;
    let asked = shown(&server);
    assert_eq!(asked.iter().filter(|(line, _)| line == ISSUE).count(), 1);
    let probes = asked.iter().filter(|(line, _)| line == PROBE);
    assert!(probes.clone().all(|(_, token)| token == "a1"), "{asked:?}");
    assert_eq!(probes.count(), 3);
}

#[actix_rt::test]
async fn a_token_that_cannot_be_renewed_is_used_to_its_end() {
    tokio::time::pause();
    let broken = || answer(503, "", "");
    let server = Server::saying([
        grant("a1", None),
        ok("null"),
        broken(),
        ok("null"),
        ok("null"),
        broken(),
        ok("null"),
    ])
    .await;
    let orchestrator = with_tokens(&server.url);
    probe(&orchestrator).await;
    tokio::time::advance(HOUR.mul_f64(0.9)).await;
    probe(&orchestrator).await;
    // Within the wait that follows a failure.
    probe(&orchestrator).await;
    tokio::time::advance(HOUR.mul_f64(0.11)).await;
    probe(&orchestrator).await;
    expect(
        &server,
        &[
            (ISSUE, TOKEN),
            (PROBE, "a1"),
            (ISSUE, TOKEN),
            (PROBE, "a1"),
            (PROBE, "a1"),
            (ISSUE, TOKEN),
            (PROBE, TOKEN),
        ],
    );
}

#[actix_rt::test]
async fn an_orchestrator_that_is_away_is_called_once_per_request() {
    let server = Server::playing([]).await;
    let url = server.url.clone();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("http://{}", listener.local_addr().unwrap());
    drop((listener, url));
    let error = with_tokens(&away).probe().await.unwrap_err();
    assert!(
        matches!(error, TransportError::Unreachable { .. }),
        "{error}"
    );
}

#[actix_rt::test]
async fn tokens_that_come_back_in_errors_are_hidden() {
    let echo = "Unauthorized: acc3ss and r3fresh do not belong here";
    let server = Server::saying([grant("acc3ss", Some("r3fresh")), answer(400, "", echo)]).await;
    let orchestrator = with_tokens(&server.url);
    let error = poll(&orchestrator).await.unwrap_err();
    let texts = format!("{error} {error:?} {orchestrator:?}");
    assert!(texts.contains("do not belong here"), "{texts}");
    for secret in ["acc3ss", "r3fresh", TOKEN] {
        assert!(!texts.contains(secret), "{texts}");
    }
}
