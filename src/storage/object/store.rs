//! What a storage must be able to do.

use std::fmt::Debug;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;

use super::{ObjectUri, Sink, Source, StorageError, etag};

/// The future of one request. Dropping it ends the request.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send + 'a>>;

/// What is known of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectInfo {
    /// Bytes.
    pub size: u64,
    /// The storage's own mark of the content, without quotes. A weak one, which does not
    /// stand for the bytes, is written `W/"x"`.
    pub etag: Option<String>,
}

/// What was moved with a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FolderInfo {
    /// How many objects.
    pub objects: usize,
    /// Their bytes, all told.
    pub size: u64,
    /// The `ETag` of the one whose key is last in order.
    pub last_etag: Option<String>,
}

/// What an object was announced to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    /// Bytes.
    pub size: Option<u64>,
    /// The mark; quotes around it, and whether it is weak, do not count.
    pub etag: Option<String>,
}

impl Expected {
    /// Whether an object is the announced one.
    ///
    /// # Errors
    /// [`StorageError::Mismatch`] otherwise.
    pub fn check(&self, uri: &ObjectUri, found: &ObjectInfo) -> Result<(), StorageError> {
        let mismatch = |what, expected, found| StorageError::Mismatch {
            uri: uri.clone(),
            what,
            expected,
            found,
        };
        if let Some(size) = self.size
            && size != found.size
        {
            return Err(mismatch("size", size.to_string(), found.size.to_string()));
        }
        if let (Some(expected), Some(found)) = (&self.etag, &found.etag)
            && etag::opaque(expected) != etag::opaque(found)
        {
            return Err(mismatch("ETag", expected.clone(), found.clone()));
        }
        Ok(())
    }
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The whole key.
    pub key: String,
    /// What is known of it.
    pub info: ObjectInfo,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The objects, in the storage's order.
    pub objects: Vec<ListedObject>,
    /// How to ask for the next part, if there is one.
    pub next: Option<String>,
}

/// Where objects are. **One attempt per call**: [`Transfers`](super::Transfers) tries
/// again, limits how much happens at once, watches that bytes move, and checks sizes.
///
/// All methods are called on the thread of the transfers and must not block it for
/// long. Their futures are dropped to call them off.
pub trait ObjectStore: Debug + Send + Sync + 'static {
    /// What is known of an object.
    fn stat<'a>(&'a self, at: &'a ObjectUri) -> StoreFuture<'a, ObjectInfo>;

    /// Objects whose key begins with `prefix`, at any depth: those from the beginning,
    /// or those after an earlier [`Page::next`].
    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> StoreFuture<'a, Page>;

    /// Reads an object, from [`Sink::offset`] to its end, and only if its mark is still
    /// [`Sink::if_match`], where there is one (else [`StorageError::Changed`]).
    /// Calls [`Sink::begin`] once, then [`Sink::write`] for all bytes.
    fn get<'a>(&'a self, from: &'a ObjectUri, sink: &'a mut Sink) -> StoreFuture<'a, ()>;

    /// Writes a whole file into an object, which appears complete or not at all.
    fn put<'a>(&'a self, from: &'a Source, to: &'a ObjectUri) -> StoreFuture<'a, ObjectInfo>;

    /// Deletes an object. None to delete is no error.
    fn delete<'a>(&'a self, at: &'a ObjectUri) -> StoreFuture<'a, ()>;

    /// How large files are written in parts, if the storage can.
    fn multipart(&self) -> Option<&dyn Multipart> {
        None
    }
}

/// Writing one object in parts that may fail and be repeated one by one.
pub trait Multipart: Send + Sync {
    /// Begins; returns the id of the upload.
    fn begin<'a>(&'a self, to: &'a ObjectUri) -> StoreFuture<'a, String>;

    /// Writes one part.
    fn put_part<'a>(
        &'a self,
        from: &'a Source,
        part: &'a Part,
        to: &'a ObjectUri,
        upload: &'a str,
    ) -> StoreFuture<'a, String>;

    /// Puts the parts together. `etags` are the answers of `put_part`, in order.
    fn finish<'a>(
        &'a self,
        to: &'a ObjectUri,
        upload: &'a str,
        etags: &'a [String],
    ) -> StoreFuture<'a, Option<String>>;

    /// Gives up: the storage forgets the parts. Repeating it is no error.
    fn abort<'a>(&'a self, to: &'a ObjectUri, upload: &'a str) -> StoreFuture<'a, ()>;
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: u32,
    /// Bytes of the file.
    pub bytes: Range<u64>,
}
