//! The table of all variables: name, key of the file, default, kind, place.

/// Rows of the table: name, key, default and kind; where the value goes; the meaning.
macro_rules! table {
    ($($name:tt $key:literal $default:literal $kind:expr => $slot:ident $set:expr, $meaning:literal;)*) => {
        &[$($crate::config::variables::Variable {
            name: $name,
            key: $key,
            default: $default,
            kind: $kind,
            meaning: $meaning,
            slot: $crate::config::draft::Slot::$slot($set),
        }),*]
    };
}

mod files;
mod machine;
mod orchestrators;
mod telemetry;
mod work;

use super::RxonVersion;
use super::draft::Slot;
use super::kind::Kind;

/// One environment variable, and the key of the file that sets the same.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Variable {
    /// The name of the variable.
    pub name: &'static str,
    /// The key of the file; `timing.poll_timeout` is `poll_timeout` in `[timing]`.
    /// Variables with the same key set the same thing: the one that comes first in
    /// [`VARIABLES`] wins. Empty if the file cannot set it.
    pub key: &'static str,
    /// The default as one would write it, or in parentheses what happens without.
    pub default: &'static str,
    /// What it holds, and what is allowed.
    pub kind: Kind,
    /// What it means, in one line.
    pub meaning: &'static str,
    pub(super) slot: Slot,
}

impl Variable {
    /// Whether an empty text is a value, and so probably a mistake, rather than
    /// not set: a worker that silently goes by another name, or to another
    /// orchestrator, helps nobody.
    pub(super) fn blank_counts(&self) -> bool {
        matches!(self.kind, Kind::Identifier | Kind::OrchestratorUrl)
    }

    /// Whether `NAME_FILE` may name a file that holds the value: those that are secrets, or
    /// have some in them.
    pub(super) fn has_file(&self) -> bool {
        self.kind.is_secret() || self.key == "orchestrators"
    }

    /// Whether it is one of OpenTelemetry's, which whole fleets of programs share. A
    /// value that we cannot use is passed over with a warning, as its specification has it.
    pub(super) fn is_shared(&self) -> bool {
        self.name.starts_with("OTEL_")
    }
}

/// Begins the names of all variables that [`Settings::extra`](super::Settings::extra)
/// is made of. The table has one row for them, whose name ends in `*`.
pub(super) const EXTRA_PREFIX: &str = "WORKER_EXTRA_";
/// The key of the file for the same.
pub(super) const EXTRA_KEY: &str = "extra";

/// Ends the name of a variable that names the file with the value of another.
pub(super) const FILE_SUFFIX: &str = "_FILE";

/// Names the optional file.
pub(super) const FILE_VARIABLE: &str = "AXON_WORKER_CONFIG";

const SECONDS: Kind = Kind::Seconds { above_zero: false };
const SOME_SECONDS: Kind = Kind::Seconds { above_zero: true };
const SWITCH: Kind = Kind::OneOf(&["auto", "on", "off"]);
pub(super) const RXON_VERSION_WORDS: &[&str] = &["auto", "1.0b2", "1.0b17"];
/// Their meaning, in the same order.
pub(super) const RXON_VERSIONS: [(&str, RxonVersion); 3] = [
    (RXON_VERSION_WORDS[0], RxonVersion::Auto),
    (RXON_VERSION_WORDS[1], RxonVersion::V1_0b2),
    (RXON_VERSION_WORDS[2], RxonVersion::V1_0b17),
];

const fn whole(min: u32, max: u32) -> Kind {
    Kind::Whole { min, max }
}

/// All variables, by topic. Where two of them set the same thing, the stronger is first.
pub const VARIABLES: &[Variable] = &ALL;

/// The tables of the topics.
const TABLES: [&[Variable]; 6] = [
    orchestrators::ORCHESTRATORS,
    work::WORK,
    machine::MACHINE,
    files::FILES,
    telemetry::TELEMETRY,
    FILE,
];

const FILE: &[Variable] = table! {
    FILE_VARIABLE "" "(none)" Kind::Path
        => File (), "A TOML file with settings.";
};

const ALL: [Variable; COUNT] = joined();
const COUNT: usize = {
    let (mut count, mut at) = (0, 0);
    while at < TABLES.len() {
        count += TABLES[at].len();
        at += 1;
    }
    count
};

/// What `TABLES.concat()` would be, which no constant can be.
const fn joined() -> [Variable; COUNT] {
    let mut all = [FILE[0]; COUNT];
    let (mut next, mut table) = (0, 0);
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            all[next] = TABLES[table][row];
            next += 1;
            row += 1;
        }
        table += 1;
    }
    all
}
