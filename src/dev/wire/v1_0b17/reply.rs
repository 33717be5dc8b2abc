//! What the orchestrator answers.

use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use super::VIOLATION;
use crate::dev::Dialect;
use crate::dev::access::Issued;

pub(crate) const OK: &[u8] = br#"{"status":"ok"}"#;
pub(crate) const REFRESHED: &[u8] = br#"{"status":"ttl_refreshed"}"#;
pub(crate) const EVENT_ACCEPTED: &[u8] = br#"{"status":"event_accepted"}"#;

/// The answer to a registration; `theirs` is the version that the worker announced.
pub(crate) fn registered(theirs: Option<&str>) -> Bytes {
    let ours = Dialect::V1_0b17.version();
    let mut answer = json!({"status": "registered", "version": ours});
    if let Some(theirs) = theirs.filter(|theirs| *theirs != ours) {
        let text = format!("Protocol version mismatch! Orchestrator: {ours}, Worker: {theirs}.");
        answer["warning"] = text.into();
    }
    answer.to_string().into()
}

/// What a heartbeat is answered with beside `status`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct BeatReply {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cancel_task_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_heartbeat_jitter_ms: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) require_full_sync: bool,
    status: Fine,
}

#[derive(Debug, Default, Serialize)]
enum Fine {
    #[default]
    #[serde(rename = "ok")]
    Ok,
}

impl BeatReply {
    pub(crate) fn to_bytes(&self) -> Bytes {
        let text = serde_json::to_vec(self).expect("texts and numbers can always be written");
        text.into()
    }
}

/// The answer to a result that is taken.
pub(crate) fn accepted(transition: &str) -> Bytes {
    let answer = json!({"status": "accepted", "transition": transition});
    answer.to_string().into()
}

/// The answer to a result that changes nothing and must not be repeated.
pub(crate) fn ignored(reason: &str, message: &str) -> Bytes {
    let answer = json!({"status": "ignored", "reason": reason, "message": message});
    answer.to_string().into()
}

pub(crate) fn issued(issued: &Issued) -> Bytes {
    let answer = json!({"access_token": issued.access, "expires_in": issued.expires_in.as_secs(),
        "refresh_token": issued.refresh, "worker_id": issued.worker});
    answer.to_string().into()
}

/// The limiter's own answer, wrapped as an error.
pub(crate) fn too_many() -> Bytes {
    crate::dev::wire::error(r#"{"error":"Too Many Requests"}"#)
}

/// The answer to an event that is not taken, with 200.
pub(crate) fn event_error(message: &str, breaks_contract: bool) -> Bytes {
    let mut answer = json!({"status": "error", "message": message});
    if breaks_contract {
        answer["code"] = VIOLATION.into();
    }
    answer.to_string().into()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn answers_have_the_members_they_should_have() {
        assert_eq!(BeatReply::default().to_bytes(), OK);
        let reply = BeatReply {
            cancel_task_ids: vec!["t".to_owned()],
            next_heartbeat_jitter_ms: Some(50),
            require_full_sync: true,
            ..BeatReply::default()
        };
        assert_eq!(
            reply.to_bytes(),
            r#"{"cancel_task_ids":["t"],"next_heartbeat_jitter_ms":50,"require_full_sync":true,"status":"ok"}"#
        );
        assert_eq!(
            registered(Some("1.0b17")),
            r#"{"status":"registered","version":"1.0b17"}"#
        );
        let warned: Value = serde_json::from_slice(&registered(Some("1.0b2"))).unwrap();
        assert!(warned["warning"].is_string());
    }
}
