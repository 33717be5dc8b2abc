//! Which names a handler may use: relative, inside, and not the same as another
//! under a file system that takes two spellings for one.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

/// A name that would lead out of the folder, or is none.
pub(super) fn check(name: &Path) -> io::Result<()> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let has_nul = name.as_os_str().as_encoded_bytes().contains(&0);
    if name.as_os_str().is_empty() || has_nul || !name.components().all(plain) {
        return Err(refused(name));
    }
    Ok(())
}

pub(super) fn refused(name: &Path) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "{:?} is not a name inside the task's folder",
            name.display()
        ),
    )
}

/// What file systems may take for the same name: case and the form of accents do not count.
pub(crate) fn folded(name: &str) -> String {
    let lower = name.nfkc().flat_map(char::to_lowercase).collect::<String>();
    lower.nfkc().collect()
}

/// The names in use, by what they would be to a file system that is not exact.
#[derive(Debug, Default)]
pub(super) struct Names {
    used: HashMap<String, PathBuf>,
    /// Folders whose content is known, apart from what came past us since.
    listed: HashSet<PathBuf>,
}

impl Names {
    /// Takes note that this name is used in `folder`.
    ///
    /// # Errors
    /// When another is that differs in case or the form of accents only: whether
    /// they are two files or one depends on the disk.
    pub(super) fn take(&mut self, folder: &Path, name: &Path) -> io::Result<()> {
        let (mut so_far, mut key) = (PathBuf::new(), String::new());
        for part in name.components() {
            if self.listed.insert(so_far.clone()) {
                self.list(folder, &so_far, &key);
            }
            so_far.push(part);
            key = key_of(&key, part.as_os_str());
            match self.used.get(&key) {
                Some(same) if *same == so_far => {}
                Some(other) if folder.join(other).symlink_metadata().is_ok() => {
                    return Err(io::Error::new(
                        io::ErrorKind::AlreadyExists,
                        format!(
                            "{:?} differs from {:?} only in case or the form of accents",
                            so_far.display(),
                            other.display()
                        ),
                    ));
                }
                _ => drop(self.used.insert(key.clone(), so_far.clone())),
            }
        }
        Ok(())
    }

    fn list(&mut self, folder: &Path, sub: &Path, key: &str) {
        let Ok(entries) = std::fs::read_dir(folder.join(sub)) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            self.used.insert(key_of(key, &name), sub.join(&name));
        }
    }
}

/// No name has a NUL.
fn key_of(parent: &str, name: &OsStr) -> String {
    format!("{parent}\0{}", folded(&name.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one_name() {
        for (one, other) in [
            ("a.txt", "A.TXT"),
            ("\u{e9}", "e\u{301}"),
            ("\u{c9}", "e\u{301}"),
            ("\u{212b}ngstrom", "\u{e5}NGSTROM"),
            ("\u{fb01}le", "file"),
        ] {
            assert_eq!(folded(one), folded(other), "{one:?} {other:?}");
        }
        assert_ne!(folded("a.txt"), folded("b.txt"));
    }

    #[test]
    fn a_second_spelling_is_refused_while_the_first_exists() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("Sub")).unwrap();
        std::fs::write(folder.path().join("Sub/a"), "").unwrap();
        let mut names = Names::default();
        let mut take = |name: &str| names.take(folder.path(), Path::new(name));
        take("Sub/a").unwrap();
        take("Sub/a").unwrap();
        assert_eq!(
            take("sub/b").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(
            take("Sub/A").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        std::fs::remove_file(folder.path().join("Sub/a")).unwrap();
        take("Sub/A").unwrap();
    }
}
