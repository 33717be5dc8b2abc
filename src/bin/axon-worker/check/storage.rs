//! The object storage: a small object under a name that nobody else has is put, read,
//! listed and deleted.

use std::path::PathBuf;
use std::time::Duration;

use axon_worker::Cancellation;
use axon_worker::config::{Settings, StorageSettings};
use axon_worker::storage::{Expected, ObjectUri, StorageError, Transfers};

use tokio::time::timeout;

use super::finding::{Notes, Opinion};
use super::{judge, reach};

/// What the object holds.
const CONTENT: &[u8] = b"written by axon-worker check; may be deleted\n";

/// What the storage is called; `None` without one.
pub(super) fn name(settings: &StorageSettings) -> Option<String> {
    match (&settings.endpoint_url, &settings.local_root) {
        (Some(url), _) => Some(format!("storage {url}")),
        (None, Some(folder)) => Some(format!("storage {}", folder.display())),
        (None, None) => None,
    }
}

/// `within` is the bound of the probe; it leaves some of it for clearing up.
pub(super) async fn probe(notes: &Notes, settings: &Settings, within: Duration) {
    // Somebody waits for the answer: one attempt each, and nothing from a cache.
    let mut storage = settings.storage.clone();
    storage.max_retries = 0;
    storage.blob_cache_dir = None;
    if let Some(url) = &storage.endpoint_url
        && reach::route(notes, url).is_none()
    {
        return;
    }
    notes.look("setup");
    let transfers = match Transfers::from_settings(&storage) {
        Ok(Some(transfers)) => transfers,
        Ok(None) => return,
        Err(error) => {
            notes.found(judge::storage("not usable", &error));
            return;
        }
    };
    let folder = match tempfile_folder() {
        Ok(folder) => folder,
        Err(error) => {
            let hint = "the folder for temporary files must be writable (TMPDIR)";
            notes.found(Opinion::fail(error.to_string(), hint));
            return;
        }
    };
    let prefix = format!("axon-worker-check-{:032x}", fastrand::u128(..));
    let object = ObjectUri::new(transfers.default_bucket(), format!("{prefix}/object"));
    let is_local = storage.endpoint_url.is_none();
    let root = storage.local_root.filter(|_| is_local);
    let local = root.map(|root| root.join(object.bucket()).join(&prefix));
    let trial = Trial {
        transfers,
        object,
        prefix,
        folder,
        local,
    };
    let looking = timeout(within * 3 / 4, trial.run(notes));
    let put = looking.await.unwrap_or_else(|_| {
        let hint =
            "is S3_ENDPOINT_URL right, does the storage run, and does nothing stand between?";
        notes.found(Opinion::fail("no answer in time", hint));
        Put::Perhaps
    });
    trial.clear_up(notes, put).await;
}

/// A folder that goes with its owner.
struct Scratch(std::path::PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is small and in the folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tempfile_folder() -> std::io::Result<Scratch> {
    let name = format!("axon-worker-check-{:032x}", fastrand::u128(..));
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder)?;
    Ok(Scratch(folder))
}

/// Whether there is an object to be deleted.
#[derive(Debug, Clone, Copy)]
enum Put {
    Surely,
    Perhaps,
    Not,
}

struct Trial {
    transfers: Transfers,
    object: ObjectUri,
    prefix: String,
    folder: Scratch,
    /// Where the prefix is a folder, which does not go with its last object.
    local: Option<PathBuf>,
}

impl Trial {
    async fn run(&self, notes: &Notes) -> Put {
        notes.look("put");
        let bucket = self.object.bucket();
        match self.put().await {
            Ok(()) => notes.found(Opinion::ok(format!("put into bucket {bucket}"))),
            Err(error) => {
                notes.found(judge::storage("an object cannot be put", &error));
                return if error.is_retryable() {
                    Put::Perhaps
                } else {
                    Put::Not
                };
            }
        };
        notes.look("get");
        notes.found(match self.get().await {
            Ok(true) => Opinion::ok("it reads the same"),
            Ok(false) => Opinion::fail(
                "what was read is not what was put",
                "something between this machine and the storage changes objects",
            ),
            Err(error) => judge::storage("it cannot be read", &error),
        });
        notes.look("list");
        notes.found(match self.list().await {
            Ok(1) => Opinion::ok("it is listed"),
            Ok(count) => Opinion::warn(
                format!("{count} objects are listed where there is one"),
                "tasks that name a prefix may miss objects that were just put",
            ),
            Err(error) => judge::storage("its prefix cannot be listed", &error),
        });
        Put::Surely
    }

    /// Deletes the object, if there may be one.
    async fn clear_up(&self, notes: &Notes, put: Put) {
        match put {
            Put::Not => return,
            Put::Perhaps => {
                // Where it fails too, nothing was put in all likelihood.
                let _ = self.delete().await;
                return;
            }
            Put::Surely => notes.look("delete"),
        }
        notes.found(match self.delete().await {
            Ok(()) => Opinion::ok("it is gone"),
            Err(error) => {
                let left = format!("{} is left behind, it cannot be deleted", self.object);
                judge::storage(&left, &error)
            }
        });
    }

    async fn put(&self) -> Result<(), StorageError> {
        let file = self.folder.0.join("out");
        let written = std::fs::write(&file, CONTENT);
        written.map_err(|error| StorageError::Io {
            path: file.clone(),
            error,
        })?;
        let stored = self.transfers.store(&file, &self.object, &never()).await;
        stored.map(drop)
    }

    async fn get(&self) -> Result<bool, StorageError> {
        let file = self.folder.0.join("in");
        let any = Expected::default();
        self.transfers
            .fetch(&self.object, &file, &any, &never())
            .await?;
        let read = std::fs::read(&file);
        Ok(read.is_ok_and(|content| content == CONTENT))
    }

    /// The objects below the prefix, which are listed to be fetched.
    async fn list(&self) -> Result<usize, StorageError> {
        let into = self.folder.0.join("folder");
        let prefix = ObjectUri::new(self.object.bucket(), format!("{}/", self.prefix));
        let fetched = self
            .transfers
            .fetch_folder(&prefix, &into, &never())
            .await?;
        Ok(fetched.objects)
    }

    async fn delete(&self) -> Result<(), StorageError> {
        self.transfers.delete(&self.object, &never()).await?;
        if let Some(folder) = &self.local {
            // An empty folder that stays is nobody's trouble.
            let _ = std::fs::remove_dir(folder);
        }
        Ok(())
    }
}

fn never() -> Cancellation {
    Cancellation::default()
}
