//! The disk below the task folders fails, and recovers.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tokio::sync::watch;
use tracing::{info, warn};

use crate::storage::ResourceFault;

/// What tasks had of this machine's disk lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Failures {
    /// How many failed since the last success.
    pub(crate) in_a_row: u32,
    /// What the last one failed for.
    pub(crate) fault: Option<ResourceFault>,
}

/// Counts failures of the machine's own resources in a row. The first one is told, and so
/// is the end.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    in_a_row: AtomicU32,
    of_tasks: watch::Sender<Failures>,
}

impl Trouble {
    /// Takes note of what writing for a task came to, and hands it on.
    pub(super) fn noted<T>(&self, result: io::Result<T>) -> io::Result<T> {
        let result = self.noted_at_start(result);
        if let Err(error) = &result
            && let Some(fault) = ResourceFault::of(error)
        {
            self.tell(fault);
        }
        result
    }

    /// The same where no task had to suffer for it.
    pub(super) fn noted_at_start<T>(&self, result: io::Result<T>) -> io::Result<T> {
        match &result {
            Ok(_) => {
                if self.in_a_row.load(Relaxed) > 0 && self.in_a_row.swap(0, Relaxed) > 0 {
                    info!("task folders can be used again");
                    self.of_tasks.send_replace(Failures::default());
                }
            }
            Err(error) => {
                if let Some(fault) = ResourceFault::of(error) {
                    self.count(fault, &error);
                }
            }
        }
        result
    }

    /// A task has failed for this.
    pub(super) fn failed(&self, fault: ResourceFault, error: &dyn std::fmt::Display) {
        self.count(fault, error);
        self.tell(fault);
    }

    /// Follows what tasks had of the disk.
    pub(super) fn watch(&self) -> watch::Receiver<Failures> {
        self.of_tasks.subscribe()
    }

    fn count(&self, fault: ResourceFault, error: &dyn std::fmt::Display) {
        if self.in_a_row.fetch_add(1, Relaxed) == 0 {
            warn!(
                %error, ?fault,
                "task folders cannot be used: tasks with files fail (TASK_FILES_DIR)"
            );
        }
    }

    fn tell(&self, fault: ResourceFault) {
        self.of_tasks.send_modify(|failures| {
            failures.in_a_row += 1;
            failures.fault = Some(fault);
        });
    }

    #[cfg(test)]
    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row.load(Relaxed)
    }
}
