//! Faults of values in words for whoever made the job: the words of the Python
//! worker (1.0b20) where they name the field, and better ones where they do not.

use std::fmt::Write;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

/// The longest value that is shown, in characters.
const LONGEST: usize = 80;

/// For example `Field 'obj': Missing required field: 'k'`.
pub(super) fn fault(error: &ValidationError<'_>, whole: &Value) -> String {
    let (Kind::AnyOf { context } | Kind::OneOfNotValid { context }) = error.kind() else {
        return place(error, whole) + &what(error);
    };
    // Of several forms, the one that it was probably meant to have: the only one whose
    // type and fixed values are right.
    let not_meant = |fault: &ValidationError<'_>| match fault.kind() {
        Kind::Type { .. } => fault.instance_path() == error.instance_path(),
        Kind::Constant { .. } => true,
        _ => false,
    };
    let mut meant = context
        .iter()
        .filter(|faults| !faults.iter().any(not_meant));
    if let (Some(only), None) = (meant.next(), meant.next())
        && let Some(first) = only.first()
    {
        return fault(first, whole);
    }
    if let Some(text) = choice(context, whole) {
        return text;
    }
    // Or else what is wrong with each of them.
    let mut texts = context.iter().filter_map(|faults| faults.first());
    let first = texts.next().map(|first| fault(first, whole));
    match first {
        Some(text) if texts.all(|other| fault(other, whole) == text) => text,
        _ => place(error, whole) + &what(error),
    }
}

/// The fault of a value that tells forms apart: it is none of those that there are.
fn choice(context: &[Vec<ValidationError<'_>>], whole: &Value) -> Option<String> {
    let mut known = Vec::new();
    let mut found: Option<&ValidationError<'_>> = None;
    for faults in context {
        let fixed = faults.iter().find_map(|fault| match fault.kind() {
            Kind::Constant { expected_value } => Some((fault, (**expected_value).clone())),
            _ => None,
        });
        let (fault, value) = fixed?;
        let first = *found.get_or_insert(fault);
        if first.instance_path() != fault.instance_path() {
            return None;
        }
        known.push(value);
    }
    let found = found?;
    Some(place(found, whole) + &not_among(found.instance(), &Value::Array(known)))
}

/// The way to the value: `Field 'tags': Item at index 1: `.
fn place(error: &ValidationError<'_>, whole: &Value) -> String {
    let pointer = error.instance_path().as_str();
    let mut text = String::new();
    let mut here = Some(whole);
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        here = if let Some(Value::Array(items)) = here {
            let _ = write!(text, "Item at index {step}: ");
            step.parse::<usize>().ok().and_then(|i| items.get(i))
        } else {
            let _ = write!(text, "Field '{step}': ");
            here.and_then(|value| value.get(&step))
        };
    }
    text
}

fn what(error: &ValidationError<'_>) -> String {
    let value = error.instance();
    match error.kind() {
        Kind::Type { kind } => {
            let expected = match kind {
                TypeKind::Single(one) => one.to_string(),
                TypeKind::Multiple(several) => {
                    let names: Vec<_> = several.iter().map(|one| one.to_string()).collect();
                    names.join(" or ")
                }
            };
            let got = if value.is_null() { ", got null" } else { "" };
            format!("Expected {expected}{got}")
        }
        Kind::Required { property } => format!("Missing required field: {}", shown(property)),
        Kind::AdditionalProperties { unexpected } => {
            format!("Unexpected field: '{}'", unexpected.join("', '"))
        }
        Kind::Enum { options } => not_among(value, options),
        Kind::Constant { expected_value } => format!("Expected {}", shown(expected_value)),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            "Value does not match any schemas".to_owned()
        }
        Kind::Minimum { limit } => format!("Expected bigger than or equal to {limit}"),
        Kind::Maximum { limit } => format!("Expected smaller than or equal to {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("Expected bigger than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("Expected smaller than {limit}"),
        Kind::MinLength { limit } => format!("Expected {limit} characters or more"),
        Kind::MaxLength { limit } => format!("Expected {limit} characters or fewer"),
        Kind::MinItems { limit } => format!("Expected {limit} items or more"),
        Kind::MaxItems { limit } => format!("Expected {limit} items or fewer"),
        Kind::Pattern { pattern } => format!("Expected text that matches {pattern}"),
        Kind::Format { format } => format!("Expected {format}"),
        _ => error.masked().to_string(),
    }
}

fn not_among(value: &Value, known: &Value) -> String {
    let (value, known) = (shown(value), shown(known));
    format!("Value {value} is not allowed. Must be one of: {known}")
}

/// A value as Python writes it, which is what the reference shows; cut where it is long.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => format!("'{text}'"),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(shown).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}
