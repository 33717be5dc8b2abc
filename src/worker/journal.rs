//! Opening the journal and finding the owners of what is in it.

use std::time::Duration;
#[cfg(feature = "journal")]
use std::time::SystemTime;

use super::wiring::Wiring;
use crate::actors::JournalHandle;
use crate::config::{JournalMode, Settings};
use crate::error::{Error, Result};
use crate::storage::JournalError;
use crate::task::TaskResult;

/// How much longer than a poll is held the record of it may say.
#[cfg(feature = "journal")]
const CLOCK_ALLOWANCE: Duration = Duration::from_secs(10);

/// A journal that is open, and what an earlier process left in it.
#[derive(Default)]
pub(super) struct Opened {
    #[cfg(feature = "journal")]
    journal: Option<(crate::storage::journal::Journal, Vec<std::sync::Arc<str>>)>,
    pub(super) recovered: Vec<TaskResult>,
    /// For how long orchestrators may hold its polls.
    pub(super) polls_left: Duration,
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
    pub(super) fn start(&mut self, _: &Wiring<'_>) -> Option<JournalHandle> {
        None
    }
}

#[cfg(feature = "journal")]
impl Opened {
    /// Opens the journal if there is to be one. `names` are those of the
    /// orchestrators, in their order.
    pub(super) fn open(settings: &Settings, names: &[&str]) -> Result<Self> {
        let Some(folder) = settings.journal_dir() else {
            return Ok(Self::default());
        };
        if settings.journal_is_temporary() {
            tracing::warn!(
                folder = %folder.display(),
                "the journal is among temporary files, which others may remove: set \
                 AXON_JOURNAL_DIR, or STATE_DIRECTORY, XDG_STATE_HOME or HOME"
            );
        }

        let (journal, recovered) = match open_in_time(&folder, settings) {
            Ok(opened) => opened,
            // Nobody asked for it, so a folder that cannot be written is no reason
            // not to work. Results that others have, or that this version cannot read, are.
            Err(error @ (JournalError::Folder { .. } | JournalError::Failed { .. }))
                if settings.journal.mode == JournalMode::Auto =>
            {
                tracing::warn!(%error, "there is no journal: a crash loses results");
                return Ok(Self::default());
            }
            Err(error) => return Err(Error::Journal(error)),
        };
        Ok(Self {
            polls_left: polls_left(&recovered, settings),
            recovered: owned(recovered, names),
            journal: Some((journal, names.iter().map(|name| (*name).into()).collect())),
        })
    }

    /// Starts its keeper.
    pub(super) fn start(&mut self, wiring: &Wiring<'_>) -> Option<JournalHandle> {
        let (journal, names) = self.journal.take()?;
        Some(wiring.journal_keeper(journal, names))
    }
}

/// For how long polls of the process before may be held. A clock that was set back makes
/// it no longer than a poll can take.
#[cfg(feature = "journal")]
fn polls_left(recovered: &crate::storage::journal::Recovered, settings: &Settings) -> Duration {
    let until = recovered
        .polls_until
        .map(|until| until.duration_since(SystemTime::now()));
    let left = until.and_then(std::result::Result::ok).unwrap_or_default();
    left.min(settings.timing.poll_timeout.saturating_add(CLOCK_ALLOWANCE))
}

/// Opens the journal on a thread of its own, for its disk may hang.
#[cfg(feature = "journal")]
fn open_in_time(
    folder: &std::path::Path,
    settings: &Settings,
) -> std::result::Result<
    (
        crate::storage::journal::Journal,
        crate::storage::journal::Recovered,
    ),
    JournalError,
> {
    use crate::storage::journal::Journal;

    /// Time for a large one on a slow disk.
    const LIMIT: Duration = Duration::from_secs(20);

    let unusable = |error| JournalError::Folder {
        path: folder.to_owned(),
        error,
    };
    let (sender, opened) = std::sync::mpsc::channel();
    let (at, max_bytes, sync) = (
        folder.to_owned(),
        settings.journal.max_bytes,
        settings.journal.sync,
    );
    std::thread::Builder::new()
        .name("axon-journal".to_owned())
        .spawn(move || {
            // If nobody waits any more, the journal is closed with it.
            let _ = sender.send(Journal::open(&at, max_bytes, sync, SystemTime::now()));
        })
        .map_err(unusable)?;
    opened.recv_timeout(LIMIT).unwrap_or_else(|error| {
        let text = match error {
            std::sync::mpsc::RecvTimeoutError::Timeout => "its disk does not answer",
            std::sync::mpsc::RecvTimeoutError::Disconnected => "the thread that opens it panicked",
        };
        Err(unusable(std::io::Error::other(text)))
    })
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
