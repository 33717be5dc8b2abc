//! JSON that is carried, not looked at.
//!
//! Parameters and result data may be many megabytes. [`RawJson`] keeps the text
//! as it came, shares it on clone and lets a handler parse it straight into its
//! own type, once.

mod finite;

use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A piece of valid JSON text, cheap to clone.
///
/// ```
/// use axon_worker::RawJson;
///
/// let raw = RawJson::from_serialize(&[1, 2, 3]).unwrap();
/// assert_eq!(raw.as_str(), "[1,2,3]");
/// assert_eq!(raw.parse::<Vec<u8>>().unwrap(), [1, 2, 3]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RawJson(Bytes);

impl RawJson {
    /// Writes a value as JSON.
    ///
    /// # Errors
    /// When the value has no JSON form, such as a map with keys that are no strings, or holds
    /// NaN or infinity, which JSON has no numbers for. The error names the field then.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Self> {
        finite::to_vec(value).map(|text| Self(text.into()))
    }

    /// The same with `null` in place of NaN and infinity.
    pub(crate) fn from_serialize_with_nulls<T: Serialize + ?Sized>(
        value: &T,
    ) -> serde_json::Result<Self> {
        serde_json::to_vec(value).map(|text| Self(text.into()))
    }

    /// Takes a text after checking that it is one JSON value. Nothing is copied.
    ///
    /// # Errors
    /// When it is not.
    pub fn from_bytes(text: Bytes) -> serde_json::Result<Self> {
        serde_json::from_slice::<&RawValue>(&text)?;
        Ok(Self(text))
    }

    /// The part of `whole` that `raw` points into, sharing its memory.
    /// `raw` has been checked by the parser that made it.
    pub(crate) fn slice_of(whole: &Bytes, raw: &RawValue) -> Self {
        Self(whole.slice_ref(raw.get().as_bytes()))
    }

    /// `{}`.
    #[must_use]
    pub const fn empty_object() -> Self {
        Self(Bytes::from_static(b"{}"))
    }

    /// Whether this is a JSON object, that is, whether it opens with a brace.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.0.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only made from text that a JSON parser accepted")
    }

    /// The text as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Reads the text into a type. The error names the path of the field at fault.
    ///
    /// # Errors
    /// When the text does not fit the type.
    pub fn parse<T: DeserializeOwned>(
        &self,
    ) -> Result<T, serde_path_to_error::Error<serde_json::Error>> {
        // Keeping track of the path takes longer than reading, so it is kept only when
        // there is an error that has one.
        if let Ok(value) = serde_json::from_slice(&self.0) {
            return Ok(value);
        }
        let mut reader = serde_json::Deserializer::from_slice(&self.0);
        serde_path_to_error::deserialize(&mut reader)
    }
}

/// Shows the length, not the content: parameters may hold anything.
impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({} bytes)", self.0.len())
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_slice::<&RawValue>(&self.0)
            .map_err(S::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer).map_err(D::Error::custom)?;
        Ok(Self(Bytes::from(String::from(Box::<str>::from(raw)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_carried_untouched_through_a_wrapper() {
        #[derive(Serialize, Deserialize)]
        struct Wrapper {
            data: RawJson,
        }
        let text = r#"{"data":{"big":12345678901234567890,"n":1.0, "s":"\u00fc"}}"#;
        let wrapper: Wrapper = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&wrapper).unwrap(), text);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "1 2", "nul", "\"a", "{\"a\":1,}"] {
            let bytes = Bytes::from_static(text.as_bytes());
            assert!(RawJson::from_bytes(bytes).is_err(), "{text:?}");
        }
        assert!(RawJson::from_bytes(Bytes::from_static(b"\"\xff\"")).is_err());
    }

    #[test]
    fn debug_does_not_show_the_content() {
        let raw = RawJson::from_serialize("a secret").unwrap();
        assert!(!format!("{raw:?}").contains("secret"));
    }
}
