//! Where a command is, asked before the first task comes.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::program::ProgramError;

/// The file of a command: a path that begins at `base`, or a name in `search`, which is
/// what `PATH` holds.
pub(super) fn find(
    name: &str,
    base: &Path,
    search: Option<&OsStr>,
) -> Result<PathBuf, ProgramError> {
    if name.contains('/') {
        let file = base.join(name);
        return match is_program(&file) {
            Some(true) => Ok(file),
            Some(false) => Err(ProgramError::NotExecutable(name.to_owned())),
            None => Err(ProgramError::NotFound(name.to_owned())),
        };
    }
    let search = search.unwrap_or(OsStr::new("/usr/local/bin:/usr/bin:/bin"));
    let mut seen = false;
    for folder in std::env::split_paths(search) {
        // A relative folder in PATH begins where the program will run: nowhere certain.
        let file = folder.join(name);
        match is_program(&file) {
            Some(true) if file.is_absolute() => return Ok(file),
            Some(false) => seen = true,
            _ => {}
        }
    }
    let name = name.to_owned();
    Err(if seen {
        ProgramError::NotExecutable(name)
    } else {
        ProgramError::NotFound(name)
    })
}

/// Whether the file can be executed; `None`: it is none.
fn is_program(file: &Path) -> Option<bool> {
    let about = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some(about.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_name_is_looked_for_in_path_and_a_path_from_the_base() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, mode: u32| {
            let file = folder.path().join(name);
            fs::write(&file, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            file
        };
        let tool = make("tool", 0o755);
        make("text", 0o644);
        let search = std::env::join_paths([Path::new("/nowhere"), folder.path()]).unwrap();
        let found = |name: &str| {
            find(name, folder.path(), Some(search.as_os_str())).map_err(|e| e.to_string())
        };
        assert_eq!(found("tool"), Ok(tool.clone()));
        assert_eq!(found("./tool"), Ok(folder.path().join("./tool")));
        assert_eq!(found(tool.to_str().unwrap()), Ok(tool));
        assert_eq!(
            found("text"),
            Err("command \"text\": not executable".to_owned())
        );
        assert_eq!(
            found("./nothing"),
            Err("command \"./nothing\": not found".to_owned())
        );
        assert_eq!(
            found("nothing"),
            Err("command \"nothing\": not found".to_owned())
        );
    }
}
