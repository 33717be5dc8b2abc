//! A process and everything it started: a process group, which ends as a whole.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, kill_process_group, test_kill_process_group, waitpgid,
};

/// How often a group is looked at that is about to go: soon, then less often.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(50);

/// After this time it is asked whether only dead processes are left, that nobody
/// collects.
const ASK_AFTER: Duration = Duration::from_millis(500);

/// The groups that are not known to be gone.
static LIVE: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn live() -> MutexGuard<'static, BTreeSet<i32>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many there are.
pub(super) fn count() -> usize {
    live().len()
}

/// Sends a signal to all of them.
pub(super) fn signal_all(signal: Signal) {
    for id in live().iter() {
        if let Some(id) = Pid::from_raw(*id) {
            let _ = kill_process_group(id, signal);
        }
    }
}

/// A group of processes, named after its first one. Killed when dropped before it is gone.
#[derive(Debug)]
pub(super) struct Group {
    id: Pid,
    is_gone: bool,
}

impl Group {
    /// The group of a process that was started as the first of a new one.
    pub(super) fn of(leader: u32) -> Option<Self> {
        let id = Pid::from_raw(i32::try_from(leader).ok()?)?;
        live().insert(id.as_raw_nonzero().get());
        Some(Self { id, is_gone: false })
    }

    /// Sends a signal to all processes of the group.
    pub(super) fn signal(&self, signal: Signal) {
        if !self.is_gone {
            // An error means that nobody is left, which `gone` finds out.
            let _ = kill_process_group(self.id, signal);
        }
    }

    /// Waits until no process of the group is left. Its first one must have been waited
    /// for. Cancel-safe.
    pub(super) async fn gone(&mut self) {
        let began = Instant::now();
        let mut look = FIRST_LOOK;
        while !self.look(began.elapsed() >= ASK_AFTER) {
            tokio::time::sleep(look).await;
            look = (look * 2).min(LAST_LOOK);
        }
    }

    fn look(&mut self, ask: bool) -> bool {
        if self.is_gone {
            return true;
        }
        // Orphans come to us where we are the first process, as in a container.
        while let Ok(Some(_)) = waitpgid(self.id, WaitOptions::NOHANG) {}
        let nobody = test_kill_process_group(self.id) == Err(Errno::SRCH);
        if nobody || (ask && only_the_dead(self.id)) {
            self.is_gone = true;
            live().remove(&self.id.as_raw_nonzero().get());
        }
        self.is_gone
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        live().remove(&self.id.as_raw_nonzero().get());
    }
}

/// Whether all processes of the group are dead, and only wait for somebody to collect
/// them. In a container whose first process does not, they would wait for ever.
#[cfg(target_os = "linux")]
fn only_the_dead(group: Pid) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return false;
    };
    let group = group.as_raw_nonzero().get().to_string();
    let is_alive = |stat: &str| {
        // "pid (name) state parent group ...", where the name may hold anything.
        let mut fields = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let state = fields.next().unwrap_or_default();
        fields.nth(1) == Some(group.as_str()) && !matches!(state, "Z" | "X")
    };
    !processes
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit())
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
        .any(|stat| is_alive(&stat))
}

#[cfg(not(target_os = "linux"))]
fn only_the_dead(_: Pid) -> bool {
    false
}
