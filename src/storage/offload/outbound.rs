//! Results: every text that is the path of something in the task's folder, at any
//! depth, is uploaded and replaced by its `s3://` URI.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, TryStreamExt, stream};
use tracing::debug;

use super::metadata::Told;
use super::{AT_ONCE, Stop, scan};
use crate::json::RawJson;
use crate::storage::{StoredFile, TaskFiles};
use crate::task::{ErrorCode, Reply, TaskError};

/// A text that is an absolute path, and perhaps one of ours.
#[derive(Debug)]
struct Candidate {
    span: Range<usize>,
    key_path: String,
    path: PathBuf,
}

/// Where the values stand that name a file: in the text, and by key path.
type Values = Vec<(Range<usize>, String)>;

/// A file or folder to upload, and the values that name it.
#[derive(Debug)]
struct Upload {
    real: PathBuf,
    is_folder: bool,
    values: Values,
}

/// Uploads what the reply names. Data that names nothing is handed on as it is.
pub(crate) async fn carry_out(reply: Reply, files: &TaskFiles) -> Result<Reply, Stop> {
    let Some(link) = files.link() else {
        return Ok(reply);
    };
    if !files.is_made() {
        return Ok(reply);
    }
    let candidates = candidates(reply.data())?;
    if candidates.is_empty() {
        return Ok(reply);
    }
    let found = files.off_thread(|files| Ok(inside(candidates, files)));
    let uploads = found.await.map_err(|error| internal(&error))?;
    if uploads.is_empty() {
        return Ok(reply);
    }
    debug!(files = uploads.len(), "uploading what the result names");
    let store = async |upload: Upload| {
        let stored = link.store(files, &upload.real, upload.is_folder).await;
        let stored = stored.map_err(|error| {
            let (_, first) = &upload.values[0];
            Stop::at(&format!("result `{first}`"), &error)
        })?;
        Ok::<_, Stop>((stored, upload.values))
    };
    let stored: Vec<(StoredFile, Values)> = stream::iter(uploads)
        .map(store)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    with_uris(&reply, stored)
}

fn candidates(data: &RawJson) -> Result<Vec<Candidate>, Stop> {
    let mut all = Vec::new();
    let wanted = |text: &str| Path::new(text).is_absolute();
    let scanned = scan::texts(data.as_str(), &wanted, |found, path| {
        all.push(Candidate {
            span: found.span,
            key_path: path.render(usize::MAX).unwrap_or_default(),
            path: PathBuf::from(found.text.into_owned()),
        });
    });
    scanned.map_err(|scan::TooDeep| {
        Stop::Failed(TaskError::permanent(format!(
            "the result is nested more than {} levels deep",
            super::MOST_NESTED
        )))
    })?;
    Ok(all)
}

/// Those that are in the task's folder, each once. Blocks.
fn inside(candidates: Vec<Candidate>, files: &TaskFiles) -> Vec<Upload> {
    let mut uploads: Vec<Upload> = Vec::new();
    let mut known: HashMap<PathBuf, usize> = HashMap::new();
    for Candidate {
        span,
        key_path,
        path,
    } in candidates
    {
        let Some(real) = files.resolve(&path) else {
            continue;
        };
        let Ok(about) = real.metadata() else { continue };
        if !about.is_dir() && !about.is_file() {
            continue;
        }
        let place = *known.entry(real.clone()).or_insert_with(|| {
            uploads.push(Upload {
                real,
                is_folder: about.is_dir(),
                values: Vec::new(),
            });
            uploads.len() - 1
        });
        uploads[place].values.push((span, key_path));
    }
    uploads
}

fn with_uris(reply: &Reply, stored: Vec<(StoredFile, Values)>) -> Result<Reply, Stop> {
    let stored: Vec<_> = stored
        .into_iter()
        .map(|(file, values)| (file.uri.to_string(), file, values))
        .collect();
    let mut changes = Vec::new();
    let mut metadata = BTreeMap::new();
    for (uri, file, values) in &stored {
        for (span, key_path) in values {
            changes.push((span.clone(), uri.as_str()));
            let told = Told {
                uri,
                size: file.size,
                etag: file.etag.as_deref(),
            };
            metadata.insert(key_path.as_str(), told);
        }
    }
    changes.sort_by_key(|(span, _)| span.start);
    let data = scan::replaced(reply.data().as_str(), &changes);
    let data = RawJson::from_bytes(data.into()).map_err(|error| internal(&error.into()))?;
    let metadata = RawJson::from_serialize(&metadata).map_err(|error| internal(&error.into()))?;
    Ok(reply.with_files(data, metadata))
}

fn internal(error: &io::Error) -> Stop {
    Stop::Failed(TaskError::new(ErrorCode::Internal, error.to_string()))
}
