//! The folder of one task.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::id::{TaskId, check_identifier};

/// The folder that holds the task folders.
#[derive(Debug, Clone)]
pub(crate) struct FilesRoot(Arc<Path>);

impl FilesRoot {
    pub(crate) fn new(root: &Path) -> Self {
        Self(root.into())
    }

    /// The folder of a task, which does not exist yet. An id that is no plain
    /// name is not used as one.
    pub(crate) fn of_task(&self, id: &TaskId) -> TaskFiles {
        let name = if check_identifier(id.as_str()).is_ok() {
            id.as_str().to_owned()
        } else {
            format!("task-{}", uuid::Uuid::new_v4())
        };
        TaskFiles(Arc::new(Folder {
            path: self.0.join(name),
            made: OnceLock::new(),
        }))
    }
}

/// The files of one task. Cheap to clone; the folder is removed, with everything
/// in it, when the result has been delivered and nobody holds this any more.
///
/// Names are relative to the task's folder and may contain subfolders. A name
/// that would lead out of it is refused.
#[derive(Debug, Clone)]
pub struct TaskFiles(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    made: OnceLock<()>,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.made.get().is_some()
            && let Err(error) = std::fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(folder = %self.path.display(), %error, "a task folder was not removed");
        }
    }
}

impl TaskFiles {
    /// The task's folder, made if it does not exist.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self) -> io::Result<&Path> {
        if self.0.made.get().is_none() {
            std::fs::create_dir_all(&self.0.path)?;
            let _ = self.0.made.set(());
        }
        Ok(&self.0.path)
    }

    /// Where a file of that name belongs. The folders on the way are made, the file is not.
    ///
    /// # Errors
    /// When the name leads out of the folder, or folders cannot be made.
    pub async fn path_to(&self, name: impl AsRef<Path>) -> io::Result<PathBuf> {
        let (files, name) = (self.clone(), name.as_ref().to_owned());
        off_thread(move || files.path_to_now(&name)).await
    }

    /// [`TaskFiles::path_to`] for blocking handlers.
    ///
    /// # Errors
    /// As there.
    pub fn path_to_now(&self, name: impl AsRef<Path>) -> io::Result<PathBuf> {
        let path = self.checked(name.as_ref())?;
        let parent = path.parent().unwrap_or(&path);
        self.folder()?;
        std::fs::create_dir_all(parent)?;
        self.inside(parent)?;
        Ok(path)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// When the name is refused or the file cannot be read.
    pub async fn read(&self, name: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let (files, name) = (self.clone(), name.as_ref().to_owned());
        off_thread(move || {
            let path = files.checked(&name)?;
            files.inside(&path)?;
            std::fs::read(path)
        })
        .await
    }

    /// Reads a whole file as UTF-8 text.
    ///
    /// # Errors
    /// As [`TaskFiles::read`], and when it is not UTF-8.
    pub async fn read_string(&self, name: impl AsRef<Path>) -> io::Result<String> {
        let bytes = self.read(name).await?;
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Writes a whole file, replacing what was there, and returns where it is.
    ///
    /// # Errors
    /// When the name is refused or the file cannot be written.
    pub async fn write(
        &self,
        name: impl AsRef<Path>,
        content: impl Into<Vec<u8>>,
    ) -> io::Result<PathBuf> {
        let (files, name, content) = (self.clone(), name.as_ref().to_owned(), content.into());
        off_thread(move || {
            let path = files.path_to_now(&name)?;
            // Through a link the file might lie elsewhere.
            if path.is_symlink() {
                return Err(refused(&name));
            }
            std::fs::write(&path, content)?;
            Ok(path)
        })
        .await
    }

    /// Whether a file or folder of that name exists.
    ///
    /// # Errors
    /// When the name is refused.
    pub async fn exists(&self, name: impl AsRef<Path>) -> io::Result<bool> {
        let (files, name) = (self.clone(), name.as_ref().to_owned());
        off_thread(move || files.checked(&name)?.try_exists()).await
    }

    /// The names in the task's folder, sorted.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn list(&self) -> io::Result<Vec<String>> {
        let files = self.clone();
        off_thread(move || {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(files.folder()?)? {
                names.push(entry?.file_name().to_string_lossy().into_owned());
            }
            names.sort();
            Ok(names)
        })
        .await
    }

    /// The path, if the name stays inside by its spelling.
    fn checked(&self, name: &Path) -> io::Result<PathBuf> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        let has_nul = name.as_os_str().as_encoded_bytes().contains(&0);
        if name.as_os_str().is_empty() || has_nul || !name.components().all(plain) {
            return Err(refused(name));
        }
        Ok(self.0.path.join(name))
    }

    /// Whether an existing path is inside after all links are followed.
    fn inside(&self, path: &Path) -> io::Result<()> {
        if path
            .canonicalize()?
            .starts_with(self.0.path.canonicalize()?)
        {
            Ok(())
        } else {
            Err(refused(path))
        }
    }
}

fn refused(name: &Path) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{} is not a name inside the task's folder", name.display()),
    )
}

/// File work off the handler's thread.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(root: &Path, id: &str) -> TaskFiles {
        FilesRoot::new(root).of_task(&TaskId::from(id))
    }

    #[actix_rt::test]
    async fn names_that_lead_out_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let files = files(root.path(), "t1");
        for name in [
            "",
            "/etc/passwd",
            "..",
            "../x",
            "a/../../x",
            "a/..",
            "nul\0byte",
        ] {
            assert!(files.write(name, "x").await.is_err(), "{name:?}");
            assert!(files.path_to(name).await.is_err(), "{name:?}");
            assert!(files.read(name).await.is_err(), "{name:?}");
        }
    }

    #[actix_rt::test]
    async fn links_that_lead_out_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let files = files(root.path(), "t1");
        let folder = files.folder().unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.join("dir")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), folder.join("file")).unwrap();
        assert!(files.read("dir/secret").await.is_err());
        assert!(files.read("file").await.is_err());
        assert!(files.write("file", "x").await.is_err());
        assert!(files.path_to("dir/new").await.is_err());
        assert_eq!(
            std::fs::read_to_string(outside.path().join("secret")).unwrap(),
            "s"
        );
    }

    #[actix_rt::test]
    async fn the_folder_comes_with_the_first_file_and_goes_with_the_task() {
        let root = tempfile::tempdir().unwrap();
        let files = files(root.path(), "t1");
        assert!(!root.path().join("t1").exists());
        let path = files.write("sub/a.txt", "hello").await.unwrap();
        assert_eq!(path, root.path().join("t1/sub/a.txt"));
        assert_eq!(files.read_string("sub/a.txt").await.unwrap(), "hello");
        assert_eq!(files.list().await.unwrap(), ["sub"]);
        assert!(files.exists("sub/a.txt").await.unwrap());
        drop(files);
        assert!(!root.path().join("t1").exists());
    }

    #[test]
    fn a_hostile_task_id_is_not_a_folder_name() {
        let root = tempfile::tempdir().unwrap();
        for id in ["..", "../../x", "/etc", "a/b", "", "x\0y"] {
            let files = files(root.path(), id);
            assert_eq!(
                files.folder().unwrap().parent(),
                Some(root.path()),
                "{id:?}"
            );
        }
    }
}
