//! Files of tasks, the object storage and its cache.

use super::{SOME_SECONDS, Variable, whole};
use crate::config::draft::Draft;
use crate::config::kind::Kind;
use crate::config::{BlobCacheMode, S3Addressing, S3Checksum};

const CACHE_MODES: Kind = Kind::OneOf(&["auto", "link", "copy"]);
const ADDRESSINGS: Kind = Kind::OneOf(&["path", "virtual"]);
const CHECKSUMS: Kind = Kind::OneOf(&["auto", "md5"]);

fn task_files(draft: &mut Draft, text: String) {
    draft.settings.storage.task_files_dir = text.into();
}

fn mib(count: u32) -> u64 {
    u64::from(count) * 1024 * 1024
}

pub(super) const FILES: &[Variable] = table! {
    "TASK_FILES_DIR" "storage.task_files_dir" "/tmp/payloads" Kind::Path
        => Text task_files,
        "Folder of the task folders; of the worker's user alone.";
    "WORKER_PAYLOAD_DIR" "storage.task_files_dir" "/tmp/payloads" Kind::Path
        => Text task_files,
        "The older name of the same; `TASK_FILES_DIR` wins.";
    "AXON_MIN_FREE_DISK" "storage.min_free_disk" "0" Kind::Bytes
        => Bytes |d, v| d.settings.storage.min_free_disk = v,
        "With less room than this on the disks of the task folders and the journal the worker takes no more tasks; 0 asks for none.";
    "S3_ENDPOINT_URL" "storage.endpoint_url" "(none)" Kind::Url
        => Text |d, v| d.settings.storage.endpoint_url = Some(v),
        "Object storage; it is off without this.";
    "S3_ACCESS_KEY" "storage.access_key" "(none)" Kind::Secret
        => Secret |d, v| d.settings.storage.access_key = Some(v),
        "Access key of the object storage.";
    "S3_SECRET_KEY" "storage.secret_key" "(none)" Kind::Key
        => Secret |d, v| d.settings.storage.secret_key = Some(v),
        "Secret key of the object storage.";
    "S3_SESSION_TOKEN" "storage.session_token" "(none)" Kind::Secret
        => Secret |d, v| d.settings.storage.session_token = Some(v),
        "Session token of these two keys, where they are temporary.";
    "S3_DEFAULT_BUCKET" "storage.default_bucket" "avtomatika-payloads" Kind::Text
        => Text |d, v| d.settings.storage.default_bucket = v,
        "Bucket that results are uploaded to.";
    "S3_REGION" "storage.region" "us-east-1" Kind::Text
        => Text |d, v| d.settings.storage.region = v,
        "Region of the object storage.";
    "S3_ADDRESSING" "storage.addressing" "path" ADDRESSINGS
        => Choice |d, n| d.settings.storage.addressing =
            [S3Addressing::Path, S3Addressing::Virtual][n],
        "Where the bucket stands in addresses: `path` is `http://host/bucket/key`, `virtual` is `http://bucket.host/key`.";
    "S3_CHECKSUM" "storage.checksum" "auto" CHECKSUMS
        => Choice |d, n| d.settings.storage.checksum = [S3Checksum::Auto, S3Checksum::Md5][n],
        "Uploads carry `Content-MD5`: `md5` always, `auto` as soon as a bucket asks for it (object lock).";
    "AXON_STORAGE_DIR" "storage.local_root" "(none)" Kind::Path
        => Text |d, v| d.settings.storage.local_root = Some(v.into()),
        "Folder that stands in for object storage, one folder inside per bucket; `S3_ENDPOINT_URL` wins.";
    "AXON_STORAGE_PARALLEL" "storage.parallel" "16" whole(1, 256)
        => Size |d, v| d.settings.storage.parallel = v,
        "The most requests to the object storage at once.";
    "AXON_STORAGE_PART_MIB" "storage.part_mib" "8" whole(5, 5120)
        => U32 |d, v| d.settings.storage.part_size = mib(v),
        "Size of the parts that large files are uploaded in, in MiB; files up to twice as large go as one.";
    "AXON_STORAGE_STALL_TIMEOUT" "storage.stall_timeout" "60" SOME_SECONDS
        => Seconds |d, v| d.settings.storage.stall_timeout = v,
        "A request during which no byte moves for this long has failed.";
    "AXON_STORAGE_MAX_RETRIES" "storage.max_retries" "5" whole(0, 1000)
        => U32 |d, v| d.settings.storage.max_retries = v,
        "How often a request is tried again without getting on.";
    "WORKER_BLOB_CACHE_DIR" "storage.blob_cache_dir" "(none)" Kind::Path
        => Text |d, v| d.settings.storage.blob_cache_dir = Some(v.into()),
        "Folder where downloaded objects are kept for other tasks; several workers of one user may share it.";
    "AXON_BLOB_CACHE_MIB" "storage.blob_cache_mib" "10240" whole(1, 1_000_000_000)
        => U32 |d, v| d.settings.storage.blob_cache_bytes = mib(v),
        "What that folder may hold, in MiB; what was not used for longest goes first.";
    "AXON_BLOB_CACHE_MODE" "storage.blob_cache_mode" "auto" CACHE_MODES
        => Choice |d, n| d.settings.storage.blob_cache_mode =
            [BlobCacheMode::Auto, BlobCacheMode::Link, BlobCacheMode::Copy][n],
        "How a task gets a cached file: `copy` to write to, `link` to read only, `auto` what is safe and fastest here.";
};
