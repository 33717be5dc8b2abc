//! One number for a catalogue of skills.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::canonical::canonical_value;
use super::{CanonicalError, hex};

/// The hash by which worker and orchestrator tell whether they have the same catalogue:
/// SHA-256 as lower-case hexadecimal digits over skills, costs and `WORKER_EXTRA_*`.
///
/// The order of the skills counts, that of members does not.
///
/// # Errors
/// When a value has no JSON form, or none that can be signed, see
/// [`canonical`](super::canonical).
pub fn skills_hash<Skill, Costs, Extra>(
    skills: &[Skill],
    cost_per_skill: &Costs,
    extra: &Extra,
) -> Result<String, CanonicalError>
where
    Skill: Serialize,
    Costs: Serialize + ?Sized,
    Extra: Serialize + ?Sized,
{
    #[derive(Serialize)]
    struct Catalogue<'a, Skill, Costs: ?Sized, Extra: ?Sized> {
        capabilities: &'a Costs,
        extra: &'a Extra,
        skills: &'a [Skill],
    }
    let catalogue = Catalogue {
        capabilities: cost_per_skill,
        extra,
        skills,
    };
    let text = serde_json::to_vec(&catalogue).map_err(CanonicalError::unwritable)?;
    canonical_value(&text).map(|text| hex::encode(&Sha256::digest(text)))
}
