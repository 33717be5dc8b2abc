//! Answers that say no.

use std::time::{Duration, SystemTime};

use actix_http::header::HttpDate;
use axon_worker::transport::{Receipt, Transport, TransportError};

use super::server::{Server, answer};
use super::{TOKEN, card, poll, report, result, transport};

fn error(status: u16, text: &str) -> Vec<u8> {
    let body = format!(r#"{{"error": "{text}"}}"#);
    answer(status, "content-type: application/json\r\n", body)
}

async fn polled(bytes: Vec<u8>) -> TransportError {
    let server = Server::saying([bytes]).await;
    poll(&transport(&server.url)).await.unwrap_err()
}

async fn delivered(bytes: Vec<u8>) -> TransportError {
    let server = Server::saying([bytes]).await;
    let orchestrator = transport(&server.url);
    orchestrator.deliver(result()).await.unwrap_err()
}

#[actix_rt::test]
async fn a_refused_token_is_unauthorized_and_not_repeated_in_the_error() {
    let text = format!("Unauthorized: {TOKEN} is not a valid token");
    for status in [401, 403] {
        let error = polled(error(status, &text)).await;
        assert!(matches!(error, TransportError::Unauthorized { .. }));
        let text = error.to_string();
        assert!(text.contains("is not a valid token"), "{text}");
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[actix_rt::test]
async fn a_path_that_is_not_there_is_the_fault_of_something_in_between() {
    let plain = answer(404, "content-type: text/plain\r\n", "404: Not Found");
    let reason = "status 404: 404: Not Found".to_owned();
    assert_eq!(polled(plain).await, TransportError::Unavailable { reason });
}

#[actix_rt::test]
async fn other_statuses_tell_what_to_do_next() {
    use TransportError as E;
    for status in [302, 405, 408, 425, 502, 504, 599] {
        let error = polled(error(status, "e")).await;
        assert!(matches!(error, E::Unavailable { .. }), "{status}: {error}");
    }
    for status in [400, 409, 422] {
        let error = polled(error(status, "e")).await;
        assert!(matches!(error, E::Refused { .. }), "{status}: {error}");
    }
}

#[actix_rt::test]
async fn a_rate_limit_tells_how_long_if_it_was_told() {
    let limited = |headers: &str| answer(429, headers, r#"{"error": "Too Many Requests"}"#);
    let wait = async |told: &str| match polled(limited(&format!("retry-after: {told}\r\n"))).await {
        TransportError::RateLimited { retry_after } => retry_after,
        other => panic!("{told}: {other:?}"),
    };
    assert_eq!(wait("61").await, Some(Duration::from_secs(61)));
    assert_eq!(wait("2.5").await, Some(Duration::from_millis(2500)));
    let past = "Sun, 06 Nov 1994 08:49:36 GMT";
    for nothing in ["", "0", "-1", "later", "NaN", "1e-30", past] {
        assert_eq!(wait(nothing).await, None, "{nothing:?}");
    }
    let day = Some(Duration::from_hours(24));
    for long in ["999999999", "1e300", "inf", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        assert_eq!(wait(long).await, day, "{long:?}");
    }
    let date = HttpDate::from(SystemTime::now() + Duration::from_secs(100));
    let until = wait(&date.to_string()).await.unwrap();
    assert!((90..=100).contains(&until.as_secs()), "{until:?}");
    let untold = TransportError::RateLimited { retry_after: None };
    assert_eq!(polled(limited("")).await, untold);
}

#[actix_rt::test]
async fn the_text_of_an_error_is_short_and_readable() {
    let long = polled(answer(500, "", "ü".repeat(5000))).await;
    let TransportError::Faulted { reason } = long else {
        panic!("{long}")
    };
    assert_eq!(reason, format!("status 500: {}", "ü".repeat(200)));
    let reason = "status 500: a b".to_owned();
    let lines = polled(answer(500, "", "a\nb\n")).await;
    assert_eq!(lines, TransportError::Faulted { reason });
    let reason = "status 500".to_owned();
    let empty = polled(answer(500, "", "")).await;
    assert_eq!(empty, TransportError::Faulted { reason });
}

#[actix_rt::test]
async fn the_target_of_a_redirect_is_named_without_secrets() {
    let at = |path: &str| format!("https://host:1/{path}");
    for (location, told) in [
        (at("a"), at("a")),
        (at(&format!("{TOKEN}?key=x#y")), at("[REDACTED]")),
        (
            "https://user:pass@host".to_owned(),
            "https://host".to_owned(),
        ),
        ("//user@host".to_owned(), "//host".to_owned()),
        ("/login?next=/a".to_owned(), "/login".to_owned()),
    ] {
        let location = format!("location: {location}\r\n");
        let reason = format!("status 307: it redirects to {told}");
        let error = polled(answer(307, &location, "moved")).await;
        assert_eq!(error, TransportError::Unavailable { reason });
    }
}

#[actix_rt::test]
async fn an_outage_tells_how_long_if_it_was_told() {
    let polled = async |headers| polled(answer(503, headers, "maintenance")).await;
    let reason = "status 503: maintenance".to_owned();
    assert_eq!(polled("").await, TransportError::Unavailable { reason });
    let retry_after = Some(Duration::from_mins(2));
    let limited = TransportError::RateLimited { retry_after };
    assert_eq!(polled("retry-after: 120\r\n").await, limited);
    // One that is back sooner is to be found.
    let retry_after = Some(Duration::from_mins(5));
    let limited = TransportError::RateLimited { retry_after };
    assert_eq!(polled("retry-after: 86400\r\n").await, limited);
}

#[actix_rt::test]
async fn a_500_is_final_only_when_its_text_says_so() {
    let text = "job_id and task_id are required";
    let reason = format!("status 500: {text}");
    let refused = TransportError::Refused { reason };
    assert_eq!(delivered(error(500, text)).await, refused);
    let reason = "status 500: No suitable workers for task type 'echo'".to_owned();
    let stuck = error(500, "No suitable workers for task type 'echo'");
    let faulted = TransportError::Faulted { reason };
    assert_eq!(delivered(stuck).await, faulted);
    let page = answer(
        502,
        "content-type: text/html\r\n",
        "<html>Job not found</html>",
    );
    let error = delivered(page).await;
    assert!(matches!(error, TransportError::Unavailable { .. }));
}

#[actix_rt::test]
async fn a_result_for_a_job_that_is_gone_is_done_with() {
    let server = Server::saying([error(500, "Job not found")]).await;
    let receipt = transport(&server.url).deliver(result()).await.unwrap();
    let reason = "status 500: Job not found".to_owned();
    assert_eq!(receipt, Receipt::Ignored(reason));
}

#[actix_rt::test]
async fn a_registration_that_can_never_succeed_is_refused() {
    let server = Server::saying([error(500, "Invalid worker_id: 'bad id!'.")]).await;
    let orchestrator = transport(&server.url);
    let error = orchestrator.register(card(), report()).await.unwrap_err();
    assert!(matches!(error, TransportError::Refused { .. }), "{error}");
}

#[actix_rt::test]
async fn a_result_that_is_too_large_tells_its_size() {
    let TransportError::TooLarge { size } = delivered(error(413, "too large")).await else {
        panic!("not too large");
    };
    assert!((50..500).contains(&size), "{size}");
}

#[actix_rt::test]
async fn a_redirect_is_named_and_not_followed() {
    let elsewhere = Server::playing([]).await;
    for status in [301, 302, 307, 308] {
        let location = format!("location: {}/elsewhere?key={TOKEN}\r\n", elsewhere.url);
        let server = Server::saying([answer(status, &location, "")]).await;
        let error = transport(&server.url)
            .heartbeat(report())
            .await
            .unwrap_err();
        let target = format!("{}/elsewhere", elsewhere.url);
        let reason = format!("status {status}: it redirects to {target}");
        assert_eq!(error, TransportError::Unavailable { reason });
    }
    assert_eq!(elsewhere.connections(), 0);
}
