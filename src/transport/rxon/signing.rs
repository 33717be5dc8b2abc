//! Signatures on what the worker sends, each of which is worth one message.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::key::Key;
use super::security::{CanonicalError, MessageKind, Signer, seal};
use super::wire_1_0b17::Stamp;
use crate::config::Token;
use crate::id::WorkerId;
use crate::transport::TransportError;

/// Signs for one worker at one orchestrator.
#[derive(Debug)]
pub(super) struct Signing {
    /// Of the token of that orchestrator, never of an access token. None without one.
    key: Key,
    worker_id: WorkerId,
    /// Begins anywhere, so that a process and the one after it do not count alike.
    count: Cell<u64>,
}

impl Signing {
    pub(super) fn new(token: &Token, worker_id: &WorkerId) -> Self {
        Self {
            key: Key::new(token),
            worker_id: worker_id.clone(),
            count: Cell::new(fastrand::u64(..)),
        }
    }

    /// Whether anything can be signed.
    pub(super) fn is_possible(&self) -> bool {
        self.key.with(|key| key.is_some())
    }

    /// For a message that is written now. Each attempt needs one of its own.
    pub(super) fn stamp(&self) -> Stamp {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        Stamp {
            timestamp: timestamp(),
            nonce: format!("{count:x}"),
        }
    }

    /// Signs a message.
    ///
    /// # Errors
    /// `Refused`, when it holds what cannot be signed.
    pub(super) fn seal(
        &self,
        message: &[u8],
        kind: MessageKind,
        identity_chain: &[String],
    ) -> Result<Bytes, TransportError> {
        let signer = Signer {
            signer_id: self.worker_id.as_str(),
            identity_chain,
        };
        self.key.with(|key| {
            let Some(key) = key else {
                return Err(TransportError::Unauthorized {
                    reason: "there is no token to sign with".to_owned(),
                });
            };
            let sealed = seal(message, kind, key, signer);
            sealed.map(Bytes::from).map_err(unsignable)
        })
    }
}

/// Seconds since 1970, by our clock.
pub(super) fn timestamp() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn unsignable(error: CanonicalError) -> TransportError {
    TransportError::Refused {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn signing(token: &str) -> Signing {
        let worker_id = WorkerId::try_new("w").unwrap();
        Signing::new(&Token::from(token), &worker_id)
    }

    #[test]
    fn no_two_messages_have_the_same_nonce() {
        let (one, other) = (signing("t"), signing("t"));
        one.count.set(u64::MAX - 10);
        let of = |it: &Signing| it.stamp().nonce;
        let nonces: HashSet<_> = (0..100).flat_map(|_| [of(&one), of(&other)]).collect();
        assert_eq!(nonces.len(), 200);
    }

    #[test]
    fn what_cannot_be_signed_is_named_and_refused() {
        let sealed = signing("t").seal(br#"{"data":{"x":1e22}}"#, MessageKind::Result, &[]);
        match sealed {
            Err(TransportError::Refused { reason }) => assert!(reason.starts_with("data.x: ")),
            other => panic!("{other:?}"),
        }
        assert!(!signing("").is_possible());
        assert!(signing("").seal(b"{}", MessageKind::Result, &[]).is_err());
        assert!(!format!("{:?}", signing("hush-hush")).contains("hush"));
    }
}
