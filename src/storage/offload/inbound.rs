//! Parameters: every text that begins with `s3://`, at any depth, is downloaded and
//! replaced by the local path.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use tracing::{debug, warn};

use super::metadata::Announced;
use super::places::Places;
use super::{AT_ONCE, Stop, scan};
use crate::json::RawJson;
use crate::storage::TaskFiles;
use crate::storage::object::{Expected, ObjectUri, StorageError, opaque_etag, safe_name};
use crate::task::{ErrorCode, TaskError};

/// Key paths in error messages are cut off here.
const MOST_OF_A_PATH: usize = 200;

/// What is to be downloaded, and where it stands in the parameters.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The values in their order, each with the number of its object.
    values: Vec<(Range<usize>, usize)>,
    objects: Vec<Object>,
}

#[derive(Debug)]
struct Object {
    uri: ObjectUri,
    expected: Expected,
    /// The name in the task's folder.
    name: String,
    /// The first value that names it, for messages.
    field: String,
}

#[cfg(any(test, fuzzing))]
impl Plan {
    /// The names in the task's folder.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.objects.iter().map(|object| object.name.as_str())
    }
}

/// Downloads what the parameters name. Without `s3://` in them they are handed on as
/// they are, and so they are without a storage.
pub(crate) async fn bring_in(
    params: RawJson,
    metadata: Option<&RawJson>,
    files: &TaskFiles,
) -> Result<RawJson, Stop> {
    if !may_name_objects(params.as_str()) {
        return Ok(params);
    }
    let plan = plan_of(&params, metadata)?;
    if plan.objects.is_empty() {
        return Ok(params);
    }
    let Some(link) = files.link() else {
        warn_once();
        return Ok(params);
    };
    debug!(
        objects = plan.objects.len(),
        "downloading what the parameters name"
    );
    let fetch = async |(place, object): (usize, &Object)| {
        let at = |error: &StorageError| Stop::at(&object.field, error);
        let to = files.path_to(&object.name).await;
        let to = to.map_err(|error| at(&StorageError::io(&object.name)(error)))?;
        let fetched = link.fetch(&object.uri, &to, &object.expected).await;
        fetched.map_err(|error| {
            files.note(&error);
            at(&error)
        })?;
        Ok::<_, Stop>((place, to))
    };
    let fetched: HashMap<usize, PathBuf> = stream::iter(plan.objects.iter().enumerate())
        .map(fetch)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let mut changes = Vec::with_capacity(plan.values.len());
    for (span, place) in plan.values {
        let path = fetched.get(&place).and_then(|path| path.to_str());
        let path = path.ok_or_else(|| {
            let text = "the path of the task's folder is not UTF-8 (TASK_FILES_DIR)";
            Stop::Failed(TaskError::new(ErrorCode::Internal, text))
        })?;
        changes.push((span, path));
    }
    RawJson::from_bytes(scan::replaced(params.as_str(), &changes).into())
        .map_err(|error| Stop::Failed(TaskError::new(ErrorCode::Internal, error.to_string())))
}

/// A quick look, which finds every text that begins with `s3://`, escaped or not, and
/// some more.
fn may_name_objects(json: &str) -> bool {
    let has_escapes = || json.contains('\\');
    json.contains(ObjectUri::SCHEME)
        || has_escapes() && (json.contains("\\/") || json.contains("\\u00"))
}

/// Finds what is to be downloaded.
pub(crate) fn plan_of(params: &RawJson, metadata: Option<&RawJson>) -> Result<Plan, Stop> {
    // Only read when something is found.
    let mut announced = None;
    let mut plan = Plan::default();
    let mut known: HashMap<ObjectUri, usize> = HashMap::new();
    let mut places = Places::default();
    let mut failure = None;
    let wanted = |text: &str| text.starts_with(ObjectUri::SCHEME);
    let scanned = scan::texts(params.as_str(), &wanted, |found, path| {
        if failure.is_some() {
            return;
        }
        let field = || match path.render(MOST_OF_A_PATH).as_deref() {
            Some("") => "the parameters".to_owned(),
            Some(path) => format!("field `{path}`"),
            None => "a field far down".to_owned(),
        };
        let uri = match ObjectUri::parse(&found.text) {
            Ok(uri) => uri,
            Err(error) => return failure = Some(Stop::at(&field(), &error)),
        };
        let announced = announced.get_or_insert_with(|| Announced::read(metadata));
        let expected = match path.render(announced.longest()) {
            Some(path) if !announced.is_empty() => announced.of(&path, &uri),
            _ => Expected::default(),
        };
        let place = match known.get(&uri) {
            Some(place) => *place,
            None => {
                let name = match safe_name(&uri) {
                    Ok(name) => places.give(&name),
                    Err(error) => return failure = Some(Stop::at(&field(), &error)),
                };
                known.insert(uri.clone(), plan.objects.len());
                plan.objects.push(Object {
                    name,
                    expected: Expected::default(),
                    field: field(),
                    uri,
                });
                plan.objects.len() - 1
            }
        };
        if let Err(what) = merge(&mut plan.objects[place].expected, expected) {
            let text = format!("{}: announced with another {what} than before", field());
            let error = TaskError::new(ErrorCode::IntegrityMismatch, text);
            return failure = Some(Stop::Failed(error));
        }
        plan.values.push((found.span, place));
    });
    match (failure, scanned) {
        (Some(stop), _) => Err(stop),
        (None, Err(scan::TooDeep)) => Err(Stop::Failed(TaskError::invalid_input(format!(
            "the parameters are nested more than {} levels deep",
            super::MOST_NESTED
        )))),
        (None, Ok(())) => Ok(plan),
    }
}

/// One object has one size and one mark, wherever it is named.
fn merge(known: &mut Expected, more: Expected) -> Result<(), &'static str> {
    if known.size.is_some() && more.size.is_some() && known.size != more.size {
        return Err("size");
    }
    if let (Some(one), Some(other)) = (&known.etag, &more.etag)
        && opaque_etag(one) != opaque_etag(other)
    {
        return Err("ETag");
    }
    known.size = known.size.or(more.size);
    known.etag = known.etag.take().or(more.etag);
    Ok(())
}

fn warn_once() {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        warn!(
            "parameters name s3:// objects, but no object storage is configured: they reach handlers as they are"
        );
    }
}
