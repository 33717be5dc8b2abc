use proptest::prelude::*;
use serde_json::Value;

use crate::config::{Settings, Token};
use crate::storage::{ObjectUri, s3_config_hash};

fn cases(text: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(text).unwrap();
    vectors["cases"].as_array().unwrap().clone()
}

#[test]
fn uris_are_read_as_the_python_workers_read_them() {
    let cases = cases(include_str!("../../../../tests/vectors/parse_uri.json"));
    assert_eq!(cases.len(), 36);
    for case in cases {
        let bucket = case["default_bucket"].as_str();
        let text = case["uri"].as_str().unwrap();
        let read = ObjectUri::resolve(text, bucket, case["prefix"].as_str().unwrap());
        if case.get("error").is_some() {
            let error = read.unwrap_err().to_string();
            assert!(error.contains("is no object URI"), "{case}: {error}");
            continue;
        }
        let uri = read.unwrap();
        assert_eq!(uri.bucket(), case["bucket"], "{case}");
        assert_eq!(uri.key(), case["key"], "{case}");
        assert_eq!(uri.is_folder(), case["is_directory"], "{case}");
    }
}

#[test]
fn the_hash_of_the_settings_is_that_of_the_python_workers() {
    let cases = cases(include_str!(
        "../../../../tests/vectors/s3_config_hash.json"
    ));
    assert_eq!(cases.len(), 12);
    for case in cases {
        let text = |name: &str| case[name].as_str();
        let mut storage = Settings::default().storage;
        storage.endpoint_url = text("endpoint").map(str::to_owned);
        storage.access_key = text("access_key").map(Token::from);
        storage.secret_key = Some(Token::from("does not count"));
        storage.default_bucket = text("bucket").unwrap_or_default().to_owned();
        assert_eq!(s3_config_hash(&storage).as_deref(), text("hash"), "{case}");
    }
}

#[test]
fn a_folder_lists_only_what_is_below_it() {
    for (text, prefix) in [
        ("s3://b", ""),
        ("s3://b/", ""),
        ("s3://b/a", "a/"),
        ("s3://b/a/", "a/"),
        ("s3://b/k?x=/", "k/"),
    ] {
        assert_eq!(ObjectUri::parse(text).unwrap().prefix(), prefix, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".*", prefixed in any::<bool>()) {
        let text = if prefixed { format!("s3://{text}") } else { text };
        if let Ok(uri) = ObjectUri::parse(&text) {
            prop_assert!(text.starts_with("s3://"));
            prop_assert!(!uri.bucket().contains('/'));
            prop_assert!(!uri.key().starts_with('/'));
            prop_assert_eq!(uri.is_folder(), text.ends_with('/'));
        }
    }

    #[test]
    fn what_was_read_is_read_again(text in "s3://[a-z.]{1,8}(/[ -\"$->@-~ü]{0,9}){0,4}") {
        let uri = ObjectUri::parse(&text).unwrap();
        let again = ObjectUri::parse(&uri.to_string()).unwrap();
        prop_assert_eq!((uri.bucket(), uri.key()), (again.bucket(), again.key()));
        prop_assert!(!uri.is_folder() || again.is_folder());
    }
}
