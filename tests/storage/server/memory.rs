//! Objects in memory.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

/// What is sent at once.
const CHUNK: usize = 64 * 1024;

#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<(String, String), Object_>,
    uploads: BTreeMap<String, BTreeMap<i32, (Vec<Bytes>, String)>>,
    begun: usize,
    last: usize,
}

#[derive(Clone)]
struct Object_ {
    pieces: Vec<Bytes>,
    size: u64,
    etag: String,
}

/// Not what S3 takes, but it depends on the content alone, and is quick.
fn mark(pieces: &[Bytes]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(size(pieces));
    for piece in pieces {
        hasher.write(&piece[..piece.len().min(64)]);
    }
    format!("{:016x}", hasher.finish())
}

fn size(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

impl Memory {
    pub fn put(&self, bucket: &str, key: &str, content: impl Into<Bytes>) {
        self.set(bucket, key, vec![content.into()]);
    }

    /// One piece again and again, which takes the memory of one.
    #[allow(dead_code, reason = "for programs that measure")]
    pub fn put_repeated(&self, bucket: &str, key: &str, piece: &Bytes, times: usize) {
        self.set(bucket, key, vec![piece.clone(); times]);
    }

    fn set(&self, bucket: &str, key: &str, pieces: Vec<Bytes>) -> String {
        let object = Object_ {
            size: size(&pieces),
            etag: mark(&pieces),
            pieces,
        };
        let etag = object.etag.clone();
        let key = (bucket.to_owned(), key.to_owned());
        self.0.lock().unwrap().objects.insert(key, object);
        etag
    }

    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        Some(self.find(bucket, key)?.pieces.concat())
    }

    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let state = self.0.lock().unwrap();
        let keys = state.objects.keys().filter(|(b, _)| b == bucket);
        keys.map(|(_, key)| key.clone()).collect()
    }

    /// Uploads in parts that are neither finished nor aborted.
    pub fn open_uploads(&self) -> usize {
        self.0.lock().unwrap().uploads.len()
    }

    /// Uploads in parts that ever began.
    pub fn begun_uploads(&self) -> usize {
        self.0.lock().unwrap().begun
    }

    fn find(&self, bucket: &str, key: &str) -> Option<Object_> {
        let key = (bucket.to_owned(), key.to_owned());
        self.0.lock().unwrap().objects.get(&key).cloned()
    }
}

/// This bucket takes nothing without its digest, as one with object lock.
#[allow(dead_code, reason = "not for all programs")]
pub const LOCKED: &str = "locked";

fn check_digest(bucket: &str, digest: Option<&str>, pieces: &[Bytes]) -> S3Result<()> {
    let Some(digest) = digest else {
        return match bucket {
            LOCKED => Err(s3_error!(
                InvalidRequest,
                "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters"
            )),
            _ => Ok(()),
        };
    };
    let mut found = md5::Context::new();
    pieces.iter().for_each(|piece| found.consume(piece));
    match STANDARD.encode(found.finalize().0) == digest {
        true => Ok(()),
        false => Err(s3_error!(BadDigest)),
    }
}

/// The content of this bucket is not kept.
pub const VOID: &str = "void";

async fn collect(
    body: Option<StreamingBlob>,
    length: Option<i64>,
    bucket: &str,
) -> S3Result<Vec<Bytes>> {
    let (mut pieces, mut size) = (Vec::new(), 0);
    if let Some(mut body) = body {
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|_| s3_error!(IncompleteBody))?;
            size += i64::try_from(piece.len()).unwrap();
            if bucket != VOID {
                pieces.push(piece);
            }
        }
    }
    match length {
        Some(length) if length != size => Err(s3_error!(IncompleteBody)),
        _ => Ok(pieces),
    }
}

/// The bytes of a range, in pieces that share memory with the object.
fn cut(pieces: &[Bytes], range: std::ops::Range<u64>) -> Vec<Bytes> {
    let (mut at, mut out) = (0, Vec::new());
    for piece in pieces {
        let end = at + piece.len() as u64;
        let from = range.start.clamp(at, end) - at;
        let to = range.end.clamp(at, end) - at;
        let mut rest = piece.slice(usize::try_from(from).unwrap()..usize::try_from(to).unwrap());
        while !rest.is_empty() {
            out.push(rest.split_to(rest.len().min(CHUNK)));
        }
        at = end;
    }
    out
}

