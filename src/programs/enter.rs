//! The step between the worker and a program: a process of our own that sets its limits
//! and then becomes the program. So limits hold from its first instruction on, and it
//! does not outlive a worker that was killed.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{self, Command};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::limits::Limits;
use crate::worker::open_files;

/// The first argument of such a process.
const WORD: &str = "__exec";

/// No limit, as an argument.
const NONE: &str = "-";

/// As shells say that a program is not there, or cannot be executed.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;

/// What bounds the memory of a process. Runtimes reserve far more addresses than they use, so
/// a limit of addresses is none of memory; only Linux has a limit of what may be written to.
const MEMORY: Resource = if cfg!(target_os = "linux") {
    Resource::Data
} else {
    Resource::As
};

static ENTERED: AtomicBool = AtomicBool::new(false);

/// To be called first thing in `main`, by a program whose worker runs other programs.
///
/// The worker starts its programs by starting itself once more, and in that process this
/// function does not return: it sets the [`Limits`] of the process, and sees to it that
/// the process is killed when the worker is; then it becomes the program. In any other
/// process it returns at once.
///
/// Without it, programs run without limits, and are not ended when the worker is killed.
///
/// ```no_run
/// use axon_worker::programs::{self, Program};
/// use axon_worker::Worker;
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     programs::enter();
///     let count = Program::once(["wc", "-c"]).ready()?;
///     let worker = Worker::builder("counter").task("count", count);
///     Ok(actix_rt::System::new().block_on(worker.run())?)
/// }
/// ```
pub fn enter() {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(WORD)) {
        ENTERED.store(true, Ordering::Relaxed);
        return;
    }
    let arguments: Vec<_> = arguments.collect();
    let (code, why) = match Step::read(&arguments) {
        Some(step) => step.become_it(),
        None => (NOT_EXECUTABLE, io::ErrorKind::InvalidInput.into()),
    };
    // The last words of this process, which its task's error shows.
    let program = arguments.get(5).map(|it| it.to_string_lossy());
    let program = program.unwrap_or_default();
    let _ = writeln!(io::stderr(), "cannot start {program:?}: {why}");
    process::exit(code);
}

/// Whether this process can be started as such a step.
pub(super) fn is_possible() -> bool {
    ENTERED.load(Ordering::Relaxed)
}

/// The command that becomes `program` in the end; its arguments are still missing.
pub(super) fn command(limits: &Limits, program: &OsStr, name: &OsStr) -> io::Result<Command> {
    // The link of the system leads to this very program, even if its file was replaced.
    let myself = if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        env::current_exe()?
    };
    let limit = |limit: Option<u64>| limit.map_or_else(|| NONE.to_owned(), |n| n.to_string());
    let mut command = Command::new(myself);
    command
        .arg(WORD)
        .arg(process::id().to_string())
        .arg(limit(limits.memory))
        .arg(limit(limits.cpu_seconds))
        .arg(limit(limits.open_files))
        .arg(limit(open_files::limit_at_start()))
        .arg(program)
        .arg(name);
    Ok(command)
}

/// What a process has to do before it becomes the program.
#[derive(Debug, PartialEq)]
struct Step<'a> {
    parent: i32,
    limits: Limits,
    /// The soft limit of open files before the worker raised its own. Some programs go
    /// through all numbers below their limit.
    usual_files: Option<u64>,
    program: &'a OsStr,
    name: &'a OsStr,
    arguments: &'a [OsString],
}

impl<'a> Step<'a> {
    fn read(arguments: &'a [OsString]) -> Option<Self> {
        let [parent, memory, cpu, files, usual_files, rest @ ..] = arguments else {
            return None;
        };
        let [program, name, arguments @ ..] = rest else {
            return None;
        };
        let limit = |text: &OsString| match text.to_str()? {
            NONE => Some(None),
            number => number.parse().ok().map(Some),
        };
        Some(Self {
            parent: parent.to_str()?.parse().ok()?,
            limits: Limits {
                memory: limit(memory)?,
                cpu_seconds: limit(cpu)?,
                open_files: limit(files)?,
                ..Limits::default()
            },
            usual_files: limit(usual_files)?,
            program,
            name,
            arguments,
        })
    }

    /// Returns only if that is not possible.
    fn become_it(&self) -> (i32, io::Error) {
        self.die_with_the_worker();
        if let Some(usual) = self.usual_files {
            let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
            let limits = Rlimit {
                current: Some(usual),
                maximum,
            };
            if let Err(error) = setrlimit(Resource::Nofile, limits) {
                return (NOT_EXECUTABLE, error.into());
            }
        }
        for (resource, limit, spare) in [
            (Resource::Nofile, self.limits.open_files, 0),
            // The first limit is a signal that tells why, the second one the end.
            (Resource::Cpu, self.limits.cpu_seconds, 1),
            (MEMORY, self.limits.memory, 0),
        ] {
            if let Some(limit) = limit
                && let Err(error) = lower(resource, limit, spare)
            {
                return (NOT_EXECUTABLE, error);
            }
        }
        let mut command = Command::new(self.program);
        command.arg0(self.name).args(self.arguments);
        let error = command.exec();
        let code = match error.kind() {
            io::ErrorKind::NotFound => NOT_FOUND,
            _ => NOT_EXECUTABLE,
        };
        (code, error)
    }

    #[cfg(target_os = "linux")]
    fn die_with_the_worker(&self) {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};

        // Fails on no system that has it, and the program works without.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        let parent = getppid().map(|parent| parent.as_raw_nonzero().get());
        // It may have died before we asked to be told.
        if parent != Some(self.parent) {
            process::exit(NOT_EXECUTABLE);
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::unused_self)]
    fn die_with_the_worker(&self) {}
}

/// Sets a limit, at most as high as it may be.
fn lower(resource: Resource, limit: u64, spare: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limits = Rlimit {
        current: Some(limit.min(most)),
        maximum: Some(limit.saturating_add(spare).min(most)),
    };
    Ok(setrlimit(resource, limits)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_reads_what_the_worker_wrote() {
        let limits = Limits {
            memory: Some(1 << 30),
            open_files: Some(64),
            ..Limits::default()
        };
        let mut command = command(&limits, "/bin/echo".as_ref(), "echo".as_ref()).unwrap();
        command.args(["-", "x"]);
        let arguments: Vec<_> = command.get_args().map(OsStr::to_owned).collect();
        assert_eq!(arguments[0], WORD);
        let step = Step::read(&arguments[1..]).unwrap();
        assert_eq!(step.limits, limits);
        assert_eq!(
            (step.program, step.name),
            ("/bin/echo".as_ref(), "echo".as_ref())
        );
        assert_eq!(step.arguments, ["-", "x"]);
        assert_eq!(u32::try_from(step.parent), Ok(process::id()));
        assert_eq!(Step::read(&arguments[1..6]), None);
    }
}
