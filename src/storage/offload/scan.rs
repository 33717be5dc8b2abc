//! Finds texts in JSON and where they stand, without building a tree: numbers, the
//! order of members and everything else stay exactly as they came.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use super::MOST_NESTED;

/// The beginning of a text, as it may be written in JSON.
pub(super) trait Wanted {
    /// Whether a text that is written without escapes is wanted.
    fn wants(&self, text: &str) -> bool;
}

impl<F: Fn(&str) -> bool> Wanted for F {
    fn wants(&self, text: &str) -> bool {
        self(text)
    }
}

/// A text value.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) text: Cow<'a, str>,
    /// Its place in the JSON, quotes included.
    pub(super) span: Range<usize>,
}

/// The JSON is nested too deeply for key paths. No handler could read it either.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooDeep;

enum Level<'a> {
    /// The name of the member, as written between its quotes.
    Object(&'a str),
    /// The place in the array.
    Array(usize),
}

/// Where a value stands.
pub(super) struct KeyPath<'a, 'b>(&'b [Level<'a>]);

impl KeyPath<'_, '_> {
    /// `a.b[0].c`, see rxon 1.0b2: names are not escaped. `None` when it would be
    /// longer than `most` bytes.
    pub(super) fn render(&self, most: usize) -> Option<String> {
        let mut path = String::new();
        for level in self.0 {
            match level {
                Level::Object(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    // Never shorter than a sixth of what is written.
                    if name.len() / 6 > most {
                        return None;
                    }
                    path.push_str(&unescaped(name)?);
                }
                Level::Array(place) => write!(path, "[{place}]").ok()?,
            }
            if path.len() > most {
                return None;
            }
        }
        Some(path)
    }
}

/// Calls `found` for each text value that is wanted, in order. `json` has to be valid.
pub(super) fn texts<'a>(
    json: &'a str,
    wanted: &impl Wanted,
    mut found: impl FnMut(Found<'a>, &KeyPath<'a, '_>),
) -> Result<(), TooDeep> {
    let bytes = json.as_bytes();
    let mut levels: Vec<Level<'a>> = Vec::new();
    // Whether the next text is the name of a member.
    let mut name_next = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = end_of_text(bytes, at + 1);
                let inside = &json[at + 1..end];
                match levels.last_mut() {
                    Some(Level::Object(name)) if name_next => {
                        *name = inside;
                        name_next = false;
                    }
                    _ => {
                        if let Some(text) = unescaped_if_wanted(inside, wanted) {
                            let span = at..end + 1;
                            found(Found { text, span }, &KeyPath(&levels));
                        }
                    }
                }
                at = end;
            }
            b'{' | b'[' if levels.len() == MOST_NESTED => return Err(TooDeep),
            b'{' => {
                levels.push(Level::Object(""));
                name_next = true;
            }
            b'[' => {
                levels.push(Level::Array(0));
                name_next = false;
            }
            b'}' | b']' => {
                levels.pop();
                name_next = false;
            }
            b',' => match levels.last_mut() {
                Some(Level::Array(place)) => *place += 1,
                _ => name_next = true,
            },
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// The place of the quote that ends a text.
fn end_of_text(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len() - 1
}

fn unescaped_if_wanted<'a>(inside: &'a str, wanted: &impl Wanted) -> Option<Cow<'a, str>> {
    // Most texts are told by their beginning.
    let text = unescaped_beginning(inside)?;
    if !wanted.wants(&text) {
        return None;
    }
    unescaped(inside).filter(|text| wanted.wants(text))
}

/// As much as tells whether a text is wanted: six characters, each of which may be
/// written as `\u0000`.
fn unescaped_beginning(inside: &str) -> Option<Cow<'_, str>> {
    let head = inside.as_bytes().iter().take(36);
    if head.clone().any(|byte| *byte == b'\\') {
        return unescaped(inside);
    }
    Some(Cow::Borrowed(inside))
}

/// `None`: half a surrogate pair, which is no text.
fn unescaped(inside: &str) -> Option<Cow<'_, str>> {
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str::<String>(&format!("\"{inside}\""))
        .ok()
        .map(Cow::Owned)
}

