//! Whether a message of a worker is to be believed (RXON 1.0b17): the checks of avtomatika
//! 1.0b30, in its order.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::transport::rxon::security::{MessageKind, SigningKey, canonical};

/// How far the clocks of worker and orchestrator may be apart.
const WINDOW_SECONDS: i64 = 60;
/// How long it is remembered that a message was there.
const MEMORY: Duration = Duration::from_secs(65);

/// Why a message is refused. All but the last two are answered with 403.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Distrust {
    #[error("Missing required timestamp for replay protection")]
    NoTimestamp,
    #[error("Message timestamp expired (replay protection)")]
    Expired,
    #[error("Duplicate message detected (replay attack)")]
    Replay,
    #[error("Missing required security context")]
    NoSecurity,
    #[error("Missing required cryptographic signature")]
    NoSignature,
    #[error("Message signer ID '{signer}' does not match worker ID '{worker}'")]
    OtherSigner { signer: String, worker: String },
    #[error("Invalid cryptographic signature")]
    WrongSignature,
    #[error("invalid timestamp: {0}")]
    OddTimestamp(Value),
    #[error("{0}")]
    Unsignable(String),
}

impl Distrust {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::OddTimestamp(_) => 400,
            Self::Unsignable(_) => 500,
            _ => 403,
        }
    }
}

/// What the messages of the last minute were called, worker by worker.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    seen: HashSet<(String, String)>,
    /// The same, the oldest first.
    order: VecDeque<(Instant, (String, String))>,
}

impl Nonces {
    /// Remembers a message; false when it was there before.
    fn is_new(&mut self, worker: &str, nonce: String, now: Instant) -> bool {
        while let Some((at, _)) = self.order.front()
            && now.duration_since(*at) >= MEMORY
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        let key = (worker.to_owned(), nonce);
        let is_new = self.seen.insert(key.clone());
        if is_new {
            self.order.push_back((now, key));
        }
        is_new
    }

    pub(crate) fn clear(&mut self) {
        self.seen.clear();
        self.order.clear();
    }
}

/// Time stamp and nonce: is it of now, and for the first time? `unix` is the time in seconds.
/// The nonce is used up even when the signature turns out to be wrong.
pub(crate) fn check_fresh(
    message: &Map<String, Value>,
    worker: &str,
    nonces: &mut Nonces,
    unix: i64,
    now: Instant,
) -> Result<(), Distrust> {
    let stamp = message.get("timestamp").filter(|stamp| is_given(stamp));
    let stamp = stamp.ok_or(Distrust::NoTimestamp)?;
    let seconds = seconds(stamp).ok_or_else(|| Distrust::OddTimestamp(stamp.clone()))?;
    if unix.abs_diff(seconds) > WINDOW_SECONDS.unsigned_abs() {
        return Err(Distrust::Expired);
    }
    let named = ["event_id", "nonce", "message_id"].into_iter();
    let nonce = named
        .filter_map(|name| message.get(name))
        .chain(message.get("security").and_then(|it| it.get("signature")))
        .find(|value| is_given(value));
    match nonce {
        Some(nonce) if !nonces.is_new(worker, plain(nonce), now) => Err(Distrust::Replay),
        _ => Ok(()),
    }
}

/// Security object and signature. `body` is the message as it came.
pub(crate) fn check_signed(
    message: &Map<String, Value>,
    body: &[u8],
    kind: MessageKind,
    worker: &str,
    key: &SigningKey,
) -> Result<(), Distrust> {
    let security = message.get("security").filter(|it| is_given(it));
    let security = security.ok_or(Distrust::NoSecurity)?;
    let text = |name| security.get(name).and_then(Value::as_str);
    let signature = text("signature").filter(|signature| !signature.is_empty());
    let signature = signature.ok_or(Distrust::NoSignature)?;
    if let Some(signer) = text("signer_id").filter(|id| !id.is_empty() && *id != worker) {
        let (signer, worker) = (signer.to_owned(), worker.to_owned());
        return Err(Distrust::OtherSigner { signer, worker });
    }
    let signed = canonical(body, kind.unsigned_fields())
        .map_err(|error| Distrust::Unsignable(error.to_string()))?;
    if key.verify(&signed, signature) {
        Ok(())
    } else {
        Err(Distrust::WrongSignature)
    }
}

