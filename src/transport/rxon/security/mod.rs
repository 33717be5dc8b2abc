//! Signatures of RXON 1.0b17: who sent this, and did anybody change it?
//!
//! Worker and orchestrator share secrets. What a worker sends is signed with its token, see
//! [`seal`]; what an orchestrator hands out is signed with the orchestrator's secret, see
//! [`verify_task`]. Signed is the [`canonical`] form of a message, so both ends come to
//! the same bytes from any spelling of it.
//!
//! Nothing here knows of connections or clocks: a time stamp is a member of the message like
//! any other, and whether a message is too old or came twice is for its receiver to tell.
//!
//! Ed25519 signatures of the same bytes are in `ed25519` (feature `ed25519`).

mod canonical;
mod chain;
#[cfg(feature = "ed25519")]
pub mod ed25519;
mod hex;
mod key;
mod message;
mod skills_hash;
mod task;

pub use canonical::{CanonicalError, CanonicalProblem, DEEPEST, canonical, canonical_of};
pub use chain::{sign_chain, verify_chain};
pub use key::{EmptySecret, SigningKey};
pub use message::{MessageKind, Signer, Unverified, seal, seal_value, verify_message};
pub use skills_hash::skills_hash;
pub use task::{TaskSignatureProblem, sign_task, verify_task};
