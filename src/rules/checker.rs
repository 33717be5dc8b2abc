//! One compiled schema.

use jsonschema::{Draft, Validator};
use serde_json::Value;

use super::readable;
use crate::json::RawJson;

/// A schema that values can be checked against.
#[derive(Debug)]
pub(super) struct Checker(Validator);

impl Checker {
    /// Compiles a schema. One that does not name its draft is read as draft 7, as
    /// avtomatika 1.0b30 does. Nothing is fetched: a reference has to be to a part of
    /// the schema itself.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(schema: &Value) -> Result<Self, String> {
        if !schema.is_object() {
            return Err("a schema must be an object".to_owned());
        }
        let options = jsonschema::options().offline();
        let options = match schema.get("$schema") {
            Some(_) => options,
            None => options.with_draft(Draft::Draft7),
        };
        let compiled = options.build(schema);
        compiled
            .map(Self)
            .map_err(|error| match error.instance_path().as_str() {
                "" => error.to_string(),
                place => format!("{error} at {place}"),
            })
    }

    /// Whether a value fits.
    ///
    /// # Errors
    /// The first fault, in words that name the field.
    pub(super) fn check(&self, json: &RawJson) -> Result<(), String> {
        let value: Value = serde_json::from_slice(json.as_bytes()).map_err(|e| e.to_string())?;
        let checked = self.0.validate(&value);
        checked.map_err(|error| readable::fault(&error, &value))
    }

    pub(super) fn takes(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }
}
