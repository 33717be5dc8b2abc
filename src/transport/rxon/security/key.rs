//! A shared secret, ready to sign with.

use std::fmt;

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::hex;

/// A shared secret for HMAC-SHA256, prepared once. `Debug` does not show it.
///
/// ```
/// use axon_worker::transport::rxon::security::SigningKey;
///
/// let key = SigningKey::new("dummy-worker-token").unwrap();
/// let signature = key.sign(b"{}");
/// assert!(key.verify(b"{}", &signature));
/// assert!(!key.verify(b"[]", &signature));
/// assert!(SigningKey::new("").is_err());
/// ```
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

/// An empty text is no secret: nothing is signed with it, and it verifies nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret for signing is empty")]
pub struct EmptySecret;

impl SigningKey {
    /// A key of the UTF-8 bytes of a secret.
    ///
    /// # Errors
    /// When it is empty.
    pub fn new(secret: &str) -> Result<Self, EmptySecret> {
        if secret.is_empty() {
            return Err(EmptySecret);
        }
        let mac = Hmac::new_from_slice(secret.as_bytes());
        Ok(Self(mac.expect("HMAC takes secrets of any length")))
    }

    /// The signature of a message in its [canonical](super::canonical) form, as 64
    /// lower-case hexadecimal digits.
    pub fn sign(&self, canonical: &[u8]) -> String {
        let mac = self.0.clone().chain_update(canonical);
        hex::encode(&mac.finalize().into_bytes())
    }

    /// Whether `signature` is what [`SigningKey::sign`] gives. Takes the same time for any
    /// signature of the right form.
    pub fn verify(&self, canonical: &[u8], signature: &str) -> bool {
        let Some(signature) = hex::decode_lower::<32>(signature) else {
            return false;
        };
        let mac = self.0.clone().chain_update(canonical);
        mac.verify(&signature.into()).is_ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_the_secret() {
        let key = SigningKey::new("hush-hush").unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey([REDACTED])");
    }

    #[test]
    fn a_signature_is_taken_in_its_one_spelling_only() {
        let key = SigningKey::new("k").unwrap();
        let signature = key.sign(b"m");
        assert!(key.verify(b"m", &signature));
        for other in [
            signature.to_uppercase(),
            signature[..62].to_owned(),
            format!("{signature}00"),
            format!(" {signature}"),
            String::new(),
        ] {
            assert!(!key.verify(b"m", &other), "{other}");
        }
    }
}
