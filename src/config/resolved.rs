//! What every setting is and where its value comes from, for people to read.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value as Json, json};

use super::kind::Kind;
use super::problem::ConfigError;
use super::read::shown;
use super::settings::{OrchestratorSettings, Settings};
use super::variables::{FILE_VARIABLE, VARIABLES, Variable};
use super::{RxonVersion, url};

/// What is said in place of a secret.
const HIDDEN: &str = "(set, not shown)";
/// What is said in place of a value that is one of the problems.
const WRONG: &str = "(wrong, see the problems)";

/// All settings with their origins, whether they can be used or not: see
/// [`Settings::inspect`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inspection {
    /// One for each setting, in the order of [`VARIABLES`]. Variables that set the same
    /// thing are one.
    pub resolved: Vec<Resolved>,
    /// What is odd but can be lived with, also beside problems.
    pub warnings: Vec<String>,
    /// The settings, or all that is wrong with them.
    pub settings: Result<Settings, ConfigError>,
}

/// One setting as it is in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// The variable that sets it: of several the one that did, else the one that has the
    /// default.
    pub variable: &'static str,
    /// The key of the file; empty if the file cannot set it.
    pub key: &'static str,
    /// Its value as one would write it, or in parentheses what there is to say. Never
    /// holds a secret.
    pub value: String,
    /// Where the value comes from.
    pub origin: Origin,
}

/// Where the value of a setting comes from. Prints as a word or two and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nothing was said of it.
    Default,
    /// The file at this path.
    File(String),
    /// The variable of this name.
    Variable(String),
    /// The program itself, in its builder or by an argument.
    Program,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.escape_debug()),
            Self::Variable(name) => write!(f, "environment {}", name.escape_debug()),
            Self::Program => f.write_str("program"),
        }
    }
}

/// What was found for each key on the way, before the settings are put together.
#[derive(Debug, Default)]
pub(super) struct Findings(BTreeMap<&'static str, (Origin, String)>);

impl Findings {
    /// Notes a value that was given. `is_wrong`: it is among the problems.
    pub(super) fn note(&mut self, variable: &Variable, origin: Origin, raw: &Json, is_wrong: bool) {
        let value = if is_wrong {
            WRONG.to_owned()
        } else {
            told(variable, raw)
        };
        self.0.insert(variable.key, (origin, value));
    }

    /// All settings. Values that are found out, such as a random id, are those of `settings`.
    pub(super) fn resolve(mut self, settings: &Settings, file: &str) -> Vec<Resolved> {
        let mut resolved: Vec<Resolved> = Vec::with_capacity(VARIABLES.len());
        for variable in VARIABLES {
            let is_alias = resolved.iter().any(|known| known.key == variable.key);
            if variable.name == FILE_VARIABLE || is_alias {
                continue;
            }
            let (origin, value) = match self.0.remove(variable.key) {
                Some((origin, value)) => (origin, with_settings(variable, value, settings)),
                None => (Origin::Default, by_default(spoken_of(variable), settings)),
            };
            let by_name = |it: &&Variable| origin == Origin::Variable(it.name.to_owned());
            let named = VARIABLES.iter().find(by_name);
            let named = named.unwrap_or_else(|| spoken_of(variable));
            resolved.push(Resolved {
                variable: named.name,
                key: variable.key,
                value,
                origin,
            });
        }
        let (origin, value) = match file {
            "" => (Origin::Default, "(none)".to_owned()),
            path => {
                let named = Origin::Variable(FILE_VARIABLE.to_owned());
                (named, path.to_owned())
            }
        };
        resolved.push(Resolved {
            variable: FILE_VARIABLE,
            key: "",
            value,
            origin,
        });
        resolved
    }
}

/// Of the variables that set the same thing, the one that has the default.
fn spoken_of(variable: &'static Variable) -> &'static Variable {
    let mut all = VARIABLES.iter().filter(|it| it.key == variable.key);
    all.find(|it| !it.default.starts_with('('))
        .unwrap_or(variable)
}

/// A good value as it was given.
fn told(variable: &Variable, raw: &Json) -> String {
    match (variable.kind, raw) {
        (kind, _) if kind.is_secret() => HIDDEN.to_owned(),
        // A controller may be shown a key in the query of its address.
        (Kind::ControllerUrl, Json::String(text)) => match text.trim().split_once('?') {
            Some((address, _)) => format!("{address}?(not shown)"),
            None => text.trim().to_owned(),
        },
        (Kind::Url | Kind::OrchestratorUrl, Json::String(text)) => {
            url::base_url(text.trim(), true).unwrap_or_else(|| url::shown(text))
        }
        (_, Json::String(text)) => text.trim().to_owned(),
        (Kind::Json { .. }, structure) => structure.to_string(),
        (_, plain) => shown(plain),
    }
}

/// A list of orchestrators is told without tokens.
fn with_settings(variable: &Variable, value: String, settings: &Settings) -> String {
    match variable.key {
        "orchestrators" if value != WRONG => {
            let list = settings.orchestrators.iter();
            Json::Array(list.map(orchestrator).collect()).to_string()
        }
        _ => value,
    }
}

fn orchestrator(one: &OrchestratorSettings) -> Json {
    let version = match one.rxon_version {
        RxonVersion::Auto => "auto",
        RxonVersion::V1_0b2 => "1.0b2",
        RxonVersion::V1_0b17 => "1.0b17",
    };
    json!({
        "url": one.url,
        "priority": one.priority,
        "weight": one.weight,
        "rxon_version": version,
        "token": HIDDEN,
    })
}

/// What there is when nothing was said.
fn by_default(variable: &Variable, settings: &Settings) -> String {
    match variable.key {
        "worker_id" => format!("{} (random)", settings.worker_id),
        "intake.handler_threads" => settings.intake.handler_threads.to_string(),
        "journal.dir" => match settings.journal_dir() {
            Some(dir) => dir.display().to_string(),
            None => "(no journal)".to_owned(),
        },
        "orchestrator_url" if !is_default(settings) => "(not used)".to_owned(),
        _ if variable.kind.is_secret() && !variable.default.starts_with('(') => {
            "(a default that everybody knows)".to_owned()
        }
        _ => variable.default.to_owned(),
    }
}

/// Whether the one orchestrator of the default is there.
fn is_default(settings: &Settings) -> bool {
    let default = Settings::default().orchestrators;
    let urls = |list: &[OrchestratorSettings]| -> Vec<String> {
        list.iter().map(|one| one.url.clone()).collect()
    };
    urls(&settings.orchestrators) == urls(&default)
}
