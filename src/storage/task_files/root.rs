//! The folder that holds the task folders of this process, and who clears up there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tracing::{debug, warn};

use super::claim::{self, Claim, Owner};
use super::remove::remove_all;
use super::trouble::{Failures, Trouble};
use super::{Link, TaskFiles};
use crate::id::TaskId;
use crate::storage::object::Transfers;
use crate::storage::owned_dir;
use crate::task::{Cancellation, Task};

/// Where task folders are made. Nothing is made before a task asks for its folder.
///
/// Folders are removed by a thread of their own: that may take long, and the last
/// one to hold a task's files is mostly the control thread.
#[derive(Debug, Clone)]
pub(crate) struct FilesRoot {
    root: Arc<Root>,
    transfers: Option<Transfers>,
}

#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    owner: Owner,
    claim: Arc<Mutex<Option<Claim>>>,
    tasks: AtomicU64,
    broom: mpsc::Sender<Chore>,
    trouble: Arc<Trouble>,
}

enum Chore {
    Remove(PathBuf),
    /// Say when all before this is done.
    Tell {
        who: oneshot::Sender<()>,
        /// Remove the folder of the process before, unless a task is left in it.
        close: bool,
    },
}

impl FilesRoot {
    /// Begins by looking whether files can be written there, and by removing what
    /// processes that are gone have left, but for the folders of these tasks, whose
    /// results are not delivered yet: they are ours now.
    ///
    /// A folder that cannot be used is told and left alone; tasks without files do not
    /// need it.
    pub(crate) fn start(
        root: &Path,
        owner: Owner,
        transfers: Option<Transfers>,
        keep: &[TaskId],
    ) -> (Self, Vec<(TaskId, TaskFiles)>) {
        // A handler may change the working directory, and names paths to others.
        let path = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let claim = Arc::default();
        let (broom, chores) = mpsc::channel();
        let trouble = Arc::<Trouble>::default();
        let (at, us, ours) = (path.clone(), owner.clone(), Arc::clone(&claim));
        let watch = Arc::clone(&trouble);
        let root = Arc::new(Root {
            path,
            owner,
            claim,
            tasks: AtomicU64::new(0),
            broom,
            trouble,
        });
        let kept = root.adopt(keep);
        let started = thread::Builder::new()
            .name("axon-files".to_owned())
            .spawn(move || {
                if watch.noted_at_start(owned_dir::ensure(&at)).is_ok() {
                    sweep(&at, &us);
                }
                clear_up(&chores, &ours);
            });
        if let Err(error) = started {
            warn!(%error, "no thread for removing task folders");
        }
        (Self { root, transfers }, kept)
    }

    /// The folder of a task, which does not exist yet. No other task gets the same,
    /// whatever its id is.
    pub(crate) fn of_task(&self, task: &Task, cancellation: &Cancellation) -> TaskFiles {
        let link = self.transfers.as_ref().map(|transfers| {
            Link::new(
                transfers.clone(),
                cancellation.clone(),
                task.id.clone(),
                task.job_id.clone(),
            )
        });
        let name = self.root.name_for(&task.id);
        TaskFiles::new(Arc::clone(&self.root), name, link)
    }

    /// Follows what tasks had of the disk below.
    pub(crate) fn watch_failures(&self) -> watch::Receiver<Failures> {
        self.root.trouble().watch()
    }

    #[cfg(test)]
    pub(super) fn path(&self) -> &Path {
        &self.root.path
    }

    #[cfg(test)]
    pub(super) fn trouble(&self) -> &Trouble {
        self.root.trouble()
    }

    /// Waits until everything that was let go of is removed.
    #[cfg(test)]
    pub(crate) async fn settled(&self, within: Duration) {
        self.wait(false, within).await;
    }

    /// Waits until called-off transfers have ended and all folders are removed, but for
    /// those of tasks whose handlers do not let go, and not for long.
    pub(crate) async fn close(&self, within: Duration) {
        if let Some(transfers) = &self.transfers {
            transfers.settled(within).await;
        }
        if self.root.is_used() {
            self.wait(true, within).await;
        }
    }

