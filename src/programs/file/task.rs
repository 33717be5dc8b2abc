//! One table `[tasks.NAME]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::here::filled;
use crate::config::beside::Table;
use crate::id::check_identifier;
use crate::programs::{Limits, Program, ProgramError, ReadyProgram};
use crate::task::ErrorCode;
use crate::{TaskSpec, WorkerBuilder};

const MODES: &[&str] = &["once", "pool"];

/// The working folder that is the task's own.
const OF_TASK: &str = "task";

/// A task whose program was not looked for yet.
pub(super) struct Unready {
    name: String,
    program: Program,
    about: About,
}

/// A task of the file.
#[derive(Debug)]
pub(super) struct Entry {
    program: ReadyProgram,
    about: About,
}

#[derive(Debug)]
struct About {
    spec: TaskSpec,
    name: String,
    kind: Option<String>,
    /// Processes of a pool whose type is its own.
    own_limit: Option<usize>,
    is_queue: bool,
    needs: Vec<String>,
}

impl Unready {
    /// Looks for the program.
    pub(super) fn ready(self) -> Result<Entry, String> {
        let Self {
            name,
            program,
            about,
        } = self;
        match program.ready() {
            Ok(program) => Ok(Entry { program, about }),
            Err(ProgramError::NotFound(command)) => {
                Err(format!("command {command:?} of task {name}: not found"))
            }
            Err(ProgramError::NotExecutable(command)) => Err(format!(
                "command {command:?} of task {name}: not executable"
            )),
            Err(error) => Err(format!("task {name}: {error}")),
        }
    }
}

impl Entry {
    /// The type that only this task has, and how many of it run at once.
    pub(super) fn own_limit(&self) -> Option<(&str, usize)> {
        self.about.kind.as_deref().zip(self.about.own_limit)
    }

    pub(super) fn grace(&self) -> Duration {
        self.program.0.grace()
    }

    pub(super) fn register(self, builder: WorkerBuilder) -> WorkerBuilder {
        let Self { program, about } = self;
        let builder = if about.needs.is_empty() {
            builder
        } else {
            builder.skill_dependency(about.name, about.needs)
        };
        if about.is_queue {
            builder.queue(about.spec, program)
        } else {
            builder.task(about.spec, program)
        }
    }
}

/// Reads the table; what is wrong is noted. `None`: it is no use without what is wrong.
pub(super) fn read(name: &str, here: &Path, mut table: Table<'_>) -> Option<Unready> {
    let is_pool = table.choice("mode", MODES) == Some(1);
    let queue = table.text("queue");
    if queue.is_none() && check_identifier(name).is_err() {
        let expected = "a name of 1 to 128 ASCII letters, digits, '_' and '-'";
        table.wrong("", expected, &format!("{name:?}"));
    }
    let command = command(&mut table);
    let words = command.iter().flatten().map(|word| filled(word, here));
    let (mut program, processes) = if is_pool {
        pool(words, &mut table)
    } else {
        for key in ["processes", "ahead", "max_tasks"] {
            table.only_with(key, "mode = \"pool\"");
        }
        (Program::once(words), None)
    };
    program = program.base(here);
    if let Some(grace) = table.seconds("grace", true) {
        program = program.grace(grace);
    }
    program = surroundings(program, &mut table, here, is_pool);
    program = program.limits(limits(&mut table));
    for (code, meaning) in exit_codes(&mut table) {
        program = program.exit_code(code, meaning);
    }
    let about = about(name, queue, processes, &mut table);
    table.finish();
    command.map(|_| Unready {
        name: name.to_owned(),
        program,
        about,
    })
}

/// The words of the command.
pub(super) fn command(table: &mut Table<'_>) -> Option<Vec<String>> {
    if !table.has("command") {
        table.missing("command");
        return None;
    }
    let words = table.texts("command")?;
    if words.first().is_none_or(String::is_empty) {
        table.wrong("command", "a program and its arguments", "an empty list");
        return None;
    }
    Some(words)
}

