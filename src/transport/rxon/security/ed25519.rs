//! Ed25519 signatures of messages and chains, for those who share no secret (feature
//! `ed25519`).
//!
//! Signed are the same bytes as with a shared secret. Neither avtomatika 1.0b30 nor its worker
//! uses them; they are here for programs that pass messages on.

use std::fmt;

use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use ed25519_dalek::{Signature, Signer as _};

use super::{chain, hex};

/// A private key. `Debug` does not show it.
#[derive(Clone)]
pub struct PrivateKey(ed25519_dalek::SigningKey);

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

/// A text that is no key of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a PKCS#8 private key without a password, in PEM.
    #[error("not an Ed25519 private key in PEM (PKCS#8, without a password)")]
    Private,
    /// Not a `SubjectPublicKeyInfo`, in PEM.
    #[error("not an Ed25519 public key in PEM")]
    Public,
}

impl PrivateKey {
    /// Reads `-----BEGIN PRIVATE KEY-----`.
    ///
    /// # Errors
    /// When the text is anything else, also a key with a password.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(pem);
        key.map(Self).map_err(|_| KeyError::Private)
    }

    /// The key that verifies what this one signs.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The signature of a message in its [canonical](super::canonical()) form, as 128
    /// lower-case hexadecimal digits.
    pub fn sign(&self, canonical: &[u8]) -> String {
        hex::encode(&self.0.sign(canonical).to_bytes())
    }

    /// Signs a chain of worker ids, whose order counts.
    pub fn sign_chain<S: AsRef<str>>(&self, chain: &[S]) -> String {
        self.sign(&chain::text(chain))
    }
}

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----`.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_public_key_pem(pem);
        key.map(Self).map_err(|_| KeyError::Public)
    }

    /// Whether the owner of the private key signed this. Digits of either case are taken.
    pub fn verify(&self, canonical: &[u8], signature: &str) -> bool {
        hex::decode::<64>(signature).is_some_and(|bytes| {
            let signature = Signature::from_bytes(&bytes);
            self.0.verify_strict(canonical, &signature).is_ok()
        })
    }

    /// Whether the owner of the private key signed this chain.
    pub fn verify_chain<S: AsRef<str>>(&self, chain: &[S], signature: &str) -> bool {
        self.verify(&chain::text(chain), signature)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([REDACTED])")
    }
}