/// Puts other texts in the place of some. `changes` are in order.
pub(super) fn replaced(json: &str, changes: &[(Range<usize>, &str)]) -> Vec<u8> {
    let more: usize = changes.iter().map(|(_, text)| text.len() + 2).sum();
    let mut out = Vec::with_capacity(json.len() + more);
    let mut done = 0;
    for (span, text) in changes {
        out.extend_from_slice(&json.as_bytes()[done..span.start]);
        serde_json::to_writer(&mut out, text).expect("a text has a JSON form");
        done = span.end;
    }
    out.extend_from_slice(&json.as_bytes()[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn paths(json: &str, beginning: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        texts(
            json,
            &|text: &str| text.starts_with(beginning),
            |found, path| {
                assert!(json[found.span.clone()].starts_with('"'));
                assert!(json[found.span].ends_with('"'));
                all.push((path.render(1000).unwrap(), found.text.into_owned()));
            },
        )
        .unwrap();
        all
    }

    #[test]
    fn key_paths_are_written_as_the_python_workers_do() {
        let json = r#"{"a":{"b":["x",{"c":"x"},[["x"]]]},"a.b":{"c[0]":"x"},"":"x"}"#;
        let found: Vec<_> = paths(json, "x").into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            found,
            ["a.b[0]", "a.b[1].c", "a.b[2][0][0]", "a.b.c[0]", ""]
        );
        assert_eq!(paths(r#" "x" "#, "x"), [(String::new(), "x".to_owned())]);
        assert_eq!(paths(r#"["y", "x"]"#, "x")[0].0, "[1]");
    }

    #[test]
    fn escapes_hide_nothing_and_names_are_no_values() {
        let json = r#"{"s3:\/\/name":"no","a\"b":"s3:\/\/b\/k","u":"\u0073\u0033\u003a\u002f\u002fb/\u00fc","half":"s3://\ud800","q":"\\\"s3://"}"#;
        assert_eq!(
            paths(json, "s3://"),
            [
                ("a\"b".to_owned(), "s3://b/k".to_owned()),
                ("u".to_owned(), "s3://b/ü".to_owned()),
            ]
        );
    }

    #[test]
    fn depth_is_bounded_and_length_as_well() {
        let deep = "[".repeat(MOST_NESTED + 1) + &"]".repeat(MOST_NESTED + 1);
        assert_eq!(texts(&deep, &|_: &str| true, |_, _| {}), Err(TooDeep));
        let deep = "[".repeat(MOST_NESTED) + "\"x\"" + &"]".repeat(MOST_NESTED);
        texts(&deep, &|_: &str| true, |_, path| {
            assert_eq!(path.render(MOST_NESTED * 3 - 1), None);
            assert!(path.render(MOST_NESTED * 3).is_some());
        })
        .unwrap();
    }

    /// All text values of a tree with their paths, the slow way.
    fn expected(value: &Value, path: String, all: &mut Vec<(String, String)>) {
        match value {
            Value::String(text) => all.push((path, text.clone())),
            Value::Array(items) => {
                for (place, item) in items.iter().enumerate() {
                    expected(item, format!("{path}[{place}]"), all);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    let dot = if path.is_empty() { "" } else { "." };
                    expected(member, format!("{path}{dot}{name}"), all);
                }
            }
            _ => {}
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            ".{0,4}".prop_map(|end| Value::from(format!("s3://{end}"))),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(Value::from_iter),
            ]
        })
    }

    fn change(value: &mut Value, text: &str) {
        match value {
            Value::String(old) if old.starts_with("s3://") => text.clone_into(old),
            Value::Array(items) => items.iter_mut().for_each(|item| change(item, text)),
            Value::Object(members) => members.values_mut().for_each(|m| change(m, text)),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn the_scan_finds_what_a_tree_holds(value in values(), pretty: bool) {
            let json = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            let mut all = Vec::new();
            expected(&value, String::new(), &mut all);
            prop_assert_eq!(paths(&json, ""), all);
        }

        #[test]
        fn what_is_replaced_is_all_that_changes(value in values(), text: String) {
            let json = value.to_string();
            let mut spans = Vec::new();
            let wanted = |text: &str| text.starts_with("s3://");
            texts(&json, &wanted, |found, _| spans.push(found.span)).unwrap();
            let changes: Vec<_> = spans.into_iter().map(|span| (span, &*text)).collect();
            let out = replaced(&json, &changes);
            let mut tree = value;
            change(&mut tree, &text);
            prop_assert_eq!(String::from_utf8(out).unwrap(), tree.to_string());
        }
    }
}
