//! Opening the journal and finding the owners of what is in it.

use super::wiring::Wiring;
use crate::actors::JournalLink;
use crate::config::{JournalMode, Settings};
use crate::error::{Error, Result};
use crate::storage::JournalError;
use crate::task::TaskResult;

/// A journal that is open, and what an earlier process left in it.
#[derive(Default)]
pub(super) struct Opened {
    #[cfg(feature = "journal")]
    journal: Option<(crate::storage::journal::Journal, Vec<std::sync::Arc<str>>)>,
    pub(super) leftovers: Vec<TaskResult>,
}

#[cfg(not(feature = "journal"))]
impl Opened {
    pub(super) fn open(settings: &Settings, _: &[&str]) -> Result<Self> {
        match settings.journal.mode {
            JournalMode::On => Err(Error::Journal(JournalError::NotCompiled)),
            JournalMode::Auto | JournalMode::Off => Ok(Self::default()),
        }
    }

    #[allow(clippy::unused_self, reason = "as with the feature")]
    pub(super) fn start(&mut self, _: &Wiring<'_>) -> Option<JournalLink> {
        None
    }
}

#[cfg(feature = "journal")]
impl Opened {
    /// Opens the journal if there is to be one. `names` are those of the
    /// orchestrators, in their order.
    pub(super) fn open(settings: &Settings, names: &[&str]) -> Result<Self> {
        use crate::storage::journal::Journal;

        let Some(folder) = settings.journal_dir() else {
            return Ok(Self::default());
        };
        let now = std::time::SystemTime::now();
        let (journal, recovered) = match Journal::open(&folder, settings.journal.max_bytes, now) {
            Ok(opened) => opened,
            // Nobody asked for it, so a folder that cannot be written is no reason
            // not to work. Another worker of our name is.
            Err(error)
                if settings.journal.mode == JournalMode::Auto
                    && !matches!(error, JournalError::InUse(_)) =>
            {
                tracing::warn!(%error, "there is no journal: a crash loses results");
                return Ok(Self::default());
            }
            Err(error) => return Err(Error::Journal(error)),
        };
        Ok(Self {
            leftovers: owned(recovered, names),
            journal: Some((journal, names.iter().map(|name| (*name).into()).collect())),
        })
    }

    /// Starts its keeper.
    pub(super) fn start(&mut self, wiring: &Wiring<'_>) -> Option<JournalLink> {
        let (journal, names) = self.journal.take()?;
        Some(wiring.journal_keeper(journal, names))
    }
}

/// What belongs to orchestrators that are still configured. The rest stays where it is.
#[cfg(feature = "journal")]
fn owned(recovered: crate::storage::journal::Recovered, names: &[&str]) -> Vec<TaskResult> {
    use std::collections::BTreeMap;

    use tracing::{error, info, warn};

    let (unsent, interrupted) = (recovered.unsent.len(), recovered.interrupted.len());
    if unsent + interrupted > 0 {
        info!(unsent, interrupted, "an earlier process left results");
    }
    for task in &recovered.interrupted {
        let result = &task.result;
        warn!(task_id = %result.task_id, job_id = %result.job_id, kind = %result.name,
            "the process ended while it had this task");
    }
    let mut strange: BTreeMap<String, usize> = BTreeMap::new();
    let mut results = Vec::new();
    for recovery in recovered.unsent.into_iter().chain(recovered.interrupted) {
        match names.iter().position(|name| *name == recovery.orchestrator) {
            Some(place) => results.push(TaskResult {
                origin: crate::OrchestratorId(place),
                ..recovery.result
            }),
            None => *strange.entry(recovery.orchestrator).or_default() += 1,
        }
    }
    for (orchestrator, results) in strange {
        error!(
            orchestrator,
            results, "results are kept for an orchestrator that is not configured"
        );
    }
    results
}
