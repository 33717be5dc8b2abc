//! SIGTERM and SIGINT: the first begins the drain, the second ends the process.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use super::{DrainReport, WorkerHandle};
use crate::error::{Error, Result};

/// Exit code when a second signal ends the process, as shells give for SIGINT.
const AT_ONCE: i32 = 130;

/// Waits for the end of the worker, brought about by a signal or otherwise.
pub(super) async fn run_until_signal(worker: WorkerHandle) -> Result<()> {
    let report = until_ended(&worker).await?;
    if report.is_clean() {
        Ok(())
    } else {
        Err(Error::Unclean(report))
    }
}

async fn until_ended(worker: &WorkerHandle) -> Result<DrainReport> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    tokio::select! {
        report = worker.wait() => return Ok(report),
        () = either(&mut terminate, &mut interrupt) => info!("told to end"),
    }
    tokio::select! {
        report = worker.shutdown() => Ok(report),
        () = either(&mut terminate, &mut interrupt) => {
            warn!("told to end again: ending at once, whatever is unsent is lost");
            std::process::exit(AT_ONCE);
        }
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
