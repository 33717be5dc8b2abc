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
async fn a_rate_limit_tells_how_long_if_it_was_told() {
    let limited = |headers: &str| answer(429, headers, r#"{"error": "Too Many Requests"}"#);
    let wait = async |headers: &str| match polled(limited(headers)).await {
        TransportError::RateLimited { retry_after } => retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(wait("").await, None);
    let seconds = wait("retry-after: 61\r\n").await;
    assert_eq!(seconds, Some(Duration::from_secs(61)));
    assert_eq!(wait("retry-after: -1\r\n").await, None);
    assert_eq!(wait("retry-after: later\r\n").await, None);
    let date = HttpDate::from(SystemTime::now() + Duration::from_secs(100));
    let until = wait(&format!("retry-after: {date}\r\n")).await.unwrap();
    assert!((90..=100).contains(&until.as_secs()), "{until:?}");
}

#[actix_rt::test]
async fn an_outage_tells_how_long_if_it_was_told() {
    let polled = async |headers| polled(answer(503, headers, "maintenance")).await;
    let reason = "status 503: maintenance".to_owned();
    assert_eq!(polled("").await, TransportError::Unavailable { reason });
    let retry_after = Some(Duration::from_secs(120));
    let limited = TransportError::RateLimited { retry_after };
    assert_eq!(polled("retry-after: 120\r\n").await, limited);
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
