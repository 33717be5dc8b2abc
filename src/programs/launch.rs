//! The start of a process, and what it means when there is none.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::enter;
use super::limits::Limits;
use super::process::Process;
use crate::task::{ErrorCode, TaskError};

/// A process to be started.
pub(super) struct Launch<'a> {
    pub(super) program: &'a Path,
    /// What it sees as its own name.
    pub(super) name: &'a str,
    pub(super) arguments: &'a [String],
    /// `None`: the current folder.
    pub(super) folder: Option<&'a Path>,
    pub(super) inherited: &'a BTreeMap<OsString, OsString>,
    pub(super) variables: &'a [(&'static str, String)],
    pub(super) limits: &'a Limits,
}

/// Starts it. Must be called on the keeper's thread: the process ends with that.
pub(super) fn start(launch: &Launch<'_>) -> Result<Process, TaskError> {
    let failed = |error: io::Error| {
        let text = format!("cannot start {:?}: {error}", launch.name);
        TaskError::new(meaning(&error), text)
    };
    let mut command = command(launch).map_err(failed)?;
    command
        .args(launch.arguments)
        .env_clear()
        .envs(launch.inherited)
        .envs(launch.variables.iter().map(|(name, value)| (name, value)));
    if let Some(folder) = launch.folder {
        command.current_dir(folder);
    }
    Process::start(command, launch.limits).map_err(failed)
}

fn command(launch: &Launch<'_>) -> io::Result<Command> {
    if enter::is_possible() {
        return enter::command(
            launch.limits,
            launch.program.as_os_str(),
            launch.name.as_ref(),
        );
    }
    let mut command = Command::new(launch.program);
    command.arg0(launch.name);
    Ok(command)
}

fn meaning(error: &io::Error) -> ErrorCode {
    use rustix::io::Errno;

    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => ErrorCode::DependencyMissing,
        _ => match Errno::from_io_error(error) {
            Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => {
                ErrorCode::ResourceExhausted
            }
            _ => ErrorCode::Transient,
        },
    }
}
