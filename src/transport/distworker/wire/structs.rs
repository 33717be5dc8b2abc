//! JSON objects as `google.protobuf.Struct` and back.
//!
//! Every number of a Struct is a double. A whole number that no double holds exactly,
//! which happens from 2^53 on, is refused rather than changed on its way
//! ([`Whole::Exact`]); a controller that takes JSON from anybody rounds it
//! ([`Whole::Rounded`]). On the way back a number without a fraction is a whole number
//! up to 2^53 either way, and what JSON cannot say is a text: `"NaN"`, `"Infinity"`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::json::RawJson;

/// The largest whole number up to which doubles have all of them.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// From here on whole numbers may be beyond 64 bits, either way.
const HUGE: f64 = 9_223_372_036_854_775_808.0;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Struct {
    /// Sorted, so that equal objects have equal bytes.
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) fields: BTreeMap<String, Value>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Value {
    /// None counts as null, as in the controller.
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    pub(crate) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Kind {
    #[prost(int32, tag = "1")]
    Null(i32),
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bool, tag = "4")]
    Bool(bool),
    #[prost(message, tag = "5")]
    Object(Struct),
    #[prost(message, tag = "6")]
    List(List),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct List {
    #[prost(message, repeated, tag = "1")]
    pub(crate) values: Vec<Value>,
}

/// What becomes of whole numbers that no double holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whole {
    /// They are an error.
    Exact,
    /// The nearest double takes their place.
    Rounded,
}

/// JSON that no Struct can hold. Names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StructError {
    #[error("only a JSON object can be sent, not {0}")]
    NoObject(&'static str),
    #[error("{path}: {reason}")]
    Field { path: String, reason: String },
}

impl Struct {
    pub(crate) fn of_json(json: &RawJson, whole: Whole) -> Result<Self, StructError> {
        if !json.is_object() {
            return Err(StructError::NoObject(kind_of(json)));
        }
        let mut reader = serde_json::Deserializer::from_slice(json.as_bytes());
        // The path is only looked for when there is an error that has one.
        match ReadValue(whole).deserialize(&mut reader) {
            Ok(Value {
                kind: Some(Kind::Object(object)),
            }) => match huge_whole(json, whole, &object) {
                Some(error) => Err(error),
                None => Ok(object),
            },
            Ok(_) => Err(StructError::NoObject("something else")),
            Err(_) => Err(fault(json, whole)),
        }
    }

    #[cfg(any(test, feature = "dev-orchestrator"))]
    pub(crate) fn to_json(&self) -> RawJson {
        RawJson::from_serialize(self).expect("keys are texts and odd numbers are texts, too")
    }
}

/// Finds a whole number beyond 64 bits, of which the parser makes the nearest double
/// without a word. Looks at the text only if there are doubles of that size.
fn huge_whole(json: &RawJson, whole: Whole, read: &Struct) -> Option<StructError> {
    let may_be = whole == Whole::Exact && read.fields.values().any(has_huge);
    let (path, number) = may_be.then(|| huge_in(json.as_str(), String::new()))??;
    let reason = changed(number);
    Some(StructError::Field { path, reason })
}

fn has_huge(value: &Value) -> bool {
    match &value.kind {
        Some(Kind::Number(number)) => number.abs() >= HUGE,
        Some(Kind::Object(object)) => object.fields.values().any(has_huge),
        Some(Kind::List(list)) => list.values.iter().any(has_huge),
        _ => false,
    }
}

/// Returns the first whole number beyond 64 bits that no double holds, and the path to it.
fn huge_in(text: &str, path: String) -> Option<(String, String)> {
    let text = text.trim();
    match text.as_bytes().first()? {
        b'{' => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            let separator = if path.is_empty() { "" } else { "." };
            let mut members = members.into_iter();
            members.find_map(|(name, it)| huge_in(it.get(), format!("{path}{separator}{name}")))
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            let mut items = items.into_iter().enumerate();
            items.find_map(|(index, it)| huge_in(it.get(), format!("{path}[{index}]")))
        }
        b'-' | b'0'..=b'9' => {
            let is_whole = !text.contains(['.', 'e', 'E']);
            let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
            let is_same = |it: f64| format!("{it:.0}") == text;
            let is_huge = is_whole && !fits && !text.parse().is_ok_and(is_same);
            is_huge.then(|| (path, text.to_owned()))
        }
        _ => None,
    }
}

fn changed(number: impl fmt::Display) -> String {
    format!(
        "{number} would be changed on its way: numbers are doubles, which hold every whole number up to 2^53 only; send it as a text"
    )
}

/// What is wrong with a text, and where.
fn fault(json: &RawJson, whole: Whole) -> StructError {
    let mut reader = serde_json::Deserializer::from_slice(json.as_bytes());
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    match ReadValue(whole).deserialize(tracked) {
        Ok(_) => StructError::NoObject("something else"),
        Err(error) => StructError::Field {
            path: track.path().to_string(),
            reason: error.to_string(),
        },
    }
}

fn kind_of(json: &RawJson) -> &'static str {
    match json.as_str().trim_start().as_bytes().first() {
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b'n') => "null",
        Some(b't' | b'f') => "true or false",
        _ => "a number",
    }
}

#[derive(Clone, Copy)]
struct ReadValue(Whole);

impl ReadValue {
    #[expect(clippy::cast_precision_loss, reason = "checked, or wanted")]
    fn whole<E: serde::de::Error>(self, number: i128) -> Result<Value, E> {
        let double = number as f64;
        #[expect(clippy::cast_possible_truncation, reason = "64 bits fit")]
        let is_same = double as i128 == number;
        if self.0 == Whole::Exact && !is_same {
            return Err(E::custom(changed(number)));
        }
        Ok(number_of(double))
    }
}

fn number_of(double: f64) -> Value {
    Value {
        kind: Some(Kind::Number(double)),
    }
}

impl<'de> DeserializeSeed<'de> for ReadValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        let kind = Some(Kind::Null(0));
        Ok(Value { kind })
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        let kind = Some(Kind::Bool(flag));
        Ok(Value { kind })
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        self.whole(number.into())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        self.whole(number.into())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(number_of(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        let kind = Some(Kind::Text(text));
        Ok(Value { kind })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        let kind = Some(Kind::List(List { values }));
        Ok(Value { kind })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            fields.insert(name, value);
        }
        let kind = Some(Kind::Object(Struct { fields }));
        Ok(Value { kind })
    }
}

impl Serialize for Struct {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.fields)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            None | Some(Kind::Null(_)) => serializer.serialize_unit(),
            Some(Kind::Number(number)) => serialize_number(*number, serializer),
            Some(Kind::Text(text)) => serializer.serialize_str(text),
            Some(Kind::Bool(flag)) => serializer.serialize_bool(*flag),
            Some(Kind::Object(object)) => object.serialize(serializer),
            Some(Kind::List(list)) => serializer.collect_seq(&list.values),
        }
    }
}

fn serialize_number<S: Serializer>(number: f64, serializer: S) -> Result<S::Ok, S::Error> {
    let is_whole = number.fract() == 0.0 && number.abs() <= EXACT;
    if is_whole && !(number == 0.0 && number.is_sign_negative()) {
        #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
        return serializer.serialize_i64(number as i64);
    }
    if number.is_finite() {
        return serializer.serialize_f64(number);
    }
    serializer.serialize_str(match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    })
}
