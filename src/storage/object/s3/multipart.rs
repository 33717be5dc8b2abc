//! Large objects, part by part.

use std::collections::HashMap;

use s3::serde_types::Part as DonePart;
use s3::signing::uri_encode;

use super::answer::{Failure, failed, tag};
use super::{Credentials, S3Store, etag_of};
use crate::storage::object::{Multipart, ObjectUri, Part, Source, StorageError, StoreFuture, etag};

impl Multipart for S3Store {
    fn begin<'a>(&'a self, to: &'a ObjectUri) -> StoreFuture<'a, String> {
        signed!(self, to, |keys| {
            let bucket = self.object(to, keys)?;
            let begun = bucket
                .initiate_multipart_upload(to.key(), "application/octet-stream")
                .await
                .map_err(failed(to))?;
            Ok(begun.upload_id)
        })
    }

    fn put_part<'a>(
        &'a self,
        from: &'a Source,
        part: &'a Part,
        to: &'a ObjectUri,
        upload: &'a str,
    ) -> StoreFuture<'a, String> {
        signed!(self, to, |keys| {
            let bucket = self.object(to, keys)?;
            let query = HashMap::from([
                ("partNumber".to_owned(), part.number.to_string()),
                ("uploadId".to_owned(), upload.to_owned()),
            ]);
            let bytes = part.bytes.clone();
            let answer = self
                .send_body(&bucket, from, bytes, to, Some(query))
                .await?;
            etag_of(&answer)
                .ok_or_else(|| StorageError::unavailable(to, "a part has no ETag").into())
        })
    }

    fn finish<'a>(
        &'a self,
        to: &'a ObjectUri,
        upload: &'a str,
        etags: &'a [String],
    ) -> StoreFuture<'a, Option<String>> {
        signed!(self, to, |keys| {
            let bucket = self.object(to, keys)?;
            let parts = (1..).zip(etags).map(|(part_number, etag)| DonePart {
                part_number,
                // What the storage itself gave, though a proxy may have weakened it.
                etag: etag::opaque(etag).to_owned(),
            });
            let answer = bucket
                .complete_multipart_upload(to.key(), &escaped(upload), parts.collect())
                .await
                .map_err(failed(to))?;
            let text = String::from_utf8_lossy(answer.as_slice());
            let etag = tag(&text, "ETag").map(|etag| etag.replace("&quot;", "\""));
            Ok(etag.map(|etag| etag::read(&etag.replace("&#34;", "\""))))
        })
    }

    fn abort<'a>(&'a self, to: &'a ObjectUri, upload: &'a str) -> StoreFuture<'a, ()> {
        signed!(self, to, |keys| {
            let bucket = self.object(to, keys)?;
            match bucket
                .abort_upload(to.key(), &escaped(upload))
                .await
                .map_err(failed(to))
            {
                Err(failure) if !failure.is_not_found() => Err(failure),
                _ => Ok(()),
            }
        })
    }
}

/// The library puts the id of an upload into addresses as it is.
fn escaped(upload: &str) -> String {
    uri_encode(upload, true)
}
