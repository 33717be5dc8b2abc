//! JSON objects, written round parts that are JSON already.

use crate::json::RawJson;

/// A JSON object in the making, into which finished JSON can be put as it is.
pub(super) struct Object(Vec<u8>);

impl Object {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut text = Vec::with_capacity(bytes);
        text.push(b'{');
        Self(text)
    }

    /// Names are ours and need no escapes.
    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        self.string(value);
    }

    pub(super) fn raw(&mut self, name: &'static str, value: Option<&RawJson>) {
        let bytes = value.map_or(b"null".as_slice(), |raw| raw.as_bytes());
        self.raw_bytes(name, bytes);
    }

    /// The same, if it is there.
    pub(super) fn part(&mut self, name: &'static str, value: Option<&RawJson>) {
        if value.is_some() {
            self.raw(name, value);
        }
    }

    /// `value` has to be JSON.
    pub(super) fn raw_bytes(&mut self, name: &'static str, value: &[u8]) {
        self.name(name);
        self.0.extend_from_slice(value);
    }

    /// The same with any name.
    pub(super) fn member(&mut self, name: &str, value: &[u8]) {
        self.comma();
        self.string(name);
        self.0.push(b':');
        self.0.extend_from_slice(value);
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }

    fn name(&mut self, name: &'static str) {
        debug_assert!(is_plain(name));
        self.comma();
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn comma(&mut self) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
    }

    fn string(&mut self, text: &str) {
        if is_plain(text) {
            self.0.push(b'"');
            self.0.extend_from_slice(text.as_bytes());
            self.0.push(b'"');
        } else {
            serde_json::to_writer(&mut self.0, text)
                .expect("texts always have a JSON form, and writing to memory does not fail");
        }
    }
}

/// Whether a text stands in JSON as it is, as nearly all do. Looks at every byte, which
/// is faster than to stop at the first one that needs an escape.
fn is_plain(text: &str) -> bool {
    let needs_escape = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    !text
        .bytes()
        .fold(false, |any, byte| any | needs_escape(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_json_whatever_its_texts_hold() {
        let mut object = Object::with_capacity(0);
        object.text("plain", "a");
        object.text("odd", "\"\\\u{0}\n}ü\u{2028}");
        object.raw("nothing", None);
        object.raw(
            "data",
            Some(&RawJson::from_serialize(&["x\"", "y"]).unwrap()),
        );
        let read: serde_json::Value = serde_json::from_slice(&object.end()).unwrap();
        assert_eq!(
            read,
            serde_json::json!({
                "plain": "a",
                "odd": "\"\\\u{0}\n}ü\u{2028}",
                "nothing": null,
                "data": ["x\"", "y"],
            })
        );
        assert_eq!(Object::with_capacity(0).end(), b"{}");
    }
}
