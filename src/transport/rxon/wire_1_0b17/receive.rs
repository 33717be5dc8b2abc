//! What the orchestrator sends and 1.0b2 does not know. It is believed as little as
//! possible.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::wire_1_0b2;
use crate::transport::{BeatReply, TransportError};

/// The answer to a heartbeat.
#[derive(Debug)]
pub(in super::super) struct BeatAnswer {
    pub(in super::super) reply: BeatReply,
    /// The orchestrator has lost the catalogue and wants it again.
    pub(in super::super) wants_catalogue: bool,
    /// It is the record of a worker, with which orchestrators of 1.0b2 answer.
    pub(in super::super) is_record: bool,
}

/// Reads the answer to a heartbeat, or to a probe.
pub(in super::super) fn read_beat_answer(body: &[u8]) -> Result<BeatAnswer, TransportError> {
    #[derive(Deserialize, Default)]
    struct Wire<'a> {
        #[serde(borrow)]
        require_full_sync: Option<&'a RawValue>,
        #[serde(borrow)]
        worker_id: Option<&'a RawValue>,
    }
    let reply = wire_1_0b2::read_beat_reply(body)?;
    let wire: Wire<'_> = serde_json::from_slice(body).unwrap_or_default();
    Ok(BeatAnswer {
        reply,
        wants_catalogue: wire.require_full_sync.is_some_and(|it| it.get() == "true"),
        is_record: wire.worker_id.is_some(),
    })
}

/// The version that the answer to a registration names.
pub(in super::super) fn read_version(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        version: Option<&'a RawValue>,
    }
    let wire: Wire<'_> = serde_json::from_slice(body).ok()?;
    let version: String = serde_json::from_str(wire.version?.get()).ok()?;
    (!version.is_empty()).then(|| shortened(&version))
}

/// Reads the answer to an event. Some refusals come with a status of success.
pub(in super::super) fn read_event_answer(body: &[u8]) -> Result<(), TransportError> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        status: Cow<'a, str>,
        #[serde(borrow)]
        code: Option<Cow<'a, str>>,
        #[serde(borrow)]
        message: Option<Cow<'a, str>>,
    }
    match serde_json::from_slice::<Wire<'_>>(body) {
        Ok(wire) if wire.status == "error" => {
            let parts = [wire.code, wire.message].into_iter().flatten();
            let parts: Vec<_> = parts.map(|part| shortened(&part)).collect();
            let reason = if parts.is_empty() {
                "no reason given".to_owned()
            } else {
                parts.join(": ")
            };
            Err(TransportError::Refused { reason })
        }
        _ => Ok(()),
    }
}

/// Why the policy of a task forbids to run it here, if it does. What cannot be
/// understood forbids it, too.
pub(in super::super) fn refusal_of(task: &[u8], name: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        policy: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Policy<'a> {
        #[serde(borrow)]
        allowed_skills: Option<Vec<Cow<'a, str>>>,
    }
    let policy = match serde_json::from_slice::<Wire<'_>>(task) {
        Ok(wire) => wire.policy?,
        Err(error) => return Some(format!("its policy cannot be read: {error}")),
    };
    match serde_json::from_str::<Policy<'_>>(policy.get()) {
        Ok(policy) => {
            let allowed = policy.allowed_skills?;
            let names_it = allowed.iter().any(|skill| *skill == name);
            (!names_it).then(|| format!("its policy.allowed_skills does not name {name:?}"))
        }
        Err(error) => Some(format!("its policy cannot be read: {error}")),
    }
}

fn shortened(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(printable).take(200).collect()
}
