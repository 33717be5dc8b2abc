//! Parameters: which objects are fetched, where their files go, what is refused.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

#[actix_rt::test]
async fn other_values_stay_byte_for_byte_as_they_came() {
    let stage = Stage::new("j", "t");
    stage.put("b", "k.txt", "x");
    let json = r#"{ "big": 12345678901234567890123, "one": 1.0, "file": "s3:\/\/b\/k.txt",
        "twice": 1, "twice": 2, "esc": "\u00fc" }"#;
    let params = RawJson::from_bytes(Bytes::from_static(json.as_bytes())).unwrap();
    let got = bring_in(params, None, &stage.files).await.unwrap();
    let path = stage.files.folder().unwrap().join("k.txt");
    let expected = json.replace(r#""s3:\/\/b\/k.txt""#, &format!("{path:?}"));
    assert_eq!(got.as_str(), expected);
}

#[actix_rt::test]
async fn equal_names_of_different_objects_do_not_meet() {
    let stage = Stage::new("j", "t");
    for (bucket, key) in [
        ("b", "x/a"),
        ("b", "y/a"),
        ("c", "a"),
        ("b", "x/A"),
        ("b", "d/a/a"),
    ] {
        stage.put(bucket, key, &format!("{bucket}/{key}"));
    }
    let params = json!([
        "s3://b/x/a",
        "s3://b/y/a",
        "s3://c/a",
        "s3://b/x/A",
        "s3://b/x/a",
        "s3://b/d/a/",
        "s3://b/"
    ]);
    let got = stage.bring(&params, None).await.unwrap();
    let paths: Vec<PathBuf> = serde_json::from_value(got).unwrap();
    for (path, content) in paths
        .iter()
        .zip(["b/x/a", "b/y/a", "c/a", "b/x/A", "b/x/a"])
    {
        assert_eq!(std::fs::read_to_string(path).unwrap(), content);
        assert_eq!(path.file_name().unwrap().to_ascii_lowercase(), "a");
    }
    assert_eq!(paths[0], paths[4], "one object, one file");
    assert_eq!(below(&paths[5])["a"], "b/d/a/a");
    assert!(paths[6].ends_with("root"));
    assert_eq!(below(&paths[6]).len(), 4);
}

#[actix_rt::test]
async fn hostile_uris_are_refused_and_named() {
    for (uri, wanted) in [
        ("s3://b/..", ErrorCode::InvalidInput),
        ("s3://b/a/../../..", ErrorCode::InvalidInput),
        ("s3://b/../", ErrorCode::InvalidInput),
        ("s3://[b/k", ErrorCode::InvalidInput),
        ("s3://../k", ErrorCode::InvalidInput),
        ("s3:///k", ErrorCode::InvalidInput),
        ("s3://b/nul\u{0}", ErrorCode::InvalidInput),
        ("s3://b/missing", ErrorCode::Transient),
    ] {
        let stage = Stage::new("j", "t");
        stage.put("b", "k", "x");
        let stop = stage.bring(&json!({ "a": [{ "b": uri }] }), None).await;
        let stop = stop.unwrap_err();
        let text = message(stop);
        assert!(text.starts_with("field `a[0].b`: "), "{uri:?}: {text}");
        let stop = stage.bring(&json!([uri]), None).await.unwrap_err();
        assert_eq!(code(stop), wanted, "{uri:?}");
    }
}

#[actix_rt::test]
async fn what_was_announced_twice_must_agree() {
    let stage = Stage::new("j", "t");
    stage.put("b", "k", "12345");
    let params = json!({ "x": "s3://b/k", "y": "s3://b/k" });
    let said = |x: u32, y: u32| json!({ "x": { "size": x }, "y": { "size": y } });
    stage.bring(&params, Some(&said(5, 5))).await.unwrap();
    let stop = stage.bring(&params, Some(&said(5, 6))).await.unwrap_err();
    assert_eq!(code(stop), ErrorCode::IntegrityMismatch);
    let stop = stage.bring(&params, Some(&said(6, 6))).await.unwrap_err();
    assert_eq!(code(stop), ErrorCode::IntegrityMismatch);
    // About another object, as when the orchestrator sends what earlier steps told.
    let other = json!({ "x": { "uri": "s3://b/other", "size": 7 } });
    stage.bring(&params, Some(&other)).await.unwrap();
}

proptest! {
    /// Whatever the parameters are, a plan is made or they are refused; every planned
    /// object is named below the folder.
    #[test]
    fn any_uri_has_a_place_or_a_reason(texts in prop::collection::vec("(s3://)?.{0,12}(/.{0,6})*", 0..8)) {
        let params = raw(&json!(texts));
        if let Ok(plan) = crate::storage::offload::inbound::plan_of(&params, None) {
            for name in plan.names() {
                let parts: Vec<_> = name.split('/').collect();
                prop_assert!(parts.len() <= 2);
                prop_assert!(parts.iter().all(|part| !matches!(*part, "" | "." | "..")));
                prop_assert!(!name.contains('\0'));
            }
        }
    }
}
