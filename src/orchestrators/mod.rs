//! Deciding about orchestrators: which to ask next, and when to leave one alone.
//! Plain types without actors; time comes in as an argument.

use std::fmt;

/// Which of the configured orchestrators, by its place in the sorted list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrchestratorId(pub usize);

impl fmt::Debug for OrchestratorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for OrchestratorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
