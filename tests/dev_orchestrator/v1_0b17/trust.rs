//! Which messages are believed, which tokens are taken.

use std::time::Duration;

use axon_worker::dev::{Endpoint, Quirks};
use axon_worker::transport::rxon::security::{MessageKind, Signer, SigningKey, seal_value};
use serde_json::{Value, json};

use super::client::{Client, REGISTER, RESULT, TOKEN, builder, now};

/// Signed with any key, for any signer, at any time.
fn signed(message: &Value, key: &str, signer: &str) -> Vec<u8> {
    let key = SigningKey::new(key).unwrap();
    seal_value(message, MessageKind::Heartbeat, &key, Signer::new(signer)).unwrap()
}

#[actix_rt::test]
async fn every_check_refuses_what_it_should() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker
        .register(&["echo"])
        .await
        .is(200, json!({"status": "registered", "version": "1.0b17"}));
    let stamped = |stamp: u64, n: u64| json!({"worker_id": "w", "timestamp": stamp, "n": n});
    let mut changed = signed(&stamped(now(), 1), TOKEN, "w");
    let at = changed
        .windows(5)
        .position(|part| part == b"\"n\":1")
        .unwrap();
    changed[at + 4] = b'2';
    let unsigned = |security: Value| {
        let mut message = stamped(now(), 3);
        message["security"] = security;
        message.to_string().into_bytes()
    };
    let old = now() - 120;
    for (body, error) in [
        (
            signed(&json!({"worker_id": "w"}), TOKEN, "w"),
            "Missing required timestamp",
        ),
        (
            signed(&stamped(0, 0), TOKEN, "w"),
            "Missing required timestamp",
        ),
        (signed(&stamped(old, 0), TOKEN, "w"), "timestamp expired"),
        (
            signed(&stamped(now() + 120, 0), TOKEN, "w"),
            "timestamp expired",
        ),
        (unsigned(Value::Null), "Missing required security context"),
        (
            unsigned(json!({"signer_id": "w"})),
            "Missing required cryptographic signature",
        ),
        (
            signed(&stamped(now(), 4), TOKEN, "v"),
            "signer ID 'v' does not match",
        ),
        (
            signed(&stamped(now(), 5), "other", "w"),
            "Invalid cryptographic signature",
        ),
        (changed, "Invalid cryptographic signature"),
    ] {
        let answer = worker.send("PATCH", &worker.path(), body).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(
            answer.error().contains(error),
            "{answer:?} instead of {error}"
        );
    }
    let fine = signed(&stamped(now() - 30, 6), TOKEN, "w");
    worker
        .send("PATCH", &worker.path(), fine.clone())
        .await
        .is(200, json!({"status": "ok"}));
    let again = worker.send("PATCH", &worker.path(), fine).await;
    assert!(
        again.status == 403 && again.error().contains("Duplicate message"),
        "{again:?}"
    );
}

#[actix_rt::test]
async fn a_wrong_signature_uses_its_nonce_up() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let message = json!({"worker_id": "w", "timestamp": now(), "nonce": "once"});
    for (key, error) in [("other", "Invalid"), (TOKEN, "Duplicate")] {
        let answer = worker
            .send("PATCH", &worker.path(), signed(&message, key, "w"))
            .await;
        assert!(answer.error().starts_with(error), "{answer:?}");
    }
}

#[actix_rt::test]
async fn fields_that_nobody_knows_are_signed_along() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let record = json!({"supported_skills": [{"name": "a", "odd": 1}], "x": {"y": [2.0, null]}});
    assert_eq!(worker.register_as(&record).await.status, 200);
    let stored = orchestrator.worker("w").unwrap().record;
    assert_eq!(stored["supported_skills"], json!([{"name": "a"}]));
    assert_eq!(stored.get("x"), None, "it is not stored");
}

#[actix_rt::test]
async fn a_registration_is_for_the_worker_that_asks() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let other = worker.register_as(&json!({"worker_id": "v"})).await;
    other.is(403, json!({"error": "Immediate sender ID mismatch"}));
    let wrong = worker
        .register_as(&json!({"supported_skills": "echo"}))
        .await;
    assert_eq!(wrong.status, 400, "{wrong:?}");
    assert!(wrong.error().contains("supported_skills"), "{wrong:?}");
    assert_eq!(
        worker
            .send("POST", REGISTER, b"{not json".to_vec())
            .await
            .status,
        400
    );
    let headers = [("X-Worker-Token", TOKEN), ("X-RXON-Version", "1.0b2")];
    let body = worker.signed(MessageKind::Registration, &json!({}));
    let warned = worker.send_with(&headers, "POST", REGISTER, body).await;
    assert!(warned.body["warning"].is_string(), "{warned:?}");
}

#[actix_rt::test]
async fn a_worker_with_a_token_of_its_own_signs_with_it() {
    let orchestrator = builder()
        .worker_token("w", "own-token")
        .start()
        .await
        .unwrap();
    let own = Client::with_token(&orchestrator, "w", "own-token");
    assert_eq!(own.register(&["echo"]).await.status, 200);
    let common = Client::new(&orchestrator, "w");
    let refused = common.register(&["echo"]).await;
    refused.is(
        403,
        json!({"error": "Unauthorized: Invalid individual worker token"}),
    );
    let body = common.signed(MessageKind::Registration, &json!({"n": 1}));
    let refused = common.send_as("own-token", "POST", REGISTER, body).await;
    refused.is(403, json!({"error": "Invalid cryptographic signature"}));
}

