//! Whether a task is run: who signed it, and does its policy allow it here?

use bytes::Bytes;

use super::key::Key;
use super::security::{TaskSignatureProblem, verify_task};
use super::wire_1_0b2::Handout;
use super::wire_1_0b17;
use crate::config::RxonSettings;
use crate::transport::TransportError;

/// What is asked of tasks.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust {
    key: Option<Key>,
    /// With a key: refuse what is not signed at all.
    required: bool,
}

impl Trust {
    pub(super) fn new(settings: &RxonSettings) -> Self {
        let secret = settings.task_secret.as_ref();
        Self {
            key: secret.map(Key::new),
            required: settings.require_task_signature,
        }
    }

    /// Checks a task against the text that it came in.
    ///
    /// # Errors
    /// `Untrusted`.
    pub(super) fn check(&self, handout: &Handout, text: &Bytes) -> Result<(), TransportError> {
        let task = &handout.task;
        let refused = |reason: String| TransportError::Untrusted {
            reason,
            task: (task.id.clone(), task.job_id.clone()),
        };
        let verified = self.key.as_ref().map_or(Ok(()), |key| {
            key.with(|key| key.map_or(Ok(()), |key| verify_task(text, key)))
        });
        match verified {
            Ok(()) => {}
            Err(TaskSignatureProblem::Missing) if !self.required => {}
            Err(problem) => return Err(refused(problem.to_string())),
        }
        if !handout.has_policy {
            return Ok(());
        }
        match wire_1_0b17::refusal_of(text, task.name.as_str()) {
            Some(reason) => Err(refused(reason)),
            None => Ok(()),
        }
    }
}
