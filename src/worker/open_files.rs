//! The limit of open files of this process.
//!
//! Systems start programs with a soft limit of 1024 or less, which exists for programs that
//! use `select(2)`, and with a hard limit far above it. Sockets, pipes and files of tasks
//! all count, and a worker that runs out of them can do nothing.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

use crate::error::{Error, Result};

/// The soft limit as it was, if it was raised; other programs are started with that one.
static BEFORE: OnceLock<Option<u64>> = OnceLock::new();

/// Open files of a thread with an event loop.
const OF_THREAD: u64 = 4;
/// Open files of a worker without tasks and handler threads, rounded up.
const OF_WORKER: u64 = 32;

/// Raises the soft limit to the hard one, once in a process.
pub(crate) fn raise_limit() {
    BEFORE.get_or_init(|| {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let before = current.filter(|soft| maximum.is_none_or(|hard| *soft < hard))?;
        let raised = Rlimit {
            current: maximum,
            maximum,
        };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => {
                debug!(before, now = maximum, "raised the limit of open files");
                Some(before)
            }
            Err(error) => {
                warn!(limit = before, %error, "cannot raise the limit of open files");
                None
            }
        }
    });
}

/// Returns the soft limit that the process was started with, if it was raised since.
#[cfg(feature = "programs")]
pub(crate) fn limit_at_start() -> Option<u64> {
    BEFORE.get().copied().flatten()
}

/// Checks that the limit allows for a worker with so many handler threads.
///
/// # Errors
/// [`Error::OpenFiles`] if it does not; a thread without files would panic.
pub(crate) fn check_limit(handler_threads: usize) -> Result<()> {
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return Ok(());
    };
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64);
    let needed = needed(handler_threads, open);
    if limit < needed {
        return Err(Error::OpenFiles {
            limit,
            needed,
            handler_threads,
        });
    }
    Ok(())
}

fn needed(handler_threads: usize, open: u64) -> u64 {
    open + OF_WORKER + OF_THREAD * handler_threads as u64
}
