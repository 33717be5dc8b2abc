//! What a worker sends, signed.

use serde::Serialize;

use super::canonical::canonical_and_rest;
use super::{CanonicalError, SigningKey, canonical};

/// A message that a worker signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// `POST /_worker/workers/register`.
    Registration,
    /// `PATCH /_worker/workers/{worker_id}`.
    Heartbeat,
    /// `POST /_worker/tasks/result`.
    Result,
    /// `POST /_worker/events`, or a frame of the WebSocket.
    Event,
}

impl MessageKind {
    /// The members that are sent but not signed, beside `security` and `_signature`.
    pub fn unsigned_fields(self) -> &'static [&'static str] {
        match self {
            MessageKind::Registration | MessageKind::Heartbeat | MessageKind::Result => &[],
            // It grows on its way through other workers.
            MessageKind::Event => &["bubbling_chain"],
        }
    }
}

/// Who signs: the other members of the `security` object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Signer<'a> {
    /// The id of the worker; it has to be the one that the request is made for.
    pub signer_id: &'a str,
    /// On whose behalf, the first one first; not looked at by avtomatika 1.0b30.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub identity_chain: &'a [String],
}

impl<'a> Signer<'a> {
    /// A worker that acts for itself.
    pub const fn new(signer_id: &'a str) -> Self {
        Self {
            signer_id,
            identity_chain: &[],
        }
    }
}

/// Signs a message and returns it as it is to be sent: in canonical form, with its `security`
/// object at the end. A `security` object that was there already is replaced.
///
/// ```
/// use axon_worker::transport::rxon::security::{MessageKind, Signer, SigningKey, seal};
/// use axon_worker::transport::rxon::security::verify_message;
///
/// let key = SigningKey::new("dummy-worker-token").unwrap();
/// let message = br#"{"status": "idle", "worker_id": "w-1", "timestamp": 1700000000}"#;
/// let sealed = seal(message, MessageKind::Heartbeat, &key, Signer::new("w-1")).unwrap();
/// assert!(sealed.starts_with(br#"{"status":"idle","timestamp":1700000000,"worker_id":"w-1","security":{"#));
/// verify_message(&sealed, MessageKind::Heartbeat, &key).unwrap();
/// ```
///
/// # Errors
/// When the message is no JSON object or cannot be signed, see [`canonical`].
pub fn seal(
    message: &[u8],
    kind: MessageKind,
    key: &SigningKey,
    signer: Signer<'_>,
) -> Result<Vec<u8>, CanonicalError> {
    #[derive(Serialize)]
    struct Security<'a> {
        signature: &'a str,
        signer_id: &'a str,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        identity_chain: &'a [String],
    }
    let (mut sealed, rest) = canonical_and_rest(message, kind.unsigned_fields())?;
    let signature = &*key.sign(&sealed);
    sealed.pop(); // the closing brace
    match sealed.len() {
        1 => sealed.extend_from_slice(rest.get(1..).unwrap_or_default()),
        _ => sealed.extend_from_slice(&rest),
    }
    if sealed.len() > 1 {
        sealed.push(b',');
    }
    sealed.extend_from_slice(b"\"security\":");
    let security = Security {
        signature,
        signer_id: signer.signer_id,
        identity_chain: signer.identity_chain,
    };
    serde_json::to_writer(&mut sealed, &security).map_err(CanonicalError::unwritable)?;
    sealed.push(b'}');
    Ok(sealed)
}

/// [`seal`] for a message that is still a value.
///
/// # Errors
/// Those of [`seal`], and when the value has no JSON form.
pub fn seal_value<T: Serialize + ?Sized>(
    message: &T,
    kind: MessageKind,
    key: &SigningKey,
    signer: Signer<'_>,
) -> Result<Vec<u8>, CanonicalError> {
    let text = serde_json::to_vec(message).map_err(CanonicalError::unwritable)?;
    seal(&text, kind, key, signer)
}

