//! The keys of a line, which say whether it is meant as a message.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::nan::WithoutNan;

/// The keys of messages. An object that has one of them is meant as a message, wherever
/// the key stands: many languages sort the keys that they write.
pub(super) const KEYS: [&str; 11] = [
    "task_id", "progress", "message", "event", "data", "priority", "result", "status", "metadata",
    "costs", "error",
];

/// How many other keys are shown, and how much of each, in bytes.
const SHOWN: usize = 5;
const LONGEST_SHOWN: usize = 40;

/// What a line is, as far as its keys tell.
#[derive(Debug, PartialEq)]
pub(super) enum Shape {
    /// No JSON object, or one that breaks off before any key of a message.
    Text,
    /// A JSON object without any key of a message.
    Object(OtherKeys),
    /// An object with keys of messages, and perhaps others. It may be broken.
    Message(OtherKeys),
}

/// Keys of an object that no message has.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct OtherKeys {
    shown: Vec<String>,
    count: usize,
}

impl OtherKeys {
    fn add(&mut self, key: &str) {
        self.count += 1;
        if self.shown.len() < SHOWN {
            let end = key.floor_char_boundary(LONGEST_SHOWN);
            self.shown.push(key[..end].escape_debug().to_string());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl fmt::Display for OtherKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown.join(", "))?;
        if self.count > self.shown.len() {
            write!(f, ", ... ({} keys)", self.count)?;
        }
        Ok(())
    }
}

/// Looks at the keys of a line.
pub(super) fn shape(line: &[u8]) -> Shape {
    if !line.trim_ascii_start().starts_with(b"{") {
        return Shape::Text;
    }
    let mut keys = Keys::default();
    let mut is_whole = keys.read(line).is_ok();
    if !is_whole && let Some(without) = WithoutNan::of(line) {
        keys = Keys::default();
        is_whole = keys.read(&without.json).is_ok();
    }
    match (keys.are_of_message, is_whole) {
        (true, _) => Shape::Message(keys.others),
        (false, true) => Shape::Object(keys.others),
        (false, false) => Shape::Text,
    }
}

/// The keys of one object, as far as it could be read.
#[derive(Debug, Default)]
struct Keys {
    are_of_message: bool,
    others: OtherKeys,
}

impl Keys {
    fn read(&mut self, line: &[u8]) -> serde_json::Result<()> {
        let mut json = serde_json::Deserializer::from_slice(line);
        json.deserialize_map(&mut *self)?;
        json.end()
    }
}

impl<'de> Visitor<'de> for &mut Keys {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if KEYS.contains(&key.as_str()) {
                self.are_of_message = true;
            } else {
                self.others.add(&key);
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn others(keys: &[&str]) -> OtherKeys {
        let mut others = OtherKeys::default();
        for key in keys {
            others.add(key);
        }
        others
    }

    #[test]
    fn a_key_of_a_message_makes_a_message_wherever_it_stands() {
        for (line, expected) in [
            (r#"{"costs":{},"result":{}}"#, others(&[])),
            (r#" { "a" : 1 , "result" : {} }"#, others(&["a"])),
            (r#"{"a":{"b":[1]},"\u0072esult":1}"#, others(&["a"])),
            (r#"{"a":1,"result":{"#, others(&["a"])),
            (r#"{"result":1} {"a":1}"#, others(&[])),
            (r#"{"a":NaN,"result":1}"#, others(&["a"])),
        ] {
            assert_eq!(shape(line.as_bytes()), Shape::Message(expected), "{line}");
        }
    }

    #[test]
    fn other_objects_are_told_from_text() {
        for (line, expected) in [
            ("{}", others(&[])),
            (r#"{"progres":0.5}"#, others(&["progres"])),
            (r#"{"a":{"result":1}}"#, others(&["a"])),
            (r#"{"loss":NaN,"step":3}"#, others(&["loss", "step"])),
        ] {
            assert_eq!(shape(line.as_bytes()), Shape::Object(expected), "{line}");
        }
        for line in [
            "{",
            "{hello}",
            r#"{"a":1"#,
            r#"{"a":1} x"#,
            r#"[{"result":1}]"#,
        ] {
            assert_eq!(shape(line.as_bytes()), Shape::Text, "{line}");
        }
    }

    #[test]
    fn many_and_long_keys_are_cut() {
        let keys: Vec<_> = (0..9).map(|n| format!("{n}{}", "ü".repeat(50))).collect();
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let text = others(&keys).to_string();
        assert!(text.len() < 300 && text.ends_with("(9 keys)"), "{text}");
    }
}
