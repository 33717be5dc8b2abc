//! Numbers that JSON does not have. The writer makes `null` of NaN and infinity; whoever
//! reads that cannot tell it from a value that is missing.

use std::cell::Cell;
use std::fmt;

use serde::Serialize;
use serde::ser::{self, Serializer};
use serde_json::ser::Formatter;

/// Writes a value as compact JSON.
///
/// # Errors
/// When it has no JSON form, or holds a number that is not finite; the error names where.
pub(super) fn to_vec<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(128);
    let wrote_null = Cell::new(false);
    let notes = NotesNull(&wrote_null);
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut text, notes,
    ))?;
    // Only where there is a `null` can there have been such a number.
    if wrote_null.get()
        && let Err(Fault::NotFinite { number, path }) = value.serialize(Check)
    {
        return Err(ser::Error::custom(NotFinite { number, path }));
    }
    Ok(text)
}

/// Writes as [`serde_json::to_vec`] does, and notes every `null`.
struct NotesNull<'a>(&'a Cell<bool>);

impl Formatter for NotesNull<'_> {
    fn write_null<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.0.set(true);
        writer.write_all(b"null")
    }
}

/// A number that JSON does not have, and the way to it, from its end.
struct NotFinite {
    number: f64,
    path: Vec<Step>,
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str("it")?;
        } else {
            f.write_str("field `")?;
            for (place, step) in self.path.iter().rev().enumerate() {
                match step {
                    Step::Field(name) if place == 0 => f.write_str(name)?,
                    Step::Field(name) => write!(f, ".{name}")?,
                    Step::Element(number) => write!(f, "[{number}]")?,
                }
            }
            f.write_str("`")?;
        }
        let name = if self.number.is_nan() {
            "NaN"
        } else {
            "infinite"
        };
        write!(f, " is {name}, for which JSON has no number")
    }
}

enum Step {
    Field(String),
    Element(usize),
}

enum Fault {
    NotFinite { number: f64, path: Vec<Step> },
    Other,
}

impl Fault {
    fn below(self, step: impl FnOnce() -> Step) -> Self {
        match self {
            Self::NotFinite { number, mut path } => {
                path.push(step());
                Self::NotFinite { number, path }
            }
            Self::Other => Self::Other,
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fault")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fault")
    }
}

impl std::error::Error for Fault {}

impl ser::Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }
}

type Checked = Result<(), Fault>;

/// Goes through a value and looks for such numbers.
struct Check;

macro_rules! plain {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method(self, _: $type) -> Checked {
            Ok(())
        })*
    };
}

impl Serializer for Check {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    plain! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    fn serialize_f32(self, number: f32) -> Checked {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Checked {
        if number.is_finite() {
            return Ok(());
        }
        let path = Vec::new();
        Err(Fault::NotFinite { number, path })
    }

