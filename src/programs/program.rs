//! A program as its user describes it, and the same when it was found and checked.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::environment::Environment;
use super::exit::ExitCodes;
use super::find::find;
use super::launch::Launch;
use super::limits::Limits;
use super::process::Process;
use super::{enter, keeper, launch};
use crate::task::{ErrorCode, TaskError};

/// Why a program cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The command has no words.
    #[error("the command is empty")]
    Empty,
    /// Neither a file nor a name in `PATH`.
    #[error("command {0:?}: not found")]
    NotFound(String),
    /// There is a file of that name, but it cannot be executed.
    #[error("command {0:?}: not executable")]
    NotExecutable(String),
    /// The working folder is not there.
    #[error("working folder {0:?}: not a folder")]
    NoFolder(PathBuf),
    /// There are limits that the system has to keep, but no step that sets them.
    #[error("limits of memory, cpu_seconds and open_files need programs::enter() in main")]
    NotEntered,
}

/// A program that does tasks, as a handler. See [`programs`](super) for what is said
/// between it and the worker.
///
/// ```no_run
/// use std::time::Duration;
/// use axon_worker::programs::Program;
/// use axon_worker::{ErrorCode, Worker};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let thumbnail = Program::once(["convert", "-", "-resize", "100", "small.png"])
///     .exit_code(2, ErrorCode::InvalidInput)
///     .ready()?;
/// let model = Program::pool(["python3", "model.py"], 2).max_tasks(1000).ready()?;
/// # let _ =
/// Worker::builder("pictures").task("thumbnail", thumbnail).task("classify", model);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Program {
    command: Vec<String>,
    base: PathBuf,
    working_folder: Option<PathBuf>,
    environment: Environment,
    launch: Ready,
}

/// Only the command: variables may hold secrets.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

impl Program {
    /// A process for each task, which is over with it. The first word is the program: a
    /// path, or a name to be looked for in `PATH`. No shell is involved.
    pub fn once<W: Into<String>>(command: impl IntoIterator<Item = W>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            base: PathBuf::from("."),
            working_folder: None,
            environment: Environment::default(),
            launch: Ready::default(),
        }
    }

    /// Processes that stay and do one task after the other, at most so many at once. Tasks
    /// beyond that wait.
    pub fn pool<W: Into<String>>(command: impl IntoIterator<Item = W>, processes: usize) -> Self {
        let mut program = Self::once(command);
        program.launch.processes = Some(processes.max(1));
        program
    }

    /// Starts the processes of a pool when the worker starts, rather than with the first
    /// tasks.
    #[must_use]
    pub fn ahead(mut self) -> Self {
        self.launch.ahead = true;
        self
    }

    /// How many tasks a process of a pool does before another one takes its place. No limit
    /// by default.
    #[must_use]
    pub fn max_tasks(mut self, most: u64) -> Self {
        self.launch.max_tasks = Some(most.max(1));
        self
    }

    /// The time between SIGTERM and SIGKILL. 5 s by default.
    #[must_use]
    pub fn grace(mut self, time: Duration) -> Self {
        self.launch.grace = time;
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.set.insert(name.into(), value.into());
        self
    }

    /// The only variables of this process that it gets, beside `PATH`. A name may end in
    /// `*`. By default it gets all but those that probably hold a secret, by the words of
    /// their names or as addresses with a password; see
    /// [`withheld_variables`](super::withheld_variables).
    #[must_use]
    pub fn inherit<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.environment.inherit = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The folder that it runs in. By default that of the task, and for a pool the
    /// [base](Self::base).
    #[must_use]
    pub fn working_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.working_folder = Some(folder.into());
        self
    }

    /// What relative paths of the command and the working folder begin at. By default the
    /// current folder.
    #[must_use]
    pub fn base(mut self, folder: impl Into<PathBuf>) -> Self {
        self.base = folder.into();
        self
    }

    /// What its processes may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.launch.limits = limits;
        self
    }

    /// What it means when it ends with this exit code and without an answer. See
    /// `docs/programs.md` for the defaults.
    #[must_use]
    pub fn exit_code(mut self, code: u8, meaning: ErrorCode) -> Self {
        self.launch.codes.0.insert(code, meaning);
        self
    }

    /// Finds the program and checks the rest.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn ready(self) -> Result<ReadyProgram, ProgramError> {
        let Self {
            command,
            base,
            working_folder,
            environment,
            mut launch,
        } = self;
        let mut words = command.into_iter();
        let name = words.next().filter(|name| !name.is_empty());
        let name = name.ok_or(ProgramError::Empty)?;
        let base = std::path::absolute(&base).unwrap_or(base);
        if launch.limits.need_the_system() && !enter::is_possible() {
            return Err(ProgramError::NotEntered);
        }
        launch.working_folder = match working_folder {
            Some(folder) => Some(base.join(folder)),
            None => (!launch.is_once()).then(|| base.clone()),
        };
        if let Some(folder) = launch.working_folder.as_ref().filter(|it| !it.is_dir()) {
            return Err(ProgramError::NoFolder(folder.clone()));
        }
        launch.gets_all_but_secrets = environment.inherit.is_none();
        launch.variables = environment.of_child(std::env::vars_os());
        let search = launch.variables.get(OsStr::new("PATH"));
        launch.program = find(&name, &base, search.map(OsString::as_os_str))?;
        launch.name = name;
        launch.arguments = words.collect();
        Ok(ReadyProgram(Arc::new(launch)))
    }
}

