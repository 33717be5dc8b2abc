//! The thread that does the work, and how others wait for it.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::storage::object::{ObjectUri, StorageError};
use crate::task::Cancellation;

/// Threads for reading and writing files.
const FILE_THREADS: usize = 8;
/// What called-off transfers have for cleaning up when all is over.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A runtime on a thread of its own. Ends when this is dropped.
#[derive(Debug)]
pub(super) struct StorageThread {
    runtime: Handle,
    tasks: TaskTracker,
    _end: oneshot::Sender<()>,
}

impl StorageThread {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name("axon-storage-file")
            .max_blocking_threads(FILE_THREADS)
            .build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let tasks = TaskTracker::new();
        let last = tasks.clone();
        std::thread::Builder::new()
            .name("axon-storage".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let _ = ended.await;
                    last.close();
                    let _ = tokio::time::timeout(LAST_WORDS, last.wait()).await;
                });
                runtime.shutdown_background();
            })?;
        Ok(Self {
            runtime: handle,
            tasks,
            _end: end,
        })
    }

    /// Does the work there, until it is done, called off, or this future is dropped.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        uri: &ObjectUri,
        cancel: &Cancellation,
        work: impl Future<Output = Result<T, StorageError>> + Send + 'static,
    ) -> Result<T, StorageError> {
        let called_off = || StorageError::Cancelled { uri: uri.clone() };
        if cancel.is_cancelled() {
            return Err(called_off());
        }
        let mut task = Running(self.tasks.spawn_on(work, &self.runtime));
        tokio::select! {
            biased;
            done = &mut task.0 => match done {
                Ok(result) => result,
                Err(error) if error.is_cancelled() => Err(called_off()),
                Err(_) => Err(StorageError::unavailable(uri, "the storage code panicked")),
            },
            () = cancel.cancelled() => {
                task.0.abort();
                // So that nothing of it is left in the task's folder.
                let _ = (&mut task.0).await;
                Err(called_off())
            }
        }
    }

    /// Work that is done to its end, whoever waits for it.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tasks.spawn_on(work, &self.runtime)
    }

    pub(super) async fn settled(&self) {
        // `wait` needs a closed tracker; new tasks are taken nevertheless.
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}

struct Running<T>(JoinHandle<T>);

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
