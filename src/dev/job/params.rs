//! Parameters of a step, with references to the job's input and data.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The parameters as they stand in the plan.
#[derive(Debug)]
pub(crate) enum Params {
    /// No references: written once, shared by every task.
    Fixed(Arc<RawValue>),
    /// Filled in when the step begins.
    Template(Value),
}

impl Params {
    pub(crate) fn new(value: Value) -> Self {
        if has_reference(&value) {
            Self::Template(value)
        } else {
            Self::Fixed(written(&value))
        }
    }

    /// The parameters with every reference replaced.
    ///
    /// # Errors
    /// The first reference that leads nowhere.
    pub(crate) fn fill(
        &self,
        input: &Value,
        data: &Map<String, Value>,
    ) -> Result<Arc<RawValue>, String> {
        match self {
            Self::Fixed(text) => Ok(Arc::clone(text)),
            Self::Template(value) => filled(value, input, data).map(|value| written(&value)),
        }
    }
}

fn written(value: &Value) -> Arc<RawValue> {
    let raw = serde_json::value::to_raw_value(value).expect("a JSON value can always be written");
    Arc::from(raw)
}

/// A text that stands for another value: `$input`, `$data`, or one of them
/// followed by a path.
fn reference(text: &str) -> Option<(Root, &str)> {
    let (root, rest) = if let Some(rest) = text.strip_prefix("$input") {
        (Root::Input, rest)
    } else {
        (Root::Data, text.strip_prefix("$data")?)
    };
    match rest.strip_prefix('.') {
        Some(path) => Some((root, path)),
        None => rest.is_empty().then_some((root, "")),
    }
}

#[derive(Clone, Copy)]
enum Root {
    Input,
    Data,
}

fn has_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => reference(text).is_some(),
        Value::Array(items) => items.iter().any(has_reference),
        Value::Object(members) => members.values().any(has_reference),
        _ => false,
    }
}

fn filled(value: &Value, input: &Value, data: &Map<String, Value>) -> Result<Value, String> {
    match value {
        Value::String(text) => match reference(text) {
            None => Ok(value.clone()),
            Some((Root::Data, "")) => Ok(Value::Object(data.clone())),
            Some((Root::Input, "")) => Ok(input.clone()),
            Some((root, path)) => {
                let (head, tail) = path.split_once('.').unwrap_or((path, ""));
                match root {
                    Root::Data => data.get(head),
                    Root::Input => child(input, head),
                }
                .and_then(|value| follow(value, tail))
                .cloned()
                .ok_or_else(|| text.clone())
            }
        },
        Value::Array(items) => items
            .iter()
            .map(|item| filled(item, input, data))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        Value::Object(members) => members
            .iter()
            .map(|(key, item)| Ok((key.clone(), filled(item, input, data)?)))
            .collect::<Result<_, _>>()
            .map(Value::Object),
        other => Ok(other.clone()),
    }
}

fn follow<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(value);
    }
    path.split('.').try_fold(value, child)
}

fn child<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fill(params: Value) -> Result<String, String> {
        let input = json!({"path": "a.png", "sizes": [10, 20]});
        let Value::Object(data) = json!({"image": {"url": "s3://b/k"}}) else {
            unreachable!()
        };
        Params::new(params)
            .fill(&input, &data)
            .map(|text| text.get().to_owned())
    }

    #[test]
    fn references_are_replaced_at_any_depth() {
        let params =
            json!({"a": "$input.path", "b": [{"c": "$data.image.url"}], "d": "$input.sizes.1"});
        assert_eq!(
            fill(params).unwrap(),
            r#"{"a":"a.png","b":[{"c":"s3://b/k"}],"d":20}"#
        );
        assert_eq!(
            fill(json!("$data")).unwrap(),
            r#"{"image":{"url":"s3://b/k"}}"#
        );
    }

    #[test]
    fn a_reference_that_leads_nowhere_is_named() {
        assert_eq!(
            fill(json!({"x": ["$data.nope.y"]})).unwrap_err(),
            "$data.nope.y"
        );
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        assert_eq!(fill(json!("$inputs.path")).unwrap(), r#""$inputs.path""#);
        assert_eq!(fill(json!("costs $data")).unwrap(), r#""costs $data""#);
    }
}
