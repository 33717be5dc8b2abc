//! The signatures of RXON 1.0b17, written down a second time: what these tests say in
//! the name of a worker must not depend on the code that they test.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Value, json};

/// The message with a timestamp, a nonce of its own and the signature of this worker.
/// For messages without floats: these have a form of their own.
pub(crate) fn signed(mut message: Value, worker: &str, token: &str) -> Value {
    message["timestamp"] = json!(now());
    message["nonce"] = json!(format!("{:032x}", fastrand::u128(..)));
    sign(&mut message, worker, token);
    message
}

/// Signs a message as it stands.
pub(crate) fn sign(message: &mut Value, worker: &str, token: &str) {
    let members = message.as_object_mut().expect("an object");
    members.remove("security");
    // Sorted by name, without nulls.
    let bytes = serde_json::to_vec(&without_nulls(message)).expect("JSON");
    let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).expect("any key will do");
    mac.update(&bytes);
    let mut signature = String::new();
    for byte in mac.finalize().into_bytes() {
        write!(signature, "{byte:02x}").expect("a text grows");
    }
    message["security"] = json!({ "signature": signature, "signer_id": worker });
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a clock after 1970").as_secs()
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            // Sorted here, too: another crate may ask serde_json to keep the order.
            let mut kept: Vec<_> = members.iter().filter(|(_, it)| !it.is_null()).collect();
            kept.sort_unstable_by_key(|(name, _)| *name);
            kept.into_iter()
                .map(|(name, it)| (name.clone(), without_nulls(it)))
                .collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}
