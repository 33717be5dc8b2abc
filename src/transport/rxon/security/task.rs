//! What an orchestrator hands out, signed.

use std::borrow::Cow;

use serde::Deserialize;

use super::canonical::canonical_task;
use super::{CanonicalError, SigningKey};

/// The members of a task that are signed: those that rxon 1.0b17 knows.
pub(super) const KNOWN_FIELDS: [&str; 14] = [
    "job_id",
    "task_id",
    "type",
    "params",
    "tracing_context",
    "params_metadata",
    "priority",
    "deadline",
    "metadata",
    "timestamp",
    "policy",
    "step",
    "depth",
    "parent_hash",
];

/// Why a task is not known to come from its orchestrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskSignatureProblem {
    /// Neither `sig` nor `orchestrator_signature` is there.
    #[error("the task is not signed")]
    Missing,
    /// It was signed with another secret, or changed since.
    #[error("the signature of the task does not fit it")]
    Wrong,
    /// The task has no form that could be signed.
    #[error("the task cannot be verified: {0}")]
    Unsignable(#[from] CanonicalError),
}

/// The value for the member `sig` of a task.
///
/// Members that rxon 1.0b17 does not know are not signed, nor are a `step` or `depth` of 0 and
/// a `size` of 0 in `params_metadata`: a receiver that reads tasks into types of its own cannot
/// tell those from absent ones. What is added to a signed task later must be unknown.
///
/// # Errors
/// When the task cannot be signed, see [`canonical`](super::canonical).
pub fn sign_task(task: &[u8], key: &SigningKey) -> Result<String, CanonicalError> {
    canonical_task(task).map(|signed| key.sign(&signed))
}

/// Verifies the member `sig` of a task, or `orchestrator_signature` if there is no `sig`.
///
/// ```
/// use axon_worker::transport::rxon::security::{SigningKey, sign_task, verify_task};
///
/// let key = SigningKey::new("dummy-orch-secret").unwrap();
/// let sig = sign_task(br#"{"job_id":"j","task_id":"t","type":"add"}"#, &key).unwrap();
/// let task = format!(r#"{{"type":"add","task_id":"t","job_id":"j","sig":"{sig}"}}"#);
/// verify_task(task.as_bytes(), &key).unwrap();
/// ```
///
/// # Errors
/// When the task is not signed, or not like this.
pub fn verify_task(task: &[u8], key: &SigningKey) -> Result<(), TaskSignatureProblem> {
    #[derive(Deserialize)]
    struct Signatures<'a> {
        #[serde(borrow)]
        sig: Option<Cow<'a, str>>,
        #[serde(borrow)]
        orchestrator_signature: Option<Cow<'a, str>>,
    }
    let signed = canonical_task(task)?;
    let there: Signatures<'_> =
        serde_json::from_slice(task).map_err(|_| TaskSignatureProblem::Wrong)?;
    let signature = [there.sig, there.orchestrator_signature]
        .into_iter()
        .flatten()
        .find(|text| !text.is_empty())
        .ok_or(TaskSignatureProblem::Missing)?;
    if key.verify(&signed, &signature) {
        Ok(())
    } else {
        Err(TaskSignatureProblem::Wrong)
    }
}
