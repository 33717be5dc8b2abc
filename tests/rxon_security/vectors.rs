//! The files in `tests/vectors` that hold signatures.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect(&path);
    serde_json::from_str(&text).expect(name)
}

#[derive(Deserialize)]
pub(crate) struct SigningFile {
    pub(crate) secret: String,
    pub(crate) cases: Vec<SigningCase>,
    pub(crate) other_secrets: Vec<OtherSecret>,
}

/// Without `canonical` it has to be refused.
#[derive(Deserialize)]
pub(crate) struct SigningCase {
    pub(crate) name: String,
    pub(crate) payload_json: String,
    #[serde(default)]
    pub(crate) ignore_fields: Vec<String>,
    pub(crate) canonical: Option<String>,
    pub(crate) hmac_sha256_hex: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct OtherSecret {
    pub(crate) secret: String,
    pub(crate) payload_json: String,
    pub(crate) hmac_sha256_hex: String,
}

#[derive(Deserialize)]
pub(crate) struct SignedFile {
    pub(crate) worker_secret: String,
    pub(crate) orchestrator_secret: String,
    pub(crate) messages: Vec<MessageCase>,
    pub(crate) tasks: Vec<TaskCase>,
}

#[derive(Deserialize)]
pub(crate) struct MessageCase {
    pub(crate) kind: String,
    pub(crate) canonical: String,
    pub(crate) signature: String,
    pub(crate) message: Box<RawValue>,
}

/// `accepted` is a text where the published worker cannot even read the task.
#[derive(Deserialize)]
pub(crate) struct TaskCase {
    pub(crate) name: String,
    pub(crate) task: Box<RawValue>,
    pub(crate) canonical: Option<String>,
    pub(crate) accepted: Value,
}

#[derive(Deserialize)]
pub(crate) struct SkillsFile {
    pub(crate) cases: Vec<SkillsCase>,
}

#[derive(Deserialize)]
pub(crate) struct SkillsCase {
    pub(crate) name: String,
    pub(crate) skills: Vec<Value>,
    pub(crate) cost_per_skill: Value,
    pub(crate) extra_capabilities: Value,
    pub(crate) skills_hash: String,
}

#[derive(Deserialize)]
pub(crate) struct Ed25519File {
    pub(crate) keys: BTreeMap<String, KeyPair>,
    pub(crate) cases: Vec<Ed25519Case>,
    pub(crate) chains: Vec<ChainCase>,
}

#[derive(Deserialize)]
pub(crate) struct KeyPair {
    pub(crate) private_pem: String,
    pub(crate) public_pem: String,
    pub(crate) private_seed_hex: String,
}

/// Cases with a name are altered on purpose and have no `canonical`.
#[derive(Deserialize)]
pub(crate) struct Ed25519Case {
    pub(crate) name: Option<String>,
    pub(crate) payload_json: String,
    pub(crate) ignore_fields: Vec<String>,
    pub(crate) key: String,
    pub(crate) canonical: Option<String>,
    pub(crate) signature_hex: String,
    pub(crate) verifies: bool,
}

#[derive(Deserialize)]
pub(crate) struct ChainCase {
    pub(crate) chain: Vec<String>,
    pub(crate) ed25519_key: String,
    pub(crate) ed25519_hex: String,
    pub(crate) hmac_secret: String,
    pub(crate) hmac_sha256_hex: String,
    pub(crate) reversed_chain_verifies: bool,
}

#[derive(Deserialize)]
pub(crate) struct FloatsFile {
    pub(crate) rows: Vec<FloatCase>,
}

#[derive(Deserialize)]
pub(crate) struct FloatCase {
    /// The double, big endian, in hexadecimal.
    pub(crate) bits: String,
    pub(crate) text: String,
}
