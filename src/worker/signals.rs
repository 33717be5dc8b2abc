//! SIGTERM and SIGINT: the first begins the drain, the second ends the process. SIGHUP is the
//! same for a process with a terminal, and has secrets in files read again otherwise.

use std::convert::Infallible;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::sd_notify::Notifier;
use super::{DrainReport, WorkerHandle};
use crate::config::reload_secrets_soon;
use crate::error::{Error, Result};
#[cfg(feature = "logging")]
use crate::logging;

/// Signals within this time count as one.
const ONE_SIGNAL: Duration = Duration::from_secs(1);
/// So long after the end should be over, nobody waits for it any more.
const OVERTIME: Duration = Duration::from_secs(2);
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
    let notifier = Notifier::from_env();
    notifier.tell("READY=1");
    let report = tokio::select! {
        report = until_told_and_ended(worker, &notifier) => report,
        never = feed_watchdog(worker, &notifier) => match never {},
    };
    notifier.tell("STOPPING=1");
    report
}

async fn until_told_and_ended(worker: &WorkerHandle, notifier: &Notifier) -> Result<DrainReport> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    tokio::select! {
        report = worker.wait() => return Ok(report),
        () = either(&mut terminate, &mut interrupt) => info!("told to end"),
        told = until_hung_up() => {
            told?;
            info!("the terminal is gone: ending");
        }
    }
    notifier.tell("STOPPING=1");
    let told = Instant::now();
    let ending = worker.shutdown();
    tokio::pin!(ending);
    loop {
        tokio::select! {
            report = &mut ending => return Ok(report),
            () = either(&mut terminate, &mut interrupt) => {
                // Some who signal a process signal its group as well, and wrappers pass on
                // what their group has got.
                if told.elapsed() < ONE_SIGNAL {
                    continue;
                }
                warn!("told to end again: ending at once, whatever is unsent is lost");
                #[cfg(feature = "logging")]
                logging::flush(AT_ONCE_FLUSH);
                std::process::exit(AT_ONCE);
            }
            () = tokio::time::sleep_until(told + worker.budget() + OVERTIME) => {
                error!("the worker does not end, it is left behind");
                return Ok(worker.report_so_far());
            }
        }
    }
}

/// Feeds the watchdog of the service manager as long as the control thread answers.
async fn feed_watchdog(worker: &WorkerHandle, notifier: &Notifier) -> Infallible {
    let Some(every) = notifier.feed_every() else {
        return std::future::pending().await;
    };
    loop {
        worker.control_answers().await;
        notifier.tell("WATCHDOG=1");
        tokio::time::sleep(every).await;
    }
}

/// SIGHUP of a process with a terminal: that is gone, and the worker ends. Without one it
/// has secrets read again, and goes on. Certificates are read whenever their files change.
async fn until_hung_up() -> Result<()> {
    let ends = has_terminal() && !ignores_hangups();
    let mut hangup = signal(SignalKind::hangup()).map_err(Error::Signals)?;
    loop {
        hangup.recv().await;
        if ends {
            return Ok(());
        }
        info!("told to read secrets and certificates again");
        reload_secrets_soon();
    }
}

/// Whether the process has a controlling terminal.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// Whether whoever started the process wants it to outlive its terminal, as `nohup` does.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores_first_signal(&status)
}

fn ignores_first_signal(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 != 0)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ignores_hangups_is_told_from_one_that_does_not() {
        let status = |mask: &str| format!("Name:\tworker\nSigBlk:\t01\nSigIgn:\t{mask}\n");
        assert!(ignores_first_signal(&status("0000000000001001")));
        assert!(!ignores_first_signal(&status("0000000000001000")));
        assert!(!ignores_first_signal(""));
    }
}
