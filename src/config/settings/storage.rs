//! Files and object storage.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::Token;

/// Files and object storage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageSettings {
    /// `TASK_FILES_DIR`, else `WORKER_PAYLOAD_DIR`: folder of the task folders.
    pub task_files_dir: PathBuf,
    /// `AXON_MIN_FREE_DISK`: with less room than this, in bytes, no more tasks are taken.
    pub min_free_disk: u64,
    /// `S3_ENDPOINT_URL`; object storage is off without it.
    pub endpoint_url: Option<String>,
    /// `S3_ACCESS_KEY`.
    pub access_key: Option<StorageSecret>,
    /// `S3_SECRET_KEY`.
    pub secret_key: Option<StorageSecret>,
    /// `S3_SESSION_TOKEN`.
    pub session_token: Option<StorageSecret>,
    /// `S3_DEFAULT_BUCKET`.
    pub default_bucket: String,
    /// `S3_REGION`.
    pub region: String,
    /// `S3_ADDRESSING`.
    pub addressing: S3Addressing,
    /// `S3_CHECKSUM`.
    pub checksum: S3Checksum,
    /// `AXON_STORAGE_DIR`: a folder that stands in for object storage.
    pub local_root: Option<PathBuf>,
    /// `AXON_STORAGE_PARALLEL`: requests at once.
    pub parallel: usize,
    /// `AXON_STORAGE_PART_MIB`: size of the parts of large files, in bytes.
    pub part_size: u64,
    /// `AXON_STORAGE_STALL_TIMEOUT`: a request that stands still for this long has failed.
    pub stall_timeout: Duration,
    /// `AXON_STORAGE_MAX_RETRIES`: how often a request is tried again.
    pub max_retries: u32,
    /// `WORKER_BLOB_CACHE_DIR`: folder of objects that tasks share; none without it.
    pub blob_cache_dir: Option<PathBuf>,
    /// `AXON_BLOB_CACHE_MIB`: what the cache may hold, in bytes.
    pub blob_cache_bytes: u64,
    /// `AXON_BLOB_CACHE_MODE`.
    pub blob_cache_mode: BlobCacheMode,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            task_files_dir: PathBuf::from("/tmp/payloads"),
            min_free_disk: 0,
            endpoint_url: None,
            access_key: None,
            secret_key: None,
            session_token: None,
            default_bucket: "avtomatika-payloads".to_owned(),
            region: "us-east-1".to_owned(),
            addressing: S3Addressing::default(),
            checksum: S3Checksum::default(),
            local_root: None,
            parallel: 16,
            part_size: 8 * MIB,
            stall_timeout: Duration::from_mins(1),
            max_retries: 5,
            blob_cache_dir: None,
            blob_cache_bytes: 10_240 * MIB,
            blob_cache_mode: BlobCacheMode::default(),
        }
    }
}

/// Where the name of the bucket stands in the addresses of S3 objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum S3Addressing {
    /// In the path: `http://host/bucket/key`.
    #[default]
    Path,
    /// In the host: `http://bucket.host/key`.
    Virtual,
}

/// Whether uploads to S3 carry a digest of what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum S3Checksum {
    /// As soon as the bucket asks for one, as those with object lock do.
    #[default]
    Auto,
    /// Always, as `Content-MD5`.
    Md5,
}

/// How a task gets a file that is in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum BlobCacheMode {
    /// What is fastest and safe here: a clone where the file system can, a read-only
    /// link where permissions bind this process, else a copy.
    #[default]
    Auto,
    /// A read-only link to the cached file. A process that permissions do not bind
    /// (root) can write through it and harm other tasks.
    Link,
    /// A copy (or clone) of its own, which the task may write to.
    Copy,
}

/// A key of the object storage.
pub type StorageSecret = Token;

const MIB: u64 = 1024 * 1024;
