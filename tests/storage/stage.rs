//! A server, transfers over it, and a folder.

use std::path::PathBuf;
use std::time::Duration;

use axon_worker::Cancellation;
use axon_worker::config::{BlobCacheMode, StorageSettings, Token};
use axon_worker::storage::{
    Expected, FolderInfo, ObjectInfo, ObjectUri, S3Store, StorageError, TransferLimits, Transfers,
};
use bytes::Bytes;

use crate::server::{ACCESS_KEY, SECRET_KEY, Server};

pub struct Stage {
    pub server: Server,
    pub transfers: Transfers,
    pub dir: tempfile::TempDir,
    pub cancel: Cancellation,
}

pub fn settings(server: &Server) -> StorageSettings {
    let mut settings = StorageSettings::default();
    settings.endpoint_url = Some(server.url());
    settings.access_key = Some(Token::from(ACCESS_KEY));
    settings.secret_key = Some(Token::from(SECRET_KEY));
    settings
}

/// Quick retries, small parts.
pub fn limits() -> TransferLimits {
    let mut limits = TransferLimits::default();
    limits.retry_delay = Duration::from_millis(5);
    limits.part_size = 5 * 1024 * 1024;
    limits
}

pub fn stage() -> Stage {
    stage_with(limits())
}

/// With a cache beside the folder.
pub fn cached(mode: BlobCacheMode, most: u64) -> Stage {
    let mut stage = stage();
    stage.transfers = stage.other_worker(mode, most);
    stage
}

pub fn stage_with(limits: TransferLimits) -> Stage {
    let server = Server::start();
    let store = S3Store::new(&settings(&server)).unwrap();
    Stage {
        transfers: Transfers::new(store, "results", limits),
        server,
        dir: tempfile::tempdir().unwrap(),
        cancel: Cancellation::new(),
    }
}

/// Bytes that are different everywhere.
pub fn content(size: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes.into()
}

impl Stage {
    /// Transfers with the same cache and nothing else in common.
    pub fn other_worker(&self, mode: BlobCacheMode, most: u64) -> Transfers {
        let mut settings = settings(&self.server);
        settings.blob_cache_dir = Some(self.path("cache"));
        settings.blob_cache_bytes = most;
        settings.blob_cache_mode = mode;
        let store = S3Store::new(&settings).unwrap();
        Transfers::new(store, "results", limits()).with_cache(&settings, "here")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn object(&self, key: &str, content: impl Into<Bytes>) {
        self.server.memory.put("in-bucket", key, content);
    }

    pub async fn fetch(&self, key: &str) -> Result<Vec<u8>, StorageError> {
        self.fetch_as(key, &Expected::default()).await
    }

    pub async fn fetch_as(&self, key: &str, expect: &Expected) -> Result<Vec<u8>, StorageError> {
        let (uri, to) = (uri(key), self.path("fetched"));
        let _ = std::fs::remove_file(&to);
        let result = self.transfers.fetch(&uri, &to, expect, &self.cancel).await;
        assert_eq!(self.leftovers(), 0);
        match result {
            Ok(info) => {
                let content = std::fs::read(&to).unwrap();
                assert_eq!(info.size, content.len() as u64);
                Ok(content)
            }
            Err(error) => {
                assert!(!to.exists(), "nothing half may be there");
                Err(error)
            }
        }
    }

    pub async fn store(&self, key: &str, content: &[u8]) -> Result<ObjectInfo, StorageError> {
        let path = self.file("to-store", content);
        self.transfers.store(&path, &uri(key), &self.cancel).await
    }

    pub async fn fetch_folder(&self, prefix: &str) -> Result<FolderInfo, StorageError> {
        let folder = ObjectUri::parse(&format!("s3://in-bucket/{prefix}")).unwrap();
        let to = self.path("folder");
        self.transfers
            .fetch_folder(&folder, &to, &self.cancel)
            .await
    }

    /// Files of transfers that did not end.
    pub fn leftovers(&self) -> usize {
        let names = std::fs::read_dir(self.dir.path()).unwrap();
        names
            .filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_string_lossy().ends_with(".part")
            })
            .count()
    }
}

pub fn uri(key: &str) -> ObjectUri {
    ObjectUri::new("in-bucket", key)
}
