//! The disk below the task folders fails, and recovers.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tracing::{info, warn};

use crate::storage::ResourceFault;

/// Counts failures of the machine's own resources in a row. The first one is told, and so
/// is the end.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    in_a_row: AtomicU32,
}

impl Trouble {
    /// Takes note of what writing came to, and hands it on.
    pub(super) fn noted<T>(&self, result: io::Result<T>) -> io::Result<T> {
        match &result {
            Ok(_) => {
                if self.in_a_row.load(Relaxed) > 0 && self.in_a_row.swap(0, Relaxed) > 0 {
                    info!("task folders can be used again");
                }
            }
            Err(error) => {
                if let Some(fault) = ResourceFault::of(error) {
                    self.failed(fault, &error);
                }
            }
        }
        result
    }

    pub(super) fn failed(&self, fault: ResourceFault, error: &dyn std::fmt::Display) {
        if self.in_a_row.fetch_add(1, Relaxed) == 0 {
            warn!(
                %error, ?fault,
                "task folders cannot be used: tasks with files fail (TASK_FILES_DIR)"
            );
        }
    }

    #[cfg(test)]
    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row.load(Relaxed)
    }
}
