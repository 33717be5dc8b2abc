//! The table `[health]`: a command that says whether the machine can do tasks.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::here::filled;
use super::task::command;
use crate::config::beside::Table;
use crate::programs::environment::Environment;
use crate::programs::find::find;
use crate::ready_check::ReadyCheck;

/// How often it is run, unless the file says otherwise.
const EVERY: Duration = Duration::from_secs(10);
/// So much of what it prints is looked at.
const MOST: u64 = 4096;

/// The command before its program was looked for.
pub(super) struct HealthCommand {
    words: Vec<String>,
    here: PathBuf,
    every: Duration,
    limit: Option<Duration>,
}

/// The command with its program.
#[derive(Clone)]
pub(super) struct ReadyCommand {
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    /// Those of the worker that probably hold no secret.
    variables: BTreeMap<OsString, OsString>,
    every: Duration,
    limit: Option<Duration>,
}

/// Only the command: variables may hold secrets.
impl std::fmt::Debug for ReadyCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadyCommand")
            .field("program", &self.program)
            .field("arguments", &self.arguments)
            .finish_non_exhaustive()
    }
}

/// Reads the table; what is wrong is noted. `None`: it is no use without what is wrong.
pub(super) fn read(here: &Path, mut table: Table<'_>) -> Option<HealthCommand> {
    let words = command(&mut table);
    let every = table.seconds("every", false).unwrap_or(EVERY);
    let limit = table.seconds("timeout", false);
    table.finish();
    let words = words?.iter().map(|word| filled(word, here)).collect();
    Some(HealthCommand {
        words,
        here: here.to_owned(),
        every,
        limit,
    })
}

impl HealthCommand {
    /// Looks for the program.
    pub(super) fn ready(self) -> Result<ReadyCommand, String> {
        let variables = Environment::default().of_child(std::env::vars_os());
        let search = variables.get(OsStr::new("PATH")).map(OsString::as_os_str);
        let mut words = self.words.into_iter();
        let name = words.next().unwrap_or_default();
        let program = find(&name, &self.here, search)
            .map_err(|error| format!("command {name:?} of health: {error}"))?;
        Ok(ReadyCommand {
            program,
            arguments: words.collect(),
            folder: self.here,
            variables,
            every: self.every,
            limit: self.limit,
        })
    }
}

impl ReadyCommand {
    pub(super) fn into_check(self) -> ReadyCheck {
        let (every, limit) = (self.every, self.limit);
        let mut check = ReadyCheck::new("the health command says no", move || self.clone().run());
        check.every = every;
        if let Some(limit) = limit {
            check.limit = limit;
        }
        check
    }

    /// Runs it. It ends well, or the reason is what it prints, the last line of it.
    ///
    /// When it is dropped, the process is killed.
    async fn run(self) -> Result<(), String> {
        let mut process = tokio::process::Command::new(&self.program)
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", self.program.display()))?;
        let mut printed = Vec::new();
        if let Some(stderr) = process.stderr.take() {
            // What cannot be read is not said; the status counts.
            let _ = stderr.take(MOST).read_to_end(&mut printed).await;
        }
        let status = process.wait().await.map_err(|error| error.to_string())?;
        if status.success() {
            return Ok(());
        }
        let printed = String::from_utf8_lossy(&printed);
        let mut lines = printed.lines().map(str::trim);
        match lines.rfind(|line| !line.is_empty()) {
            Some(line) => Err(format!("{status}: {line}")),
            None => Err(status.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> ReadyCommand {
        let command = HealthCommand {
            words: ["sh", "-c", script].map(str::to_owned).into(),
            here: std::env::temp_dir(),
            every: EVERY,
            limit: Some(Duration::from_secs(20)),
        };
        command.ready().unwrap()
    }

    #[actix_rt::test]
    async fn the_status_counts_and_the_last_line_is_the_reason() {
        assert_eq!(sh("echo fine >&2").run().await, Ok(()));
        let told = sh("echo a >&2; echo no device >&2; exit 3").into_check();
        let told = told.ask().await.unwrap_err();
        assert!(told.contains("status: 3: no device"), "{told}");
        let much = sh("yes >&2 & sleep 0.1; kill $!; exit 1").run().await;
        assert!(much.is_err(), "more than is looked at");
    }

    #[actix_rt::test]
    async fn a_command_that_hangs_is_killed() {
        let mut check = sh("exec sleep 1000").into_check();
        check.limit = Duration::from_millis(100);
        let told = check.ask().await.unwrap_err();
        assert!(told.contains("no answer within 0.1 s"), "{told}");
    }
}
