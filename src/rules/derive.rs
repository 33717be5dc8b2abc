//! Schemas of Rust types, in the form that orchestrators read.
//!
//! They are in draft 7, which is what avtomatika 1.0b30 checks with, parts are written
//! out in place (a type that contains itself still needs a reference), and defaults are
//! left out: that orchestrator would write them into the data it checks. Fields that may
//! be null may also be missing.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::checker::Checker;

/// The form of parameters and payloads. `None`: any form will do.
pub(crate) fn taken<T: JsonSchema>() -> Option<Value> {
    written::<T>(SchemaSettings::draft07().for_deserialize())
}

/// The form of payloads as they are sent. `None`: any form.
pub(crate) fn sent<T: JsonSchema>() -> Option<Value> {
    written::<T>(SchemaSettings::draft07().for_serialize())
}

/// The form of the data of a success. `None`: any form.
///
/// Data is always an object: null becomes an empty one, and whatever else is no object
/// goes into a field `result`, see [`Reply::success`](crate::Reply::success).
pub(crate) fn returned<T: JsonSchema>() -> Option<Value> {
    let mut schema = sent::<T>()?;
    let kind = schema.get("type").and_then(Value::as_str);
    match kind {
        Some("object") => return Some(schema),
        Some("null") => return Some(json!({ "type": "object" })),
        _ => {}
    }
    let takes_null = Checker::new(&schema).is_ok_and(|checker| checker.takes(&Value::Null));
    let is_plain = kind.is_some();
    let parts = schema
        .as_object_mut()
        .and_then(|schema| schema.remove(PARTS));
    let wrapped = json!({
        "type": "object",
        "properties": { "result": &schema },
        "required": ["result"],
    });
    let mut whole = if is_plain {
        wrapped
    } else {
        let empty = takes_null.then(|| json!({ "type": "object", "maxProperties": 0 }));
        let forms: Vec<_> = [schema, wrapped].into_iter().chain(empty).collect();
        json!({ "type": "object", "anyOf": forms })
    };
    if let Some(parts) = parts {
        whole[PARTS] = parts;
    }
    Some(whole)
}

/// Where types that contain themselves are described.
const PARTS: &str = "definitions";

fn written<T: JsonSchema>(settings: SchemaSettings) -> Option<Value> {
    let mut generator = settings
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(RecursiveTransform(fit_for_travel))
        .into_generator();
    // Not as a root, for references to the root would not survive being wrapped.
    let mut schema = generator.subschema_for::<T>();
    let parts = generator.take_definitions(false);
    if !parts.is_empty() {
        schema.insert(PARTS.to_owned(), Value::Object(parts));
    }
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    match schema.to_value() {
        Value::Object(schema) if says_something(&schema) => Some(Value::Object(schema)),
        Value::Bool(false) => Some(json!({ "not": {} })),
        _ => None,
    }
}

/// Leaves out what does not survive the way to the orchestrator and back: defaults,
/// and that fields which may be null have to be there, for RXON 1.0b17 sends no nulls.
fn fit_for_travel(schema: &mut Schema) {
    schema.remove("default");
    let nullable: Vec<String> = match schema.get("properties").and_then(Value::as_object) {
        Some(fields) => {
            let fields = fields.iter().filter(|(_, form)| may_be_null(form));
            fields.map(|(name, _)| name.clone()).collect()
        }
        None => return,
    };
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| !nullable.iter().any(|other| name == other));
        if required.is_empty() {
            schema.remove("required");
        }
    }
}

fn may_be_null(schema: &Value) -> bool {
    let Some(schema) = schema.as_object() else {
        return *schema == Value::Bool(true);
    };
    let any = |value: &Value, fits: fn(&Value) -> bool| match value {
        Value::Array(several) => several.iter().any(fits),
        one => fits(one),
    };
    let says = |word: &str, fits| schema.get(word).map(|value| any(value, fits));
    let words = [
        says("type", |kind| kind == "null"),
        says("anyOf", may_be_null),
        says("oneOf", may_be_null),
        says("enum", Value::is_null),
        schema.get("const").map(Value::is_null),
        schema.get("$ref").map(|_| false),
        schema.get("not").map(|_| false),
    ];
    words.into_iter().flatten().all(|allowed| allowed)
}

fn says_something(schema: &Map<String, Value>) -> bool {
    let words = ["title", "description"];
    schema.keys().any(|name| !words.contains(&name.as_str()))
}