#[async_trait::async_trait]
impl S3 for Memory {
    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let object = self.find(&input.bucket, &input.key);
        let object = object.ok_or_else(|| s3_error!(NoSuchKey))?;
        if let Some(ETagCondition::ETag(wanted)) = &input.if_match
            && wanted.value() != object.etag
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let range = match &input.range {
            Some(range) => range.check(object.size)?,
            None => 0..object.size,
        };
        let content_range = input
            .range
            .is_some()
            .then(|| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
        let length = i64::try_from(range.end - range.start).unwrap();
        let pieces = cut(&object.pieces, range)
            .into_iter()
            .map(Ok::<_, std::io::Error>);
        Ok(S3Response::new(GetObjectOutput {
            body: Some(StreamingBlob::wrap(stream::iter(pieces))),
            content_length: Some(length),
            content_range,
            e_tag: Some(ETag::Strong(object.etag)),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let object = self.find(&request.input.bucket, &request.input.key);
        let object = object.ok_or_else(|| s3_error!(NoSuchKey))?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(i64::try_from(object.size).unwrap()),
            e_tag: Some(ETag::Strong(object.etag)),
            ..Default::default()
        }))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let pieces = collect(input.body, input.content_length, &input.bucket).await?;
        check_digest(&input.bucket, input.content_md5.as_deref(), &pieces)?;
        let etag = self.set(&input.bucket, &input.key, pieces);
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(ETag::Strong(etag)),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let key = (request.input.bucket, request.input.key);
        self.0.lock().unwrap().objects.remove(&key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let most = usize::try_from(input.max_keys.unwrap_or(1000)).unwrap();
        let state = self.0.lock().unwrap();
        let after = input.continuation_token.clone();
        let mut found = state.objects.iter().filter(|((bucket, key), _)| {
            *bucket == input.bucket
                && key.starts_with(&prefix)
                && after.as_ref().is_none_or(|after| key > after)
        });
        let contents: Vec<Object> = found
            .by_ref()
            .take(most)
            .map(|((_, key), object)| Object {
                key: Some(key.clone()),
                size: Some(i64::try_from(object.size).unwrap()),
                e_tag: Some(ETag::Strong(object.etag.clone())),
                last_modified: Some(std::time::SystemTime::UNIX_EPOCH.into()),
                ..Default::default()
            })
            .collect();
        let has_more = found.next().is_some();
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(prefix),
            is_truncated: Some(has_more),
            next_continuation_token: contents
                .last()
                .and_then(|o| o.key.clone())
                .filter(|_| has_more),
            key_count: Some(i32::try_from(contents.len()).unwrap()),
            contents: Some(contents),
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let mut state = self.0.lock().unwrap();
        state.begun += 1;
        state.last += 1;
        // Whatever has a meaning in an address.
        let id = format!("u+{}/%2B =&#?ü", state.last);
        state.uploads.insert(id.clone(), BTreeMap::new());
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(request.input.bucket),
            key: Some(request.input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        let pieces = collect(input.body, input.content_length, &input.bucket).await?;
        check_digest(&input.bucket, input.content_md5.as_deref(), &pieces)?;
        let etag = mark(&pieces);
        let mut state = self.0.lock().unwrap();
        let upload = state.uploads.get_mut(&input.upload_id);
        let upload = upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
        upload.insert(input.part_number, (pieces, etag.clone()));
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let upload = self.0.lock().unwrap().uploads.remove(&input.upload_id);
        let parts = upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
        let named = input.multipart_upload.and_then(|upload| upload.parts);
        let mut pieces = Vec::new();
        for part in named.unwrap_or_default() {
            let number = part.part_number.unwrap_or_default();
            let stored = parts.get(&number).ok_or_else(|| s3_error!(InvalidPart))?;
            if part.e_tag.is_none_or(|etag| etag.value() != stored.1) {
                return Err(s3_error!(InvalidPart));
            }
            pieces.extend(stored.0.iter().cloned());
        }
        let etag = self.set(&input.bucket, &input.key, pieces);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(etag)),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let mut state = self.0.lock().unwrap();
        match state.uploads.remove(&request.input.upload_id) {
            Some(_) => Ok(S3Response::new(AbortMultipartUploadOutput::default())),
            None => Err(s3_error!(NoSuchUpload)),
        }
    }
}
