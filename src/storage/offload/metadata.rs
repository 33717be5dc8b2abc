//! What orchestrators and workers tell one another of the files named in parameters
//! and results: key path → `{uri, size, etag}`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::RawJson;
use crate::storage::object::{Expected, ObjectUri};

/// `params_metadata` of a task.
#[derive(Debug, Default)]
pub(super) struct Announced {
    by_path: HashMap<String, Entry>,
    longest: usize,
}

#[derive(Debug)]
struct Entry {
    uri: Option<String>,
    expected: Expected,
}

impl Announced {
    /// What makes no sense is passed over: it comes from others' results.
    pub(super) fn read(metadata: Option<&RawJson>) -> Self {
        let all: HashMap<String, Box<RawValue>> = metadata
            .and_then(|metadata| serde_json::from_slice(metadata.as_bytes()).ok())
            .unwrap_or_default();
        let entry = |(path, raw): (String, Box<RawValue>)| Some((path, entry(&raw)?));
        let by_path: HashMap<_, _> = all.into_iter().filter_map(entry).collect();
        Self {
            longest: by_path.keys().map(String::len).max().unwrap_or(0),
            by_path,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// The longest key path that is worth looking up.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// What was said of the object that stands at this place.
    ///
    /// Avtomatika 1.0b12 sends the metadata of all results of the job so far, by their
    /// places in *results*. One that names another object is not about this value.
    pub(super) fn of(&self, path: &str, uri: &ObjectUri) -> Expected {
        let Some(entry) = self.by_path.get(path) else {
            return Expected::default();
        };
        let other = entry.uri.as_deref().map(ObjectUri::parse);
        if let Some(Ok(other)) = other
            && other != *uri
        {
            return Expected::default();
        }
        entry.expected.clone()
    }
}

fn entry(raw: &RawValue) -> Option<Entry> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        uri: Option<&'a RawValue>,
        #[serde(borrow)]
        size: Option<&'a RawValue>,
        #[serde(borrow)]
        etag: Option<&'a RawValue>,
    }
    fn lenient<T: for<'de> Deserialize<'de>>(raw: Option<&RawValue>) -> Option<T> {
        serde_json::from_str(raw?.get()).ok()
    }
    let wire: Wire<'_> = serde_json::from_str(raw.get()).ok()?;
    Some(Entry {
        uri: lenient(wire.uri),
        expected: Expected {
            size: lenient(wire.size),
            etag: lenient::<String>(wire.etag).filter(|etag| !etag.is_empty()),
        },
    })
}

/// An entry of `data_metadata`.
#[derive(Debug, Serialize)]
pub(super) struct Told<'a> {
    pub(super) uri: &'a str,
    pub(super) size: u64,
    pub(super) etag: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(json: &'static str) -> Announced {
        Announced::read(Some(
            &RawJson::from_bytes(bytes::Bytes::from_static(json.as_bytes())).unwrap(),
        ))
    }

    #[test]
    fn an_entry_holds_for_its_own_object_only() {
        let all = announced(
            r#"{"a":{"uri":"s3://b/k","size":5,"etag":"\"x\""},
                "c":{"uri":"x","size":6},"n":null,"t":"text","s":{"size":"5","etag":7}}"#,
        );
        let uri = |text| ObjectUri::parse(text).unwrap();
        assert_eq!(all.of("a", &uri("s3://b/k")).size, Some(5));
        assert_eq!(all.of("a", &uri("s3://b/k?v=1")).size, Some(5));
        assert_eq!(all.of("a", &uri("s3://b/other")), Expected::default());
        assert_eq!(all.of("b", &uri("s3://b/k")), Expected::default());
        assert_eq!(all.of("c", &uri("s3://b/k")).size, Some(6));
        for path in ["n", "t", "s"] {
            assert_eq!(
                all.of(path, &uri("s3://b/k")),
                Expected::default(),
                "{path}"
            );
        }
    }

    #[test]
    fn nonsense_announces_nothing() {
        for json in ["null", "[]", "5", r#"{"a":[]}"#, r#""text""#] {
            assert!(announced(json).is_empty(), "{json}");
        }
        assert!(Announced::read(None).is_empty());
    }
}
