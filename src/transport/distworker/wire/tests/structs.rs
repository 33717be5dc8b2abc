use prost::Message;

use super::super::structs::{Struct, StructError, Whole};
use super::*;
use crate::RawJson;

fn raw(text: &str) -> RawJson {
    RawJson::from_bytes(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

/// Equal as JSON, numbers compared as doubles.
fn assert_same(left: &Json, right: &Json) {
    match (left, right) {
        (Json::Number(a), Json::Number(b)) => assert_eq!(a.as_f64(), b.as_f64()),
        (Json::Array(a), Json::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| assert_same(a, b));
        }
        (Json::Object(a), Json::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{a:?} {b:?}");
            a.values()
                .zip(b.values())
                .for_each(|(a, b)| assert_same(a, b));
        }
        (a, b) => assert_eq!(a, b),
    }
}

#[test]
fn json_becomes_the_bytes_of_the_vectors_and_comes_back() {
    let vectors = vectors!("struct_conversion.json");
    for case in cases(&vectors, "cases", 24) {
        let name = text(case, "name");
        let made = Struct::of_json(&raw(text(case, "json")), Whole::Rounded).unwrap();
        let wire = bytes(text(case, "hex"));
        if case["byte_exact"] == true {
            assert_eq!(hex(&made.encode_to_vec()), hex(&wire), "{name}");
        }
        let read = Struct::decode(wire).unwrap();
        assert_eq!(read, made, "{name}");
        let back: Json = read.to_json().parse().unwrap();
        assert_same(&back, &raw(text(case, "json_back")).parse().unwrap());
    }
}

#[test]
fn what_only_others_write_can_be_read() {
    let vectors = vectors!("struct_conversion.json");
    for case in cases(&vectors, "decode_only", 5) {
        let read = Struct::decode(bytes(text(case, "hex"))).unwrap();
        assert_eq!(read.to_json().as_str(), text(case, "json_back"));
    }
}

#[test]
fn whole_numbers_stay_whole_and_minus_zero_stays_minus() {
    for same in [
        r#"{"v":3}"#,
        r#"{"v":-0.0}"#,
        r#"{"v":9007199254740992}"#,
        r#"{"v":0.1}"#,
    ] {
        let made = Struct::of_json(&raw(same), Whole::Exact).unwrap();
        assert_eq!(made.to_json().as_str(), same);
    }
}

#[test]
fn a_number_that_would_change_is_an_error_that_names_the_field() {
    let lossy = raw(r#"{"order":{"ids":[1,9007199254740993]}}"#);
    let error = Struct::of_json(&lossy, Whole::Exact)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("order.ids[1]: 9007199254740993 would be changed"),
        "{error}"
    );
    let error = Struct::of_json(&raw(r#"{"v":18446744073709551615}"#), Whole::Exact);
    assert!(matches!(error, Err(StructError::Field { path, .. }) if path == "v"));
    // A power of two has room in a double however large it is.
    assert!(Struct::of_json(&raw(r#"{"v":9007199254740994}"#), Whole::Exact).is_ok());
}

#[test]
fn nothing_but_an_object_is_a_struct() {
    for (json, named) in [
        ("[1]", "a list"),
        ("null", "null"),
        ("1", "a number"),
        ("\"x\"", "a text"),
    ] {
        let error = Struct::of_json(&raw(json), Whole::Exact).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("only a JSON object can be sent, not {named}")
        );
    }
}
