//! Files in parameters: those that the worker brought, and no others of the machine.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::{TaskFiles, names};

thread_local! {
    /// The files of the task whose parameters are read on this thread.
    static READING: RefCell<Option<TaskFiles>> = const { RefCell::new(None) };
}

/// Puts back what was there before, also when reading panics.
struct Restore(Option<TaskFiles>);

impl Drop for Restore {
    fn drop(&mut self) {
        READING.set(self.0.take());
    }
}

impl TaskFiles {
    /// Reads parameters that may name files of this task.
    pub(crate) fn reading<T>(&self, read: impl FnOnce() -> T) -> T {
        let _restore = Restore(READING.replace(Some(self.clone())));
        read()
    }

    /// Where a path in the task's folder leads, all links followed. `None`: elsewhere, or
    /// nowhere.
    fn brought(&self, path: &Path) -> Option<PathBuf> {
        let made = self.0.made.get()?;
        if !path.is_absolute() {
            names::check(path).ok()?;
        }
        // Joined, an absolute path stays what it is.
        let real = made.real.join(path).canonicalize().ok()?;
        (real.starts_with(&made.real) && real != made.real).then_some(real)
    }
}

/// What a path must lead to.
trait Kind {
    const EXPECTED: &'static str;
    fn fits(path: &Path) -> bool;
}

/// Checks a path in parameters.
struct Brought<K>(std::marker::PhantomData<K>);

impl<K: Kind> Visitor<'_> for Brought<K> {
    type Value = PathBuf;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(K::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<PathBuf, E> {
        let brought = READING.with_borrow(|files| files.as_ref()?.brought(Path::new(text)));
        let brought = brought.filter(|path| K::fits(path));
        brought.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

macro_rules! brought {
    ($($(#[$doc:meta])* $name:ident: $kind:ident $fits:ident, $expected:literal, $about:literal;)*) => {
        $($(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(PathBuf);

        struct $kind;

        impl Kind for $kind {
            const EXPECTED: &'static str = $expected;

            fn fits(path: &Path) -> bool {
                path.$fits()
            }
        }

        impl $name {
            /// Where it is.
            #[must_use]
            pub fn path(&self) -> &Path {
                &self.0
            }

            /// The path alone.
            #[must_use]
            pub fn into_path(self) -> PathBuf {
                self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let visitor = Brought::<$kind>(std::marker::PhantomData);
                deserializer.deserialize_str(visitor).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl Deref for $name {
            type Target = Path;

            fn deref(&self) -> &Path {
                &self.0
            }
        }

        impl AsRef<Path> for $name {
            fn as_ref(&self) -> &Path {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0).finish()
            }
        }

        #[cfg(feature = "contracts")]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $about })
            }
        })*
    };
}

brought! {
    /// A file in parameters that the worker brought: `s3://bucket/key` in the job, and here the
    /// path of a file in the task's own folder, which it dereferences to.
    ///
    /// A `PathBuf` in its place would take any path from whoever made the job, such as
    /// `/etc/passwd`, and the handler would read it. This type takes files of the task's folder
    /// only; anything else ends the task with `INVALID_INPUT_ERROR`, which names the field,
    /// without the handler being called. Relative names are those of files in that folder, as
    /// middleware and tests put them there.
    ///
    /// It can be read out of the parameters of a handler, not by itself.
    ///
    /// ```
    /// use axon_worker::{TaskError, TaskFile};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Count {
    ///     text: TaskFile,
    /// }
    ///
    /// async fn count(params: Count) -> Result<usize, TaskError> {
    ///     let text = tokio::fs::read_to_string(&params.text).await?;
    ///     Ok(text.split_whitespace().count())
    /// }
    /// # let _ = axon_worker::Worker::builder("example").task("count", count);
    /// ```
    TaskFile: AFile is_file,
        "a file that the worker brought (s3://bucket/key in the job, and a storage)",
        "A file: s3://bucket/key";

    /// A folder in parameters that the worker brought: `s3://bucket/prefix/` in the job. As
    /// [`TaskFile`] otherwise.
    TaskFolder: AFolder is_dir,
        "a folder that the worker brought (s3://bucket/prefix/ in the job, and a storage)",
        "A folder: s3://bucket/prefix/";
}
