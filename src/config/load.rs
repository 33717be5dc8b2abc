//! Putting the layers together: defaults, the file, the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use config::{Config, Map, Value, ValueKind};
use serde_json::Value as Json;

use super::draft::Draft;
use super::kind::Kind;
use super::problem::{ConfigError, Notes, Place};
use super::resolved::{Findings, Inspection, Origin, Resolved};
use super::settings::{Settings, temporary_state_dir};
use super::source::Layer;
use super::variables::{EXTRA_KEY, EXTRA_PREFIX, FILE_SUFFIX, FILE_VARIABLE, VARIABLES, Variable};

use super::{file, finish, read, source};

/// Settings, and what an operator should know about them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What is odd but can be lived with, such as a default token.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// The settings; the warnings go to the log.
    #[must_use]
    pub fn into_settings(self) -> Settings {
        for warning in &self.warnings {
            tracing::warn!("configuration: {warning}");
        }
        self.settings
    }
}

impl Settings {
    /// Reads the settings: defaults, then the file that `AXON_WORKER_CONFIG` names,
    /// then the environment of this process; the later one wins.
    ///
    /// # Errors
    /// All that is wrong, each problem naming its variable or key.
    pub fn load() -> Result<Loaded, ConfigError> {
        Self::load_where(|_| true)
    }

    /// [`Settings::load`], but of the environment only these variables.
    pub(crate) fn load_where(wanted: fn(&Variable) -> bool) -> Result<Loaded, ConfigError> {
        let (vars, notes) = of_process(wanted);
        from_map(&vars, notes)
    }

    /// Reads the settings like [`load`](Self::load) and tells where each comes from.
    /// `file` stands in for `AXON_WORKER_CONFIG` if it is given.
    #[must_use]
    pub fn inspect(file: Option<&str>) -> Inspection {
        let (mut vars, notes) = of_process(|_| true);
        if let Some(file) = file {
            vars.insert(FILE_VARIABLE.to_owned(), file.to_owned());
        }
        let mut inspection = inspect(&vars, notes);
        if file.is_some()
            && let Some(named) = inspection.resolved.last_mut()
        {
            named.origin = Origin::Program;
        }
        inspection
    }

    /// The same from these variables instead of the environment.
    ///
    /// ```
    /// use axon_worker::config::{Origin, Settings};
    ///
    /// let inspection = Settings::inspect_vars([("WORKER_TOKEN".to_owned(), "s3cret".to_owned())]);
    /// let token = inspection.resolved.iter().find(|it| it.key == "worker_token").unwrap();
    /// assert_eq!(token.value, "(set, not shown)");
    /// assert_eq!(token.origin, Origin::Variable("WORKER_TOKEN".to_owned()));
    /// assert!(inspection.settings.is_ok());
    /// ```
    #[must_use]
    pub fn inspect_vars(vars: impl IntoIterator<Item = (String, String)>) -> Inspection {
        inspect(&vars.into_iter().collect(), Notes::default())
    }

    /// Reads the settings like [`load`](Self::load), from these variables instead of
    /// the environment.
    ///
    /// ```
    /// use axon_worker::config::Settings;
    ///
    /// let vars = [("MAX_CONCURRENT_TASKS".to_owned(), "ten".to_owned())];
    /// let error = Settings::from_vars(vars).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "MAX_CONCURRENT_TASKS: expected a whole number from 1 to 1000000, got \"ten\""
    /// );
    /// ```
    ///
    /// # Errors
    /// All that is wrong, each problem naming its variable or key.
    pub fn from_vars(
        vars: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        from_map(&vars.into_iter().collect(), Notes::default())
    }
}

/// The variables of this process that concern us, as far as they are wanted.
pub(super) fn of_process(wanted: fn(&Variable) -> bool) -> (BTreeMap<String, String>, Notes) {
    let mut notes = Notes::default();
    let mut vars = BTreeMap::new();
    let is_wanted = |it: &&Variable| wanted(it) || it.name == FILE_VARIABLE;
    for variable in VARIABLES.iter().filter(is_wanted) {
        // Only what is ours: others may well hold something that is no text.
        match std::env::var(variable.name) {
            Ok(text) => drop(vars.insert(variable.name.to_owned(), text)),
            Err(std::env::VarError::NotPresent) => {}
            Err(std::env::VarError::NotUnicode(_)) => {
                let place = Place::variable(variable.name);
                let wrong = place.wrong(variable.kind, "bytes that are not UTF-8");
                if variable.is_shared() {
                    notes.warn(format!("{wrong}; ignored"));
                } else {
                    notes.problem(wrong);
                }
            }
        }
    }
    for name in STATE_VARIABLES {
        // Not ours; what is no text is as if it were not set.
        if let Ok(text) = std::env::var(name) {
            vars.insert(name.to_owned(), text);
        }
    }
    let wants_extra = VARIABLES.iter().any(|it| it.key == EXTRA_KEY && wanted(it));
    // Whoever wants all of them is also told of those that only look like ours.
    for (name, text) in std::env::vars_os().filter(|_| wants_extra) {
        let Ok(name) = name.into_string() else {
            continue;
        };
        if VARIABLES.iter().any(|known| known.name == name) {
            continue;
        }
        match text.into_string() {
            Ok(text) => drop(vars.insert(name, text)),
            Err(_) if name.starts_with(EXTRA_PREFIX) => {
                let place = Place::variable(&name);
                notes.problem(place.wrong(Kind::Text, "bytes that are not UTF-8"));
            }
            Err(_) => {}
        }
    }
    (vars, notes)
}

