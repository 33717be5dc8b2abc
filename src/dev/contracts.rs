//! The JSON schemas that a worker announced with its skills (RXON 1.0b17).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::{Map, Value};

/// The schemas of one skill, ready to be used.
#[derive(Default)]
pub(crate) struct Contract {
    input: Option<Validator>,
    output: Option<Validator>,
    events: HashMap<String, Validator>,
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract").finish_non_exhaustive()
    }
}

impl Contract {
    /// Of an entry of `supported_skills`. A schema in another dialect than `json-schema`, or
    /// one that is none, is not checked.
    pub(crate) fn of(skill: &Value) -> Arc<Self> {
        let dialect = skill.get("schema_dialect").and_then(Value::as_str);
        if dialect.is_some_and(|dialect| dialect != "json-schema") {
            return Arc::default();
        }
        let events = skill.get("events_schema").and_then(Value::as_object);
        let events = events.into_iter().flatten();
        Arc::new(Self {
            input: compiled(skill.get("input_schema")),
            output: compiled(skill.get("output_schema")),
            events: events
                .filter_map(|(kind, schema)| Some((kind.clone(), compiled(Some(schema))?)))
                .collect(),
        })
    }

    pub(crate) fn check_input(&self, params: &Value) -> Result<(), String> {
        check(self.input.as_ref(), params)
    }

    /// `data` is what a successful result left.
    pub(crate) fn check_output(&self, data: Option<&Value>) -> Result<(), String> {
        check(self.output.as_ref(), data.unwrap_or(&Value::Null))
    }

    /// Events of a kind that is not declared are not checked.
    pub(crate) fn check_event(
        &self,
        kind: &str,
        payload: &Map<String, Value>,
    ) -> Result<(), String> {
        match self.events.get(kind) {
            None => Ok(()),
            validator => check(validator, &Value::Object(payload.clone())),
        }
    }
}

fn compiled(schema: Option<&Value>) -> Option<Validator> {
    let schema = schema.filter(|schema| !schema.is_null())?;
    jsonschema::validator_for(schema)
        .inspect_err(|error| tracing::warn!(%error, "a schema that is none is not checked"))
        .ok()
}

/// The error names the place by its JSON pointer.
fn check(validator: Option<&Validator>, value: &Value) -> Result<(), String> {
    let Some(error) = validator.and_then(|validator| validator.iter_errors(value).next()) else {
        return Ok(());
    };
    let place = error.instance_path().to_string();
    match place.as_str() {
        "" => Err(error.to_string()),
        _ => Err(format!("{error} at {place}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let number = json!({"type": "object", "properties": {"n": {"type": "integer"}},
            "required": ["n"]});
        let contract = Contract::of(&json!({"name": "s", "input_schema": number,
            "output_schema": number, "events_schema": {"tick": number}}));
        assert_eq!(contract.check_output(Some(&json!({"n": 1}))), Ok(()));
        let error = contract.check_input(&json!({"n": "x"})).unwrap_err();
        assert!(error.contains("/n"), "{error}");
        assert!(contract.check_output(None).is_err());
        let payload = Map::new();
        assert!(contract.check_event("tick", &payload).is_err());
        assert_eq!(contract.check_event("tock", &payload), Ok(()));
    }

    #[test]
    fn what_is_no_json_schema_is_not_checked() {
        for skill in [
            json!({"name": "s"}),
            json!({"name": "s", "output_schema": {"type": 7}}),
            json!({"name": "s", "schema_dialect": "other", "output_schema": false}),
        ] {
            assert_eq!(Contract::of(&skill).check_output(None), Ok(()), "{skill}");
        }
    }
}