#[actix_rt::test]
async fn access_tokens_open_the_door_but_sign_nothing() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let issued = worker.send("POST", "/_worker/auth/token", Vec::new()).await;
    assert_eq!(
        (issued.status, &issued.body["expires_in"]),
        (200, &json!(3600))
    );
    let access = issued.body["access_token"].as_str().unwrap().to_owned();
    let beat = |key: &str, n: u64| signed(&json!({"timestamp": now(), "n": n}), key, "w");
    let path = worker.path();
    let fine = worker
        .send_as(&access, "PATCH", &path, beat(TOKEN, 1))
        .await;
    fine.is(200, json!({"status": "ok"}));
    let wrong = worker
        .send_as(&access, "PATCH", &path, beat(&access, 2))
        .await;
    wrong.is(403, json!({"error": "Invalid cryptographic signature"}));
    let other = Client::new(&orchestrator, "v");
    let wrong = other
        .send_as(&access, "GET", "/_worker/workers/v/tasks/next", Vec::new())
        .await;
    assert!(wrong.error().contains("belongs to 'w'"), "{wrong:?}");
    let shown = &orchestrator.requests_to(Endpoint::Poll)[0];
    assert_eq!(shown.token.as_ref().unwrap().expose(), access);
    assert!(!format!("{shown:?}").contains(&access));
}

#[actix_rt::test]
async fn tokens_are_renewed_by_their_refresh_token() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let first = worker.send("POST", "/_worker/auth/token", Vec::new()).await;
    let refresh = |client: &Client, token: &Value| {
        let body = json!({"refresh_token": token}).to_string().into_bytes();
        let headers = vec![("X-Worker-ID", client.id.clone())];
        (headers, body)
    };
    let ask = async |client: &Client, token: &Value| {
        let (headers, body) = refresh(client, token);
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, id)| (*name, id.as_str()))
            .collect();
        client
            .send_with(&headers, "POST", "/_worker/auth/token/refresh", body)
            .await
    };
    let second = ask(&worker, &first.body["refresh_token"]).await;
    assert_eq!(
        (second.status, &second.body["worker_id"]),
        (200, &json!("w"))
    );
    assert_ne!(second.body["access_token"], first.body["access_token"]);
    let other = Client::new(&orchestrator, "v");
    for (client, token, status) in [
        (&worker, &first.body["refresh_token"], 200),
        (&worker, &json!("bad"), 403),
        (&other, &first.body["refresh_token"], 403),
        (&worker, &Value::Null, 400),
    ] {
        assert_eq!(ask(client, token).await.status, status);
    }
    let access = second.body["access_token"].as_str().unwrap();
    let poll = async || {
        let path = "/_worker/workers/w/tasks/next";
        worker.send_as(access, "GET", path, Vec::new()).await.status
    };
    assert_eq!(poll().await, 204);
    orchestrator.revoke_access_tokens();
    assert_eq!(poll().await, 403);
    let third = ask(&worker, &first.body["refresh_token"]).await;
    assert_eq!(third.status, 200);
}

#[actix_rt::test]
async fn an_access_token_expires() {
    let builder = builder().token_lifetime(Duration::ZERO);
    let orchestrator = builder.start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    let issued = worker.send("POST", "/_worker/auth/token", Vec::new()).await;
    assert_eq!(issued.body["expires_in"], 0);
    let access = issued.body["access_token"].as_str().unwrap();
    let path = "/_worker/workers/w/tasks/next";
    let late = worker.send_as(access, "GET", path, Vec::new()).await;
    late.is(403, json!({"error": "Unauthorized: No valid token found"}));
}

#[actix_rt::test]
async fn without_a_valid_token_the_answer_is_403_or_401_if_asked_for() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::with_token(&orchestrator, "w", "wrong");
    let refused = worker.poll().await;
    refused.is(403, json!({"error": "Unauthorized: No valid token found"}));
    orchestrator.set_quirks(Quirks {
        swapped_refusals: true,
        ..Quirks::default()
    });
    assert_eq!(worker.poll().await.status, 401);
}

#[actix_rt::test]
async fn another_clock_shows_in_the_date_and_in_what_is_too_old() {
    let orchestrator = builder().start().await.unwrap();
    orchestrator.set_quirks(Quirks {
        clock_offset: -600,
        ..Quirks::default()
    });
    let worker = Client::new(&orchestrator, "w");
    let refused = worker.register(&["echo"]).await;
    assert!(refused.error().contains("expired"), "{refused:?}");
    let stamped = json!({"timestamp": now() - 600});
    assert_eq!(worker.register_as(&stamped).await.status, 200);
    let response = worker
        .http
        .get(format!("{}/_public/status", worker.base))
        .send()
        .await;
    let response = response.unwrap();
    let dates: Vec<_> = response.headers().get_all("date").collect();
    let [date] = dates[..] else {
        panic!("one date was expected, not {dates:?}");
    };
    let date: awc::http::header::HttpDate = date.to_str().unwrap().parse().unwrap();
    let away = std::time::SystemTime::now()
        .duration_since(date.into())
        .unwrap();
    assert!((595..660).contains(&away.as_secs()), "{away:?}");
}

#[actix_rt::test]
async fn what_cannot_be_signed_is_not_believed() {
    let orchestrator = builder().start().await.unwrap();
    let worker = Client::new(&orchestrator, "w");
    worker.register(&["echo"]).await;
    let message = json!({"timestamp": now(), "data": {"n": 1e22},
        "security": {"signature": "0".repeat(64)}});
    let refused = worker
        .send("POST", RESULT, message.to_string().into_bytes())
        .await;
    assert_eq!(refused.status, 500);
    assert!(refused.error().contains("data.n"), "{refused:?}");
}