/// A [`Program`] that was found. Registered with `WorkerBuilder::task` or
/// `WorkerBuilder::queue`.
#[derive(Debug, Clone)]
pub struct ReadyProgram(pub(super) Arc<Ready>);

/// All that is needed to start a program.
#[derive(Clone)]
pub(super) struct Ready {
    program: PathBuf,
    name: String,
    arguments: Vec<String>,
    /// `None`: the folder of the task.
    working_folder: Option<PathBuf>,
    variables: BTreeMap<OsString, OsString>,
    /// Whether these are those of the worker that probably hold no secret.
    gets_all_but_secrets: bool,
    /// `None`: a process per task.
    processes: Option<usize>,
    ahead: bool,
    max_tasks: Option<u64>,
    grace: Duration,
    limits: Limits,
    codes: ExitCodes,
}

/// Only the command: variables may hold secrets.
impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("program", &self.program)
            .field("arguments", &self.arguments)
            .finish_non_exhaustive()
    }
}

impl Default for Ready {
    fn default() -> Self {
        Self {
            program: PathBuf::new(),
            name: String::new(),
            arguments: Vec::new(),
            working_folder: None,
            variables: BTreeMap::new(),
            gets_all_but_secrets: true,
            processes: None,
            ahead: false,
            max_tasks: None,
            grace: Duration::from_secs(5),
            limits: Limits::default(),
            codes: ExitCodes::default(),
        }
    }
}

impl Ready {
    pub(super) fn is_once(&self) -> bool {
        self.processes.is_none()
    }

    pub(super) fn processes(&self) -> usize {
        self.processes.unwrap_or(1)
    }

    pub(super) fn gets_all_but_secrets(&self) -> bool {
        self.gets_all_but_secrets
    }

    pub(super) fn is_ahead(&self) -> bool {
        self.ahead
    }

    pub(super) fn max_tasks(&self) -> Option<u64> {
        self.max_tasks
    }

    pub(super) fn grace(&self) -> Duration {
        self.grace
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn exit_codes(&self) -> &ExitCodes {
        &self.codes
    }

    /// Starts a process, with variables beside its own ones.
    pub(super) fn start(
        &self,
        task_folder: Option<&Path>,
        variables: &[(&'static str, String)],
    ) -> Result<Process, TaskError> {
        if keeper::is_ending() {
            return Err(TaskError::transient(
                "the programs of this worker are being ended",
            ));
        }
        launch::start(&Launch {
            program: &self.program,
            name: &self.name,
            arguments: &self.arguments,
            folder: self.working_folder.as_deref().or(task_folder),
            inherited: &self.variables,
            variables,
            limits: &self.limits,
        })
    }
}
