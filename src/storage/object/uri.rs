//! Where an object is: `s3://bucket/key`.
//!
//! The rules are those of the Python workers (rxon 1.0b2 and 1.0b17), which both read
//! such texts as URLs: query and fragment do not count, tabs and line ends vanish, and
//! percent escapes stay as they are.

use std::fmt;

use super::StorageError;

/// An object, or all objects whose keys begin with a prefix.
///
/// ```
/// use axon_worker::storage::ObjectUri;
///
/// let uri = ObjectUri::parse("s3://photos/2024/a.jpg")?;
/// assert_eq!((uri.bucket(), uri.key(), uri.is_folder()), ("photos", "2024/a.jpg", false));
/// assert!(ObjectUri::parse("s3://photos/2024/")?.is_folder());
/// # Ok::<(), axon_worker::storage::StorageError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectUri {
    bucket: String,
    key: String,
    is_folder: bool,
}

impl ObjectUri {
    /// What every such text begins with, in lower case only.
    pub const SCHEME: &'static str = "s3://";

    /// The object with this key, taken as it is. A folder if the key ends in `/` or is empty.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        let key = key.into();
        Self {
            bucket: bucket.into(),
            is_folder: key.is_empty() || key.ends_with('/'),
            key,
        }
    }

    /// Reads `s3://bucket/key`. A folder if the text ends in `/`.
    ///
    /// # Errors
    /// When it does not begin with `s3://`, or has brackets where the bucket is.
    pub fn parse(text: &str) -> Result<Self, StorageError> {
        Self::resolve(text, None, "")
    }

    /// As [`ObjectUri::parse`]; any other text is a key below `prefix` in the default
    /// bucket, if there is one.
    ///
    /// # Errors
    /// As there, and when there is no default bucket.
    pub fn resolve(
        text: &str,
        default_bucket: Option<&str>,
        prefix: &str,
    ) -> Result<Self, StorageError> {
        let invalid = |reason| StorageError::InvalidUri {
            text: text.chars().take(200).collect(),
            reason,
        };
        let is_folder = text.ends_with('/');
        let Some(rest) = text.strip_prefix(Self::SCHEME) else {
            let bucket = default_bucket.ok_or_else(|| invalid("it does not begin with s3://"))?;
            return Ok(Self {
                bucket: bucket.to_owned(),
                key: format!("{prefix}{}", text.trim_start_matches('/')),
                is_folder,
            });
        };
        let rest: String = rest
            .chars()
            .filter(|c| !matches!(c, '\t' | '\r' | '\n'))
            .collect();
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let (bucket, key) = rest[..end].split_once('/').unwrap_or((&rest[..end], ""));
        if bucket.contains(['[', ']']) {
            return Err(invalid("brackets are not allowed in a bucket"));
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.trim_start_matches('/').to_owned(),
            is_folder,
        })
    }

    /// The bucket; may be empty, which no store accepts.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key, without leading slashes if it was parsed.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether it stands for everything below its key.
    pub fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// What the keys of this folder's objects begin with: empty or ending in `/`.
    pub fn prefix(&self) -> String {
        match self.key.as_str() {
            "" => String::new(),
            key if key.ends_with('/') => key.to_owned(),
            key => format!("{key}/"),
        }
    }

    /// The object of this key in the same bucket.
    #[must_use]
    pub fn sibling(&self, key: impl Into<String>) -> Self {
        Self::new(self.bucket.clone(), key)
    }

    /// The last part of the key, for a local name; empty for a whole bucket. It is not
    /// checked: it may be `..`.
    pub fn base_name(&self) -> &str {
        let key = self.key.trim_end_matches('/');
        key.rsplit('/').next().unwrap_or(key)
    }
}

impl fmt::Display for ObjectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}/{}", Self::SCHEME, self.bucket, self.key)?;
        let marked = self.key.is_empty() || self.key.ends_with('/');
        if self.is_folder && !marked {
            f.write_str("/")?;
        }
        Ok(())
    }
}