    fn serialize_none(self) -> Checked {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Checked {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Checked {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Checked {
        field(variant, value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements, Fault> {
        Ok(Elements::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements, Fault> {
        Ok(Elements::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements, Fault> {
        Ok(Elements::default())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements, Fault> {
        Ok(Elements {
            variant: Some(variant),
            ..Elements::default()
        })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields, Fault> {
        Ok(Fields::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, Fault> {
        Ok(Fields::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields, Fault> {
        Ok(Fields {
            variant: Some(variant),
            ..Fields::default()
        })
    }
}

fn field<T: Serialize + ?Sized>(name: &str, value: &T) -> Checked {
    let below = |fault: Fault| fault.below(|| Step::Field(name.to_owned()));
    value.serialize(Check).map_err(below)
}

/// What stands inside of a variant with values stands one level deeper.
fn inside(variant: Option<&'static str>, checked: Checked) -> Checked {
    checked.map_err(|fault| match variant {
        Some(variant) => fault.below(|| Step::Field(variant.to_owned())),
        None => fault,
    })
}

#[derive(Default)]
struct Elements {
    variant: Option<&'static str>,
    number: usize,
}

impl Elements {
    fn next<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
        let number = self.number;
        self.number += 1;
        let checked = value.serialize(Check);
        let checked = checked.map_err(|fault| fault.below(|| Step::Element(number)));
        inside(self.variant, checked)
    }
}

macro_rules! elements {
    ($($kind:ident $method:ident),*) => {
        $(impl ser::$kind for Elements {
            type Ok = ();
            type Error = Fault;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
                self.next(value)
            }

            fn end(self) -> Checked {
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
}

#[derive(Default)]
struct Fields {
    variant: Option<&'static str>,
    /// The key whose value comes next.
    key: String,
}

/// The text of a key; that it has one was seen before.
fn text_of<K: Serialize + ?Sized>(key: &K) -> String {
    match serde_json::to_value(key) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => "?".to_owned(),
    }
}

impl ser::SerializeMap for Fields {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<K: Serialize + ?Sized>(&mut self, key: &K) -> Checked {
        self.key = text_of(key);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
        inside(self.variant, field(&self.key, value))
    }

    fn serialize_entry<K, T>(&mut self, key: &K, value: &T) -> Checked
    where
        K: Serialize + ?Sized,
        T: Serialize + ?Sized,
    {
        let checked = value.serialize(Check);
        checked.map_err(|fault| fault.below(|| Step::Field(text_of(key))))
    }

    fn end(self) -> Checked {
        Ok(())
    }
}

macro_rules! fields {
    ($($kind:ident),*) => {
        $(impl ser::$kind for Fields {
            type Ok = ();
            type Error = Fault;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Checked {
                inside(self.variant, field(name, value))
            }

            fn end(self) -> Checked {
                Ok(())
            }
        })*
    };
}

fields! { SerializeStruct, SerializeStructVariant }

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Scores {
        model: &'static str,
        comment: Option<&'static str>,
        values: Vec<Score>,
        by_label: BTreeMap<u8, f64>,
    }

    #[derive(Serialize)]
    enum Score {
        Plain(f64),
        Pair(f64, f64),
        Full {
            value: f32,
        },
        #[serde(untagged)]
        Bare(f64),
    }

    fn scores(values: Vec<Score>, by_label: BTreeMap<u8, f64>) -> Scores {
        Scores {
            model: "m",
            comment: None,
            values,
            by_label,
        }
    }

    fn fault<T: Serialize + ?Sized>(value: &T) -> String {
        to_vec(value)
            .expect_err("a number that JSON has not")
            .to_string()
    }

    #[test]
    fn numbers_that_json_has_not_are_named_wherever_they_stand() {
        let none = BTreeMap::new;
        let with = |score| scores(vec![Score::Plain(1.0), score], none());
        let (nan, endless) = (f64::NAN, f64::NEG_INFINITY);
        for (value, place) in [
            (with(Score::Plain(nan)), "values[1].Plain"),
            (with(Score::Pair(0.0, nan)), "values[1].Pair[1]"),
            (
                with(Score::Full { value: f32::NAN }),
                "values[1].Full.value",
            ),
            (with(Score::Bare(nan)), "values[1]"),
            (scores(vec![], [(7, nan)].into()), "by_label.7"),
        ] {
            let text = fault(&value);
            let expected = format!("field `{place}` is NaN, for which JSON has no number");
            assert_eq!(text, expected);
        }
        assert_eq!(
            fault(&endless),
            "it is infinite, for which JSON has no number"
        );
        assert!(fault(&[1.0, nan]).starts_with("field `[1]` is NaN"));
    }

    #[test]
    fn everything_else_is_written_as_ever() {
        let value = scores(vec![Score::Pair(1.0, 2.5)], [(1, 0.5)].into());
        assert_eq!(to_vec(&value).unwrap(), serde_json::to_vec(&value).unwrap());
        let raw = serde_json::value::RawValue::from_string(r#"{ "a": null }"#.to_owned()).unwrap();
        let whole = json!({"x": null, "y": [null, 1.5]});
        assert_eq!(
            to_vec(&(&raw, &whole)).unwrap(),
            serde_json::to_vec(&(&raw, &whole)).unwrap()
        );
        assert!(to_vec(&BTreeMap::from([((1, 2), 3)])).is_err());
    }
}