/// Why a message is not known to come from who it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unverified {
    /// There is no `security` object, or it is null.
    #[error("security is missing")]
    NoSecurity,
    /// `security.signature` is missing, empty or no text.
    #[error("security.signature is missing")]
    NoSignature,
    /// It was signed with another secret, or changed since.
    #[error("the signature does not fit the message")]
    WrongSignature,
    /// The message has no form that could be signed.
    #[error(transparent)]
    Unsignable(#[from] CanonicalError),
}

/// Verifies a message as it came, members that its receiver does not know included.
///
/// # Errors
/// When it is not signed, or not like this.
pub fn verify_message(
    message: &[u8],
    kind: MessageKind,
    key: &SigningKey,
) -> Result<(), Unverified> {
    let signed = canonical(message, kind.unsigned_fields())?;
    let signature = signature_in(message)?;
    if key.verify(&signed, &signature) {
        Ok(())
    } else {
        Err(Unverified::WrongSignature)
    }
}

fn signature_in(message: &[u8]) -> Result<String, Unverified> {
    #[derive(serde::Deserialize)]
    struct Message {
        security: Option<serde_json::Value>,
    }
    let message: Option<Message> = serde_json::from_slice(message).ok();
    let security = message.and_then(|m| m.security);
    match security.ok_or(Unverified::NoSecurity)?.get("signature") {
        Some(serde_json::Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        _ => Err(Unverified::NoSignature),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn key() -> SigningKey {
        SigningKey::new("dummy-worker-token").unwrap()
    }

    #[test]
    fn the_bubbling_chain_travels_unsigned() {
        let event = json!({"event_id": "e", "bubbling_chain": ["w2"], "x": null, "n": 2.0});
        let sealed = seal_value(&event, MessageKind::Event, &key(), Signer::new("w")).unwrap();
        let mut read: Value = serde_json::from_slice(&sealed).unwrap();
        assert_eq!(read["bubbling_chain"], json!(["w2"]));
        assert_eq!(read["n"], json!(2));
        assert_eq!(read.get("x"), None);
        read["bubbling_chain"] = json!(["w2", "w3"]);
        let longer = serde_json::to_vec(&read).unwrap();
        verify_message(&longer, MessageKind::Event, &key()).unwrap();
        read["n"] = json!(3);
        let changed = serde_json::to_vec(&read).unwrap();
        let refused = verify_message(&changed, MessageKind::Event, &key());
        assert_eq!(refused, Err(Unverified::WrongSignature));
    }

    #[test]
    fn whatever_is_in_a_message_it_is_json_when_sealed() {
        let chain = ["root".to_owned()];
        let signer = Signer {
            signer_id: "w",
            identity_chain: &chain,
        };
        for message in [
            "{}",
            r#"{"bubbling_chain":[]}"#,
            r#"{"security":{"signature":"old"}}"#,
            r#"{"a":1,"bubbling_chain":[1],"_signature":"x"}"#,
        ] {
            let sealed = seal(message.as_bytes(), MessageKind::Event, &key(), signer).unwrap();
            let read: Value = serde_json::from_slice(&sealed).expect(message);
            assert_eq!(read["security"]["signer_id"], "w", "{message}");
            assert_eq!(read["security"]["identity_chain"], json!(["root"]));
            verify_message(&sealed, MessageKind::Event, &key()).unwrap();
        }
        assert!(seal(b"[1]", MessageKind::Result, &key(), signer).is_err());
    }

    #[test]
    fn what_is_missing_is_named() {
        for (message, expected) in [
            (r#"{"a":1}"#, Unverified::NoSecurity),
            (r#"{"a":1,"security":null}"#, Unverified::NoSecurity),
            (r#"{"a":1,"security":{}}"#, Unverified::NoSignature),
            (r#"{"security":{"signature":""}}"#, Unverified::NoSignature),
            (r#"{"security":{"signature":7}}"#, Unverified::NoSignature),
        ] {
            let verified = verify_message(message.as_bytes(), MessageKind::Result, &key());
            assert_eq!(verified, Err(expected), "{message}");
        }
    }
}
