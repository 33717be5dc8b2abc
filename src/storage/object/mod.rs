//! Objects in a storage, and moving them from and to local files.
//!
//! [`ObjectStore`] is the seam: one attempt at one request, no retries, no limits. S3
//! and a local folder implement it. [`Transfers`] is what the worker uses: it adds
//! retries, resuming, limits, checks, cancelling, a cache and news, on a thread of its own.

mod cache;
mod error;
mod etag;
mod key;
mod local;
mod meter;
#[cfg(feature = "s3")]
mod s3;
mod sink;
mod source;
mod store;
#[cfg(test)]
mod tests;
mod transfers;
mod uri;

pub use error::StorageError;
pub(crate) use etag::opaque as opaque_etag;
pub use key::{FolderPlan, safe_name};
pub use local::LocalStore;
pub use meter::{Direction, TransferCounts, TransferEvent, TransferEvents, TransferId};
#[cfg(feature = "s3")]
pub use s3::S3Store;
pub use sink::Sink;
pub use source::Source;
pub use store::{
    Expected, FolderInfo, ListedObject, Multipart, ObjectInfo, ObjectStore, Page, Part, StoreFuture,
};
pub use transfers::{TransferLimits, Transfers, s3_config_hash};
pub use uri::ObjectUri;
