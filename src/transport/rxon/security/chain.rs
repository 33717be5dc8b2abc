//! The chain of workers that an event has bubbled through, signed.

use super::SigningKey;

/// Signs a chain of worker ids, whose order counts. The signed text is a compact JSON array.
pub fn sign_chain<S: AsRef<str>>(chain: &[S], key: &SigningKey) -> String {
    key.sign(&text(chain))
}

/// Whether [`sign_chain`] gave this signature.
pub fn verify_chain<S: AsRef<str>>(chain: &[S], signature: &str, key: &SigningKey) -> bool {
    key.verify(&text(chain), signature)
}

pub(super) fn text<S: AsRef<str>>(chain: &[S]) -> Vec<u8> {
    let chain: Vec<&str> = chain.iter().map(AsRef::as_ref).collect();
    serde_json::to_vec(&chain).expect("a list of texts has a JSON form")
}
