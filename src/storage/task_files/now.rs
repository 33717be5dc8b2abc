//! The same on the calling thread, for blocking handlers; and where names are checked.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::TaskFiles;
use super::names::{check, refused};
use crate::storage::owned_dir;
use crate::storage::path_error::at;

impl TaskFiles {
    /// [`TaskFiles::path_to`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn path_to_now(&self, name: impl AsRef<Path>) -> io::Result<PathBuf> {
        let name = name.as_ref();
        check(name)?;
        let folder = self.folder()?;
        let mut names = self.0.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.take(folder, name)?;
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        if parent != folder {
            // Before anything is made behind a link as well as after.
            self.nearest_inside(parent)?;
            self.noted(owned_dir::create_dir_all(parent))?;
        }
        self.nearest_inside(&path)?;
        Ok(path)
    }

    /// [`TaskFiles::read`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn read_now(&self, name: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let path = self.existing(name.as_ref())?;
        std::fs::read(&path).map_err(at(&path))
    }

    /// [`TaskFiles::read_string`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn read_string_now(&self, name: impl AsRef<Path>) -> io::Result<String> {
        let path = self.existing(name.as_ref())?;
        std::fs::read_to_string(&path).map_err(at(&path))
    }

    /// [`TaskFiles::read_json`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn read_json_now<T: DeserializeOwned>(&self, name: impl AsRef<Path>) -> io::Result<T> {
        let name = name.as_ref();
        let content = self.read_now(name)?;
        serde_json::from_slice(&content).map_err(|error| at(name)(error.into()))
    }

    /// [`TaskFiles::write`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn write_now(
        &self,
        name: impl AsRef<Path>,
        content: impl AsRef<[u8]>,
    ) -> io::Result<PathBuf> {
        let path = self.path_to_now(name)?;
        let written = open_anew(&path).and_then(|mut file| file.write_all(content.as_ref()));
        self.noted(written.map_err(at(&path)))?;
        Ok(path)
    }

    /// [`TaskFiles::write_json`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn write_json_now<T: Serialize + ?Sized>(
        &self,
        name: impl AsRef<Path>,
        value: &T,
    ) -> io::Result<PathBuf> {
        self.write_now(name, serde_json::to_vec(value)?)
    }

    /// [`TaskFiles::open`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn open_now(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let path = self.existing(name.as_ref())?;
        File::open(&path).map_err(at(&path))
    }

    /// [`TaskFiles::create`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn create_now(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let path = self.path_to_now(name)?;
        self.noted(open_anew(&path).map_err(at(&path)))
    }

    /// [`TaskFiles::exists`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn exists_now(&self, name: impl AsRef<Path>) -> io::Result<bool> {
        match self.existing(name.as_ref()) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// [`TaskFiles::list`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn list_now(&self) -> io::Result<Vec<String>> {
        match self.0.made.get() {
            Some(made) => names_in(&made.path),
            None => Ok(Vec::new()),
        }
    }

    /// [`TaskFiles::list_in`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn list_in_now(&self, name: impl AsRef<Path>) -> io::Result<Vec<String>> {
        names_in(&self.existing(name.as_ref())?)
    }

    /// The path of something that exists inside, after all links are followed.
    pub(super) fn existing(&self, name: &Path) -> io::Result<PathBuf> {
        check(name)?;
        let Some(made) = self.0.made.get() else {
            return Err(at(name)(ErrorKind::NotFound.into()));
        };
        let path = made.path.join(name);
        let real = path.canonicalize().map_err(at(&path))?;
        if real.starts_with(&made.real) {
            Ok(path)
        } else {
            Err(refused(name))
        }
    }

    /// What a path that came from a handler stands for, if that exists and is in this
    /// folder after all links are followed, or is the folder itself.
    pub(crate) fn resolve(&self, path: &Path) -> Option<PathBuf> {
        let made = self.0.made.get()?;
        let real = path.canonicalize().ok()?;
        real.starts_with(&made.real).then_some(real)
    }

    /// Whether this is the task's folder itself, without links.
    pub(super) fn is_root(&self, real: &Path) -> bool {
        self.0.made.get().is_some_and(|made| made.real == real)
    }

    /// Whether there may be files.
    pub(crate) fn is_made(&self) -> bool {
        self.0.made.get().is_some()
    }

    /// Whether as much of a path as exists is inside. A link that leads to nothing yet
    /// would lead out.
    fn nearest_inside(&self, path: &Path) -> io::Result<()> {
        let made = self.made()?;
        for part in path.ancestors() {
            if part.symlink_metadata().is_err() {
                continue;
            }
            return match part.canonicalize() {
                Ok(real) if real.starts_with(&made.real) => Ok(()),
                _ => Err(refused(path.strip_prefix(&made.path).unwrap_or(path))),
            };
        }
        Err(refused(path))
    }
}

/// A file for writing, from nothing, and for us alone if it is made.
fn open_anew(path: &Path) -> io::Result<File> {
    unshare(path)?;
    let mut options = owned_dir::file_options();
    options.write(true).create(true).truncate(true).open(path)
}

/// A file that has a second name, as one that the blob cache gave, is replaced rather
/// than written to.
fn unshare(path: &Path) -> io::Result<()> {
    match path.metadata() {
        Ok(about) if about.is_file() && about.nlink() > 1 => {
            std::fs::remove_file(path.canonicalize()?)
        }
        _ => Ok(()),
    }
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(at(folder))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