/// Null, zero, false and what is empty count as absent.
fn is_given(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// A fraction is cut off; a whole number may be written as text.
fn seconds(stamp: &Value) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what does not fit is refused"
    )]
    let cut = |stamp: &Value| stamp.as_f64().map(|seconds| seconds as i64);
    let text = stamp.as_str().and_then(|text| text.trim().parse().ok());
    stamp.as_i64().or_else(|| cut(stamp)).or(text)
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const UNIX: i64 = 1_700_000_000;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            other => panic!("{other} is no object"),
        }
    }

    fn fresh(message: Value, nonces: &mut Nonces, now: Instant) -> Result<(), Distrust> {
        check_fresh(&map(message), "w", nonces, UNIX, now)
    }

    #[test]
    fn a_minute_is_the_most_that_clocks_may_differ() {
        let now = Instant::now();
        for (stamp, expected) in [
            (json!(UNIX - 60), Ok(())),
            (json!(UNIX + 60), Ok(())),
            (json!("1700000000"), Ok(())),
            (json!(1_700_000_000.9), Ok(())),
            (json!(UNIX - 61), Err(Distrust::Expired)),
            (json!(UNIX + 61), Err(Distrust::Expired)),
            (json!(0), Err(Distrust::NoTimestamp)),
            (json!(null), Err(Distrust::NoTimestamp)),
            (json!("now"), Err(Distrust::OddTimestamp(json!("now")))),
        ] {
            let checked = fresh(json!({"timestamp": stamp}), &mut Nonces::default(), now);
            assert_eq!(checked, expected, "{stamp}");
        }
    }

    #[test]
    fn a_message_counts_once_in_65_seconds() {
        let mut nonces = Nonces::default();
        let now = Instant::now();
        let by_signature = json!({"timestamp": UNIX, "security": {"signature": "s"}});
        let by_id = json!({"timestamp": UNIX, "event_id": "e", "security": {"signature": "s"}});
        assert_eq!(fresh(by_signature.clone(), &mut nonces, now), Ok(()));
        assert_eq!(fresh(by_id.clone(), &mut nonces, now), Ok(()));
        for repeated in [by_signature.clone(), by_id] {
            let later = now + Duration::from_secs(64);
            assert_eq!(fresh(repeated, &mut nonces, later), Err(Distrust::Replay));
        }
        let of_another = check_fresh(&map(by_signature.clone()), "v", &mut nonces, UNIX, now);
        assert_eq!(of_another, Ok(()));
        let forgotten = now + MEMORY;
        assert_eq!(fresh(by_signature, &mut nonces, forgotten), Ok(()));
    }

    #[test]
    fn what_is_wrong_with_a_signature_is_named() {
        let key = SigningKey::new("k").unwrap();
        let sign = |message: Value| check(&key, message);
        assert_eq!(sign(json!({"a": 1})), Err(Distrust::NoSecurity));
        let unsigned = json!({"security": {"signer_id": "w"}});
        assert_eq!(sign(unsigned), Err(Distrust::NoSignature));
        let other = json!({"security": {"signature": "s", "signer_id": "v"}});
        assert!(matches!(sign(other), Err(Distrust::OtherSigner { .. })));
        let wrong = json!({"a": 1, "security": {"signature": "s"}});
        assert_eq!(sign(wrong), Err(Distrust::WrongSignature));
        let huge = json!({"a": 1e22, "security": {"signature": "s"}});
        assert!(matches!(sign(huge), Err(Distrust::Unsignable(_))));
    }

    fn check(key: &SigningKey, message: Value) -> Result<(), Distrust> {
        let body = message.to_string();
        check_signed(
            &map(message),
            body.as_bytes(),
            MessageKind::Result,
            "w",
            key,
        )
    }
}
