//! Files that travel with a task, by reference.

use serde::{Deserialize, Serialize};

/// A file that a task came with, or that a result names. Its content is elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// What the orchestrator calls it.
    pub id: String,
    /// Its name, as whoever submitted it gave it: never use it unchecked as a path.
    pub name: String,
    /// Its media type, for example `text/plain`; empty when unknown.
    pub content_type: String,
    /// Its size in bytes, as told; 0 or less when unknown.
    pub size: i64,
    /// Where its content is. Depending on the orchestrator's storage that is an
    /// address or only a name: see [`QueueTask`](crate::QueueTask).
    pub url: String,
}