    async fn wait(&self, close: bool, within: Duration) {
        let (who, told) = oneshot::channel();
        if self.root.broom.send(Chore::Tell { who, close }).is_ok() {
            let _ = tokio::time::timeout(within, told).await;
        }
    }
}

impl Root {
    /// What no other task has; the name of the folder is made of it.
    fn name_for(&self, id: &TaskId) -> (u64, TaskId) {
        let number = self.tasks.fetch_add(1, Ordering::Relaxed) + 1;
        (number, id.clone())
    }

    /// The folders that processes before this one left for these tasks, now ours.
    fn adopt(self: &Arc<Self>, tasks: &[TaskId]) -> Vec<(TaskId, TaskFiles)> {
        // Nobody else can have put anything into a folder that is ours alone.
        if tasks.is_empty()
            || self
                .trouble
                .noted_at_start(owned_dir::ensure(&self.path))
                .is_err()
        {
            return Vec::new();
        }
        let mut adopted = Vec::new();
        for left in claim::abandoned(&self.path, &self.owner) {
            let Ok(entries) = std::fs::read_dir(&left.folder) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let id = name.to_str().and_then(|name| Some(name.split_once('-')?.1));
                let is_kept = |task: &&TaskId| id == Some(task.as_str());
                let Some(id) = tasks.iter().find(is_kept) else {
                    continue;
                };
                let files = TaskFiles::new(Arc::clone(self), self.name_for(id), None);
                match files.move_in(&entry.path()) {
                    Ok(()) => adopted.push((id.clone(), files)),
                    Err(error) => warn!(task_id = %id, %error, "a task folder was not kept"),
                }
            }
        }
        adopted
    }

    /// The folder of this process, made if it does not exist, or does no longer: what
    /// keeps `/tmp` tidy may have removed it. Blocks.
    pub(super) fn folder(&self) -> io::Result<PathBuf> {
        let mut claim = self.claim.lock().unwrap_or_else(PoisonError::into_inner);
        let claim = match &mut *claim {
            Some(claim) if claim.folder.is_dir() => claim,
            none => none.insert(Claim::make(&self.path, &self.owner)?),
        };
        Ok(claim.folder.clone())
    }

    pub(super) fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// Whether any task had a folder.
    fn is_used(&self) -> bool {
        let claim = self.claim.lock();
        claim.unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Removes a task's folder, without waiting for it.
    pub(super) fn let_go(&self, folder: PathBuf) {
        // Without that thread it is done here.
        if let Err(mpsc::SendError(Chore::Remove(folder))) = self.broom.send(Chore::Remove(folder))
        {
            remove(&folder);
        }
    }
}

fn sweep(root: &Path, us: &Owner) {
    for left in claim::abandoned(root, us) {
        let folder = left.folder.clone();
        match left.remove() {
            Ok(()) => debug!(folder = %folder.display(), "removed what a process left behind"),
            Err(error) => {
                warn!(folder = %folder.display(), %error, "what a process left behind stays");
            }
        }
    }
}

fn clear_up(chores: &mpsc::Receiver<Chore>, claim: &Mutex<Option<Claim>>) {
    while let Ok(chore) = chores.recv() {
        match chore {
            Chore::Remove(folder) => remove(&folder),
            Chore::Tell { who, close } => {
                if close {
                    give_up(claim);
                }
                let _ = who.send(());
            }
        }
    }
    give_up(claim);
}

fn give_up(claim: &Mutex<Option<Claim>>) {
    let mut claim = claim.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(claim) = claim.take_if(|claim| claim.is_empty())
        && let Err(error) = claim.remove_if_empty()
    {
        debug!(%error, "the folder of this process stays");
    }
}

fn remove(folder: &Path) {
    if let Err(error) = remove_all(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        warn!(folder = %folder.display(), %error, "a task folder was not removed");
    }
}
