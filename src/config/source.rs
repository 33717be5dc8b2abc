//! One layer of settings for the `config` crate, and the layer of the environment.
//!
//! The crate's own environment source does not fit flat names: it takes in every
//! variable, and its errors do not name them.

use std::collections::BTreeMap;
use std::fmt;

use config::{Map, Source, Value, ValueKind};

use super::kind::Kind;
use super::problem::Notes;
use super::read::not_json;
use super::shapes::structure;
use super::variables::{EXTRA_KEY, EXTRA_PREFIX, VARIABLES};

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
    let mut layer = Map::new();
    let mut winners = BTreeMap::new();
    let single = VARIABLES
        .iter()
        .filter(|variable| !variable.key.is_empty() && variable.key != EXTRA_KEY);
    for variable in single {
        let Some(text) = vars.get(variable.name) else {
            continue;
        };
        if text.trim().is_empty() && !variable.blank_counts() {
            continue;
        }
        if let Kind::Json { lenient: true, .. } = variable.kind
            && let Err(e) = serde_json::from_str::<serde_json::Value>(text)
        {
            notes.warn(format!("{}: ignored {}", variable.name, not_json(&e)));
            continue;
        }
        if let Some((winner, value)) = winners.get(variable.key) {
            // A worker token beside an individual one is the usual setup.
            if *value != text && variable.kind != Kind::Secret {
                notes.warn(format!(
                    "{} is ignored: {winner} is set as well",
                    variable.name
                ));
            }
            continue;
        }
        winners.insert(variable.key, (variable.name, text));
        let origin = variable.name.to_owned();
        layer.insert(
            variable.key.to_owned(),
            Value::new(Some(&origin), text.clone()),
        );
    }
    let extra = extra(vars, notes);
    if !extra.is_empty() {
        let origin = EXTRA_PREFIX.to_owned();
        let table = Value::new(Some(&origin), ValueKind::Table(extra));
        layer.insert(EXTRA_KEY.to_owned(), table);
    }
    Layer(layer)
}

/// The variables that share a prefix, by the rest of their names in lower case.
fn extra(vars: &BTreeMap<String, String>, notes: &mut Notes) -> Map<String, Value> {
    let mut table = Map::new();
    let named = vars
        .iter()
        .filter_map(|(name, text)| Some((name, name.strip_prefix(EXTRA_PREFIX)?, text)));
    for (name, rest, text) in named.filter(|(.., text)| !text.trim().is_empty()) {
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