/// The program, and how many processes of it there are.
fn pool(words: impl Iterator<Item = String>, table: &mut Table<'_>) -> (Program, Option<usize>) {
    let processes = table.whole("processes", 1, 1000).unwrap_or(1);
    let processes = usize::try_from(processes).unwrap_or(1);
    let mut program = Program::pool(words, processes);
    if table.flag("ahead") == Some(true) {
        program = program.ahead();
    }
    if let Some(most) = table.whole("max_tasks", 1, u32::MAX.into()) {
        program = program.max_tasks(most);
    }
    (program, Some(processes))
}

fn about(
    name: &str,
    queue: Option<String>,
    processes: Option<usize>,
    table: &mut Table<'_>,
) -> About {
    let given = table.identifier("type");
    // Tasks that wait in a pool would hold slots that others could use.
    let is_own = given.is_none() && check_identifier(name).is_ok();
    let own_limit = processes.filter(|_| is_own);
    let kind = given.or_else(|| own_limit.map(|_| name.to_owned()));
    let mut spec = TaskSpec::named(queue.as_deref().unwrap_or(name));
    if let Some(kind) = &kind {
        spec = spec.of_type(kind);
    }
    if let Some(text) = table.text("description") {
        spec = spec.described(text);
    }
    if let Some(version) = table.text("version") {
        spec = spec.version(version);
    }
    if let Some(limit) = table.seconds("timeout", false) {
        spec = spec.time_limit(limit);
    }
    About {
        spec,
        name: name.to_owned(),
        kind,
        own_limit,
        is_queue: queue.is_some(),
        needs: table.texts("needs").unwrap_or_default(),
    }
}

/// Working folder and environment.
fn surroundings(
    mut program: Program,
    table: &mut Table<'_>,
    here: &Path,
    is_pool: bool,
) -> Program {
    match table.text("working_folder").as_deref() {
        Some(OF_TASK) if is_pool => {
            table.wrong("working_folder", "a path: a pool has no task", "\"task\"");
        }
        None | Some(OF_TASK) => {}
        Some(folder) => program = program.working_folder(PathBuf::from(filled(folder, here))),
    }
    for (name, value) in table.texts_by_name("environment") {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            let place = format!(".{name}");
            table.wrong(
                &format!("environment{place}"),
                "a variable",
                "what none can be",
            );
            continue;
        }
        program = program.variable(name, filled(&value, here));
    }
    if let Some(names) = table.texts("inherit") {
        program = program.inherit(names);
    }
    program
}

fn limits(table: &mut Table<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(mut table) = table.table("limits") else {
        return limits;
    };
    limits.memory = table.bytes("memory", 1 << 20);
    limits.cpu_seconds = table.whole("cpu_seconds", 1, 1_000_000_000);
    limits.open_files = table.whole("open_files", 8, 1_000_000);
    if let Some(bytes) = table.bytes("line", 64) {
        limits.line = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if let Some(bytes) = table.bytes("output", 64) {
        limits.output = bytes;
    }
    if let Some(bytes) = table.bytes("stderr", 0) {
        // It goes into messages, which orchestrators keep.
        limits.stderr = usize::try_from(bytes.min(64 << 10)).unwrap_or(0);
    }
    table.finish();
    limits
}

/// Exit codes by the error codes they mean.
fn exit_codes(table: &mut Table<'_>) -> Vec<(u8, ErrorCode)> {
    let mut codes = Vec::new();
    for (code, meaning) in table.texts_by_name("exit_codes") {
        let place = format!("exit_codes.{code}");
        let Some(number) = code.parse::<u8>().ok().filter(|code| *code != 0) else {
            table.wrong(
                &place,
                "an exit code from 1 to 255 as the key",
                &format!("{code:?}"),
            );
            continue;
        };
        match ErrorCode::from(meaning.to_ascii_uppercase().as_str()) {
            ErrorCode::Custom(_) => {
                let known: Vec<_> = ErrorCode::ALL.iter().map(ErrorCode::as_str).collect();
                let expected = format!("one of {}", known.join(", "));
                table.wrong(&place, &expected, &format!("{meaning:?}"));
            }
            known => codes.push((number, known)),
        }
    }
    codes
}
