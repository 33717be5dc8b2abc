//! SIGTERM and SIGINT: the first begins the drain, the second ends the process. SIGHUP has
//! secrets in files read again.

#[cfg(feature = "logging")]
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use super::{DrainReport, WorkerHandle};
use crate::config::{has_secrets_in_files, reload_secrets_soon};
use crate::error::{Error, Result};
#[cfg(feature = "logging")]
use crate::logging;

/// Exit code when a second signal ends the process, as shells give for SIGINT.
const AT_ONCE: i32 = 130;
/// How long that end waits for the log.
#[cfg(feature = "logging")]
const AT_ONCE_FLUSH: Duration = Duration::from_millis(100);

/// Waits for the end of the worker, brought about by a signal or otherwise.
pub(super) async fn run_until_signal(worker: WorkerHandle) -> Result<()> {
    let report = until_ended(&worker).await?;
    // Not on this thread, which may be that of a service.
    #[cfg(feature = "logging")]
    let _ = tokio::task::spawn_blocking(|| logging::flush(logging::FLUSH_LIMIT)).await;
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
        error = reload_at_hangups() => return Err(error),
    }
    tokio::select! {
        report = worker.shutdown() => Ok(report),
        () = either(&mut terminate, &mut interrupt) => {
            warn!("told to end again: ending at once, whatever is unsent is lost");
            #[cfg(feature = "logging")]
            logging::flush(AT_ONCE_FLUSH);
            std::process::exit(AT_ONCE);
        }
    }
}

/// Without secrets in files SIGHUP ends the process, as it does with any other program.
async fn reload_at_hangups() -> Error {
    if !has_secrets_in_files() {
        return std::future::pending().await;
    }
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return Error::Signals(error),
    };
    loop {
        hangup.recv().await;
        info!("told to read secrets again");
        reload_secrets_soon();
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