fn from_map(vars: &BTreeMap<String, String>, notes: Notes) -> Result<Loaded, ConfigError> {
    let Inspection {
        warnings, settings, ..
    } = inspect(vars, notes);
    Ok(Loaded {
        settings: settings?,
        warnings,
    })
}

fn inspect(vars: &BTreeMap<String, String>, mut notes: Notes) -> Inspection {
    let (settings, resolved, _) = read_all(vars, &[], &mut notes);
    let (warnings, error) = notes.finish();
    Inspection {
        resolved,
        warnings,
        settings: error.map_or(Ok(settings), Err),
    }
}

/// The settings, where each comes from, and the tables of the file with the names `beside`.
pub(super) fn read_all(
    vars: &BTreeMap<String, String>,
    beside: &[&str],
    notes: &mut Notes,
) -> (Settings, Vec<Resolved>, BTreeMap<String, Json>) {
    let path = vars.get(FILE_VARIABLE).map_or("", |path| path.trim());
    let (from_file, beside) = if path.is_empty() {
        Default::default()
    } else {
        file::read(path, beside, notes)
    };
    let from_env = source::environment(vars, notes);
    let mut merged = merge(from_file, from_env);
    one_list_of_orchestrators(&mut merged, notes);

    let mut draft = Draft::default();
    let mut findings = Findings::default();
    let mut done = BTreeSet::new();
    for variable in VARIABLES {
        let Some(value) = find(&merged, variable.key) else {
            continue;
        };
        // Aliases share a key, a kind and a slot: the first one stands for all.
        if !done.insert(variable.key) {
            continue;
        }
        let (place, origin) = match value.origin() {
            Some(name) => {
                let place = Place::variable(name);
                // Named by another variable than its own, which then names a file.
                let path = vars.get(name).filter(|_| name.ends_with(FILE_SUFFIX));
                let place = match path {
                    Some(path) => place.with_value_file(path.trim().into()),
                    None => place,
                };
                (place, Origin::Variable(name.to_owned()))
            }
            None => {
                let place = Place::key(variable.key, path);
                (place, Origin::File(path.to_owned()))
            }
        };
        let raw = to_json(value);
        let blank = raw.as_str().is_some_and(|text| text.trim().is_empty());
        if !blank || variable.blank_counts() {
            let mut found = Notes::default();
            read::put(variable, &place, &raw, &mut draft, &mut found);
            if variable.is_shared() && value.origin().is_some() {
                found = found.into_warnings();
            }
            findings.note(variable, origin, &raw, found.has_problems());
            notes.add(found);
        }
    }
    draft.settings.journal.state_dir = state_dir(vars);
    let settings = finish::finish(draft, notes);
    let resolved = findings.resolve(&settings, path);
    let beside = beside.into_iter();
    let beside = beside.map(|(name, table)| (name, to_json(&table)));
    (settings, resolved, beside.collect())
}

/// Where systems say that a program keeps its state, the most particular first.
const STATE_VARIABLES: [&str; 3] = ["STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"];

/// Returns the folder for what outlives the process: that of the systemd unit, else one in
/// the user's folder for state, else one for temporary files.
fn state_dir(vars: &BTreeMap<String, String>) -> PathBuf {
    const NAME: &str = "axon-worker";
    let [unit, state, home] = STATE_VARIABLES.map(|name| {
        // A unit may have several folders.
        let first = vars.get(name)?.split(':').next()?;
        Some(PathBuf::from(first)).filter(|path| path.is_absolute())
    });
    unit.or_else(|| Some(state?.join(NAME)))
        .or_else(|| Some(home?.join(".local/state").join(NAME)))
        .unwrap_or_else(temporary_state_dir)
}

fn merge(lower: Layer, upper: Layer) -> Map<String, Value> {
    let merged = Config::builder()
        .add_source(lower)
        .add_source(upper)
        .build()
        .expect("our layers hand out what they hold, and their keys are valid paths");
    match merged.cache.kind {
        ValueKind::Table(table) => table,
        _ => Map::new(),
    }
}

/// Settles who names the orchestrators: the higher layer, and within one the list.
fn one_list_of_orchestrators(merged: &mut Map<String, Value>, notes: &mut Notes) {
    let (Some(list), Some(url)) = (merged.get("orchestrators"), merged.get("orchestrator_url"))
    else {
        return;
    };
    if list.origin().is_none() && url.origin().is_some() {
        merged.remove("orchestrators");
        return;
    }
    if list.origin().is_some() == url.origin().is_some() {
        notes.warn("ORCHESTRATOR_URL is ignored: ORCHESTRATORS_CONFIG is set as well");
    }
    merged.remove("orchestrator_url");
}

fn find<'a>(table: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((first, rest)) => match &table.get(first)?.kind {
            ValueKind::Table(inner) => find(inner, rest),
            _ => None,
        },
    }
}

fn to_json(value: &Value) -> Json {
    match &value.kind {
        ValueKind::Nil => Json::Null,
        ValueKind::Boolean(flag) => Json::from(*flag),
        ValueKind::I64(n) => Json::from(*n),
        ValueKind::U64(n) => Json::from(*n),
        ValueKind::I128(n) => Json::from(n.to_string()),
        ValueKind::U128(n) => Json::from(n.to_string()),
        // TOML has inf and nan, which stay visible as text.
        ValueKind::Float(n) if !n.is_finite() => Json::from(n.to_string()),
        ValueKind::Float(n) => Json::from(*n),
        ValueKind::String(text) => Json::from(text.as_str()),
        ValueKind::Table(table) => table
            .iter()
            .map(|(name, value)| (name.clone(), to_json(value)))
            .collect(),
        ValueKind::Array(items) => items.iter().map(to_json).collect(),
    }
}
