//! Floats that JSON does not have. Python, and whoever writes JSON by hand, prints them all
//! the same.

use serde::de::IgnoredAny;

/// How they are spelt, in lower case: by Python and JavaScript, and by C and its relatives.
const SPELLINGS: [&str; 6] = ["nan", "-nan", "inf", "-inf", "infinity", "-infinity"];

/// A text that would be JSON but for such floats.
#[derive(Debug, PartialEq)]
pub(super) struct WithoutNan {
    /// The same text with `null` in their places.
    pub(super) json: Vec<u8>,
    /// The first of them, as it is spelt.
    pub(super) first: String,
}

impl WithoutNan {
    /// `None` if there are none, or the text is no JSON for other reasons too.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let (mut json, mut first) = (Vec::with_capacity(text.len()), None);
        let (mut in_text, mut escaped) = (false, false);
        let mut rest = text;
        while let Some(byte) = rest.first() {
            let length = if in_text { 0 } else { word(rest) };
            let (word, behind) = rest.split_at(length.max(1));
            rest = behind;
            if is_odd_float(word) {
                json.extend_from_slice(b"null");
                first.get_or_insert_with(|| String::from_utf8_lossy(word).into_owned());
                continue;
            }
            json.extend_from_slice(word);
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' => in_text = !in_text,
                _ => {}
            }
        }
        let first = first?;
        let is_json = serde_json::from_slice::<IgnoredAny>(&json).is_ok();
        is_json.then_some(Self { json, first })
    }

    /// Says what is wrong.
    pub(super) fn fault(&self) -> String {
        format!(
            "it holds {}, a float that JSON does not have (send null, or a text)",
            self.first
        )
    }
}

/// How long the word is that a text outside of quotes begins with.
fn word(text: &[u8]) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    text.iter().take_while(|byte| is_part(byte)).count()
}

fn is_odd_float(word: &[u8]) -> bool {
    SPELLINGS
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(text: &str) -> Option<(String, String)> {
        let found = WithoutNan::of(text.as_bytes())?;
        Some((String::from_utf8(found.json).unwrap(), found.first))
    }

    #[test]
    fn floats_that_json_does_not_have_are_found_however_they_are_spelt() {
        for word in ["NaN", "nan", "-nan", "Infinity", "-Infinity", "inf", "-INF"] {
            let text = format!(r#"{{"a": [1, {word}], "b":{word}}}"#);
            let (json, first) = without(&text).expect(word);
            assert_eq!(json, r#"{"a": [1, null], "b":null}"#);
            assert_eq!(first, word);
        }
    }

    #[test]
    fn in_texts_and_names_they_are_none_and_other_faults_stay() {
        for text in [
            r#"{"a":"NaN \" NaN"}"#,
            r#"{"a":nanometer}"#,
            r#"{"a":NaN"#,
            r#"{"a":NaN,}"#,
            "{}",
            "",
            "NaN NaN",
        ] {
            assert_eq!(without(text), None, "{text}");
        }
    }
}
