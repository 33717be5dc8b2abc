//! What the tests of the newer dialect share: the eye of the orchestrator.

use std::collections::HashSet;

use axon_worker::transport::rxon::security::{MessageKind, SigningKey, verify_message};
use serde_json::Value;

use super::TOKEN;
use super::server::{Seen, answer, ok};

/// The headers of avtomatika 1.0b30.
pub(crate) const HEADERS: &str = "content-type: application/json\r\nx-rxon-version: 1.0b17\r\n";

/// What it says to a registration.
pub(crate) fn registered() -> Vec<u8> {
    answer(
        200,
        HEADERS,
        r#"{"status":"registered","version":"1.0b17"}"#,
    )
}

/// What it says to a heartbeat.
pub(crate) fn beaten() -> Vec<u8> {
    ok(r#"{"status":"ok"}"#)
}

/// A refusal in its form.
pub(crate) fn refusal(status: u16, text: &str) -> Vec<u8> {
    answer(
        status,
        HEADERS,
        serde_json::json!({ "error": text }).to_string(),
    )
}

/// The message of a request, which has to be signed as it should be.
pub(crate) fn signed(kind: MessageKind, request: &Seen) -> Value {
    let key = SigningKey::new(TOKEN).unwrap();
    verify_message(&request.body, kind, &key).unwrap();
    let message: Value = serde_json::from_slice(&request.body).unwrap();
    let security = &message["security"];
    assert_eq!(security["signer_id"], "worker-1");
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let age = now.abs_diff(message["timestamp"].as_u64().unwrap());
    assert!(age < 30, "{message}");
    message
}

/// All signatures differ, as do the nonces.
pub(crate) fn no_replay<'a>(messages: impl IntoIterator<Item = &'a Value>) {
    let (mut signatures, mut nonces) = (HashSet::new(), HashSet::new());
    for message in messages {
        assert!(signatures.insert(message["security"]["signature"].to_string()));
        assert!(nonces.insert(message["nonce"].to_string()), "{message}");
    }
}
