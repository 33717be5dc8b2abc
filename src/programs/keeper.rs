//! The thread that looks after all programs of this process: it starts them, talks with
//! them and waits for them.
//!
//! It is none of the worker's threads, for two reasons. A system that promises to end a
//! program with its parent means the *thread* that started it; and what is left of a
//! program has to be waited for when its task, or its worker, is over already.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

use super::group;

type Errand = Box<dyn FnOnce() + Send>;

static KEEPER: Mutex<Option<mpsc::UnboundedSender<Errand>>> = Mutex::new(None);
static ENDING: AtomicBool = AtomicBool::new(false);
static ENDED: Notify = Notify::const_new();

/// How often is looked whether programs have ended.
const LOOK: Duration = Duration::from_millis(10);

/// How long a program that is not needed any more has to end by itself, when its stdin has
/// ended.
pub(super) const DISMISSAL: Duration = Duration::from_secs(1);

/// How long killed processes are waited for.
const KILLED: Duration = Duration::from_secs(2);

/// Does this on the keeper's thread.
pub(super) fn spawn<F, W>(work: F) -> io::Result<()>
where
    F: FnOnce() -> W + Send + 'static,
    W: Future<Output = ()> + 'static,
{
    let mut errand: Errand = Box::new(move || drop(tokio::task::spawn_local(work())));
    let mut keeper = KEEPER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = &*keeper {
        match sender.send(errand) {
            Ok(()) => return Ok(()),
            // Its thread has ended.
            Err(mpsc::error::SendError(back)) => errand = back,
        }
    }
    let sender = start()?;
    let sent = sender.send(errand);
    *keeper = Some(sender);
    sent.map_err(|_| io::Error::other("the thread of programs has ended"))
}

/// Programs of the same user could read the secrets of this process in `/proc`, or trace it.
/// The system forbids that to all but those that may trace everything, and writes no core
/// dumps of this process any more.
#[cfg(target_os = "linux")]
fn hide_from_programs() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};

    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "programs may read the environment of the worker");
    }
}

#[cfg(not(target_os = "linux"))]
fn hide_from_programs() {}

fn start() -> io::Result<mpsc::UnboundedSender<Errand>> {
    hide_from_programs();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (sender, mut errands) = mpsc::unbounded_channel::<Errand>();
    std::thread::Builder::new()
        .name("axon-programs".to_owned())
        .spawn(move || {
            LocalSet::new().block_on(&runtime, async move {
                while let Some(errand) = errands.recv().await {
                    errand();
                }
            });
        })?;
    Ok(sender)
}

/// Whether no program is to be started any more.
pub(super) fn is_ending() -> bool {
    ENDING.load(Ordering::Relaxed)
}

/// Waits until that is so.
pub(super) async fn ending() {
    let told = ENDED.notified();
    if !is_ending() {
        told.await;
    }
}

/// Ends all programs that this process has started. The stdin of those that wait for tasks
/// ends; a second later all get SIGTERM, and after `grace` SIGKILL. Returns how many had to
/// be killed. None is started from now on.
///
/// For the end of a process, when its workers have ended. Tasks that still run fail.
pub async fn end_all(grace: Duration) -> usize {
    ENDING.store(true, Ordering::Relaxed);
    ENDED.notify_waiters();
    if all_gone(DISMISSAL).await {
        return 0;
    }
    group::signal_all(Signal::TERM);
    if all_gone(grace).await {
        return 0;
    }
    let left = group::count();
    group::signal_all(Signal::KILL);
    all_gone(KILLED).await;
    left
}

async fn all_gone(within: Duration) -> bool {
    let wait = async {
        while group::count() > 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(within, wait).await.is_ok()
}
