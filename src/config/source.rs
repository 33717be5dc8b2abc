//! One layer of settings for the `config` crate, and the layer of the environment.
//!
//! The crate's own environment source does not fit flat names: it takes in every
//! variable, and its errors do not name them.

use std::collections::BTreeMap;
use std::fmt;

use config::{Map, Source, Value};

use super::kind::Kind;
use super::problem::Notes;
use super::read::not_json;
use super::variables::VARIABLES;

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
    for variable in VARIABLES.iter().filter(|variable| !variable.key.is_empty()) {
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
    Layer(layer)
}
