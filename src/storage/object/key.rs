//! From keys to local names. A key is any text; a name must stay in its folder.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{ObjectUri, StorageError};

/// Longer parts of a key are shortened. File systems take 255 bytes.
const LONGEST: usize = 200;

/// A local name for what a URI stands for: the last part of its key, `root` for a whole
/// bucket. Names that are too long are shortened and told apart by a digest.
///
/// # Errors
/// [`StorageError::UnsafeKey`] for `.`, `..` and names with a NUL.
pub fn safe_name(uri: &ObjectUri) -> Result<String, StorageError> {
    match uri.base_name() {
        "" => Ok("root".to_owned()),
        name => safe_part(name).map_err(unsafe_key(uri)),
    }
}

fn unsafe_key(uri: &ObjectUri) -> impl FnOnce(&'static str) -> StorageError {
    let uri = uri.clone();
    |reason| StorageError::UnsafeKey { uri, reason }
}

/// One part of a path, as a name.
fn safe_part(part: &str) -> Result<String, &'static str> {
    if part == "." || part == ".." {
        return Err("it has a part . or ..");
    }
    if part.contains('\0') {
        return Err("it contains a NUL");
    }
    if part.len() <= LONGEST {
        return Ok(part.to_owned());
    }
    let mut end = LONGEST;
    while !part.is_char_boundary(end) {
        end -= 1;
    }
    Ok(format!("{}~{}", &part[..end], digest(part)))
}

/// Sixteen hex digits of a SHA-256.
pub(super) fn digest(text: impl AsRef<[u8]>) -> String {
    let full = Sha256::digest(text);
    let first = full.first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(first))
}

/// The path of a key below its folder, for keys that do not disturb each other.
fn plain_path(below: &str, key: &str) -> Result<String, &'static str> {
    let mut path = String::with_capacity(below.len());
    for part in below.split('/').filter(|part| !part.is_empty()) {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(&safe_part(part)?);
    }
    if below.split('/').any(str::is_empty) {
        path = marked(&path, key);
    }
    Ok(path)
}

/// A name that no other key has: the digest is that of the whole key.
fn marked(path: &str, key: &str) -> String {
    format!("{path}~{}", digest(key))
}

/// Where each object of a folder belongs.
///
/// A key becomes the path that it looks like, with these exceptions:
///
/// - Keys that end in `/` mark folders and have no file.
/// - Keys with a part `.` or `..` or a NUL are refused.
/// - Parts of more than 200 bytes are shortened and told apart by a digest.
/// - Where a key cannot have its path (`a//b` beside `a/b`, `a` beside `a/b`), its name
///   gets a digest of the key at its end: `b~0123456789abcdef`.
#[derive(Debug)]
pub struct FolderPlan {
    /// By place in the listing.
    paths: Vec<Option<PathBuf>>,
    /// Whether a file system might take it for one of the others.
    doubtful: Vec<bool>,
}

impl FolderPlan {
    /// For the keys of a listing, all of which begin with the folder's prefix.
    ///
    /// # Errors
    /// [`StorageError::UnsafeKey`], naming the object.
    pub fn new<'k>(
        folder: &ObjectUri,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> Result<Self, StorageError> {
        let prefix = folder.prefix();
        let mut texts = Vec::new();
        let mut seen = HashSet::new();
        for key in keys {
            let refused = |reason| unsafe_key(&folder.sibling(key))(reason);
            let below = key
                .strip_prefix(prefix.as_str())
                .ok_or_else(|| refused("it does not begin with the folder's prefix"))?;
            if !seen.insert(key) {
                return Err(refused("it is listed twice"));
            }
            let is_marker = below.is_empty() || below.ends_with('/');
            let path = plain_path(below, key).map_err(refused)?;
            texts.push((key, (!is_marker).then_some(path)));
        }
        let folders: HashSet<String> = texts
            .iter()
            .filter_map(|(_, path)| path.as_deref())
            .flat_map(parents)
            .map(str::to_owned)
            .collect();
        let mut taken = HashSet::new();
        for (key, path) in &mut texts {
            let Some(path) = path else { continue };
            if folders.contains(path.as_str()) {
                *path = marked(path, key);
            }
            if folders.contains(path.as_str()) || !taken.insert(path.clone()) {
                let reason = "another object of the folder gets the same name";
                return Err(unsafe_key(&folder.sibling(*key))(reason));
            }
        }
        let mut folded: HashMap<String, usize> = HashMap::new();
        for path in &taken {
            *folded.entry(path.to_ascii_lowercase()).or_default() += 1;
        }
        let doubtful = |path: &String| !path.is_ascii() || folded[&path.to_ascii_lowercase()] > 1;
        Ok(Self {
            doubtful: texts
                .iter()
                .map(|(_, path)| path.as_ref().is_some_and(doubtful))
                .collect(),
            paths: texts
                .into_iter()
                .map(|(_, path)| path.map(PathBuf::from))
                .collect(),
        })
    }

    /// The relative path of the object at this place of the listing; `None` if it has no
    /// file.
    pub fn path(&self, place: usize) -> Option<&Path> {
        self.paths[place].as_deref()
    }

    /// Whether a file system that does not tell letter case or spellings of letters
    /// apart might take this name for another.
    pub(super) fn is_doubtful(&self, place: usize) -> bool {
        self.doubtful[place]
    }
}

fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// Another name for an object whose own is taken.
pub(super) fn renamed(path: &Path, key: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push("~");
    text.push(digest(key));
    PathBuf::from(text)
}
