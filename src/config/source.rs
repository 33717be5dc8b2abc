//! One layer of settings for the `config` crate, and the layer of the environment.
//!
//! The crate's own environment source does not fit flat names: it takes in every
//! variable, and its errors do not name them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use config::{Map, Source, Value, ValueKind};

use super::kind::Kind;
use super::problem::{Notes, Place};
use super::read::{not_json, quoted};
use super::secret::value_of;
use super::shapes::structure;
use super::strangers::{self, ServiceLinks};
use super::variables::{EXTRA_KEY, EXTRA_PREFIX, FILE_SUFFIX, VARIABLES};

/// Values by key path. A value's origin is the variable it came from, if any.
#[derive(Clone, Default)]
pub(super) struct Layer(pub(super) Map<String, Value>);

impl fmt::Debug for Layer {
    /// Only the keys: the values hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

/// The layer of the environment: every variable of the table that is set.
///
/// Where several variables give one setting, the first of the table wins.
pub(super) fn environment(vars: &BTreeMap<String, String>, notes: &mut Notes) -> Layer {
    let links = ServiceLinks::among(vars);
    strangers::warn(vars, &links, notes);
    let of_files = files(vars, notes);

    let mut passed_over = Vec::new();
    let mut layer = Map::new();
    let mut winners = BTreeMap::new();
    let single = VARIABLES
        .iter()
        .filter(|variable| !variable.key.is_empty() && variable.key != EXTRA_KEY);
    for variable in single {
        let (name, text) = match (vars.get(variable.name), of_files.get(variable.name)) {
            (_, Some((name, text))) => (name.as_str(), text),
            (Some(text), None) => (variable.name, text),
            (None, None) => continue,
        };
        if text.trim().is_empty() && !variable.blank_counts() {
            continue;
        }
        if links.has(name) {
            passed_over.push(name);
            continue;
        }
        if let Kind::Json { lenient: true, .. } = variable.kind
            && let Err(e) = serde_json::from_str::<serde_json::Value>(text)
        {
            notes.warn(format!("{name}: ignored {}", not_json(&e)));
            continue;
        }
        if let Some((winner, value)) = winners.get(variable.key) {
            // A worker token beside an individual one is the usual setup.
            if *value != text && !variable.kind.is_secret() {
                notes.warn(format!("{name} is ignored: {winner} is set as well"));
            }
            continue;
        }
        winners.insert(variable.key, (name, text));
        let origin = name.to_owned();
        layer.insert(
            variable.key.to_owned(),
            Value::new(Some(&origin), text.clone()),
        );
    }
    passed_over.extend(vars.keys().map(String::as_str).filter(|name| {
        let is_extra = name.starts_with(EXTRA_PREFIX);
        is_extra && links.has(name)
    }));
    if !passed_over.is_empty() {
        notes.warn(format!(
            "{} tell the address of a service and are passed over; enableServiceLinks: false in \
             the specification of the pod keeps them out",
            passed_over.join(", ").escape_debug()
        ));
    }
    let extra = extra(vars, &links, notes);
    if !extra.is_empty() {
        let origin = EXTRA_PREFIX.to_owned();
        let table = Value::new(Some(&origin), ValueKind::Table(extra));
        layer.insert(EXTRA_KEY.to_owned(), table);
    }
    Layer(layer)
}

/// What the files hold that variables such as `WORKER_TOKEN_FILE` name, with the names of
/// these, by the variable that they stand for.
fn files(
    vars: &BTreeMap<String, String>,
    notes: &mut Notes,
) -> BTreeMap<&'static str, (String, String)> {
    let mut found = BTreeMap::new();
    for variable in VARIABLES.iter().filter(|variable| variable.has_file()) {
        let name = format!("{}{FILE_SUFFIX}", variable.name);
        let Some(path) = vars
            .get(&name)
            .map(|it| it.trim())
            .filter(|it| !it.is_empty())
        else {
            continue;
        };
        if vars
            .get(variable.name)
            .is_some_and(|it| !it.trim().is_empty())
        {
            notes.warn(format!(
                "{name} is ignored: {} is set as well",
                variable.name
            ));
            continue;
        }

        match value_of(Path::new(path)) {
            Ok(text) => drop(found.insert(variable.name, (name, text))),
            Err(error) => {
                let path = quoted(path);
                let place = Place::variable(&name);
                notes.problem(place.wrong("a file with the value", format!("{path}: {error}")));
            }
        }
    }
    found
}

/// The variables that share a prefix, by the rest of their names in lower case.
fn extra(
    vars: &BTreeMap<String, String>,
    links: &ServiceLinks<'_>,
    notes: &mut Notes,
) -> Map<String, Value> {
    let mut table = Map::new();
    let named = vars
        .iter()
        .filter_map(|(name, text)| Some((name, name.strip_prefix(EXTRA_PREFIX)?, text)));
    let named = named.filter(|(name, _, text)| !text.trim().is_empty() && !links.has(name));
    for (name, rest, text) in named {
        let rest = rest.to_lowercase();
        if rest.is_empty() || table.contains_key(&rest) {
            notes.warn(format!(
                "{} is ignored: it has no name of its own",
                name.escape_debug()
            ));
            continue;
        }
        if let Some(Err(e)) = structure(text.trim()) {
            let name = name.escape_debug();
            notes.warn(format!(
                "{name} is passed on as text: it is {}",
                not_json(&e)
            ));
        }
        table.insert(rest, Value::new(Some(name), text.trim()));
    }
    table
}
