//! What must hold for every message.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Map, Number, Value};

use super::*;

/// The same form by another way: a tree, sorted and written by `serde_json`.
fn by_tree(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, value)| !value.is_null());
            let kept = kept.map(|(name, value)| Some((name.clone(), by_tree(value)?)));
            let mut kept: Vec<(String, Value)> = kept.collect::<Option<_>>()?;
            kept.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
            Value::Object(kept.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(by_tree).collect::<Option<_>>()?,
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64()?;
            if float.fract() != 0.0 {
                return Some(value.clone());
            }
            let whole = format!("{float:.0}").parse::<i128>().ok()?;
            let number = match (i64::try_from(whole), u64::try_from(whole)) {
                (Ok(whole), _) => Number::from(whole),
                (_, Ok(whole)) => Number::from(whole),
                _ => return None,
            };
            Value::Number(number)
        }
        other => other.clone(),
    })
}

fn value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i16>().prop_map(|n| Value::from(f64::from(n))),
        any::<f64>().prop_map(Value::from),
        (-1e4..1e4_f64).prop_map(|n| Value::from(n * 1e-7)),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        any::<String>().prop_map(Value::from),
        "[a-z\"\\\\/\u{0}-\u{20}üя漢😀]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-cAé\"\u{ffff}😀]{0,2}", inner), 0..6)
                .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// The same text with every character beyond ASCII, and every slash, escaped.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '/' => out.push_str("\\/"),
            c if c.is_ascii() => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04X}").unwrap();
                }
            }
        }
    }
    out
}

proptest! {
    #[test]
    fn it_is_the_sorted_form_of_the_tree_whatever_the_spelling(value in value()) {
        let expected = by_tree(&value).map(|tree| tree.to_string());
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        for text in [value.to_string(), escaped(&value.to_string()), escaped(&pretty), pretty] {
            match (canonical_value(text.as_bytes()), &expected) {
                (Ok(form), Some(expected)) => {
                    prop_assert_eq!(std::str::from_utf8(&form).unwrap(), expected);
                    prop_assert_eq!(&canonical_value(&form).unwrap(), &form, "it changed again");
                }
                (Err(error), None) => {
                    prop_assert_eq!(error.problem(), &CanonicalProblem::NumberTooLarge);
                }
                (form, _) => prop_assert!(false, "{form:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn what_is_json_is_decided_as_by_any_other_parser(
        text in "[\\[\\]{}\",:0-9eE+\\-. \\\\a/u\t]{0,16}|\"[\\\\uDd8cC0-9\"]{0,14}\"|[tfn][ruela]{0,4}"
    ) {
        match canonical_value(text.as_bytes()) {
            Ok(_) => prop_assert!(serde_json::from_str::<Value>(&text).is_ok()),
            Err(e) if matches!(e.problem(), CanonicalProblem::NotJson(_)) => {
                prop_assert!(serde_json::from_str::<Value>(&text).is_err());
            }
            Err(_) => {}
        }
    }

    #[test]
    fn no_bytes_are_too_odd_to_be_answered(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(form) = canonical(&bytes, &["a"]) {
            prop_assert!(serde_json::from_slice::<Value>(&form).is_ok());
        }
        let _ = canonical_task(&bytes);
    }
}

#[test]
fn the_path_of_what_cannot_be_signed_is_told() {
    for (text, path) in [
        ("1e22", ""),
        (r#"{"a":{"b.c":[[1,18446744073709551616]]}}"#, "a.b.c[0][1]"),
        (r#"[{"x":1},{"x":-1e19}]"#, "[1].x"),
    ] {
        let error = canonical(text.as_bytes(), &[]).unwrap_err();
        assert_eq!(error.problem(), &CanonicalProblem::NumberTooLarge, "{text}");
        assert_eq!(error.path(), path, "{text}");
    }
    let deep = format!("{{\"data\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    let error = canonical(deep.as_bytes(), &[]).unwrap_err();
    assert_eq!(error.problem(), &CanonicalProblem::TooDeep);
    assert!(error.to_string().starts_with("data[0][0]"), "{error}");
}

#[test]
fn a_number_beyond_64_bits_may_stand_in_what_is_not_signed() {
    let message = br#"{"a":1,"security":{"n":1e22},"chain":[{"x":18446744073709551616}]}"#;
    assert_eq!(canonical(message, &["chain"]).unwrap(), br#"{"a":1}"#);
    let (signed, apart) = canonical_and_rest(message, &["chain"]).unwrap();
    assert_eq!(signed, br#"{"a":1}"#);
    assert_eq!(apart, br#","chain":[{"x":18446744073709551616}]"#);

    let task = br#"{"job_id":"j","unknown":[1e22],"params":{"unknown":1}}"#;
    assert_eq!(
        canonical_task(task).unwrap(),
        br#"{"job_id":"j","params":{"unknown":1}}"#
    );
    // The member beside it is signed, and so is one of that name further down.
    for signed in [
        r#"{"security":{"n":1e22},"n":1e22}"#,
        r#"{"a":{"security":1e22}}"#,
    ] {
        assert!(canonical(signed.as_bytes(), &[]).is_err(), "{signed}");
    }
}

/// The forms that rxon writes are those of a float, read and written anew.
#[test]
fn ties_of_the_shortest_form_go_to_the_even_digit() {
    for (text, form) in [
        ("1733000000123456.25", "1733000000123456.2"),
        ("22.7729034423828125", "22.772903442382812"),
        ("0.83322906494140625", "0.8332290649414062"),
        ("1785151545904.15625", "1785151545904.1562"),
    ] {
        assert_eq!(canonical_value(text.as_bytes()).unwrap(), form.as_bytes());
    }
}

#[test]
fn of_members_with_one_name_the_last_counts_even_if_it_is_null() {
    for (text, form) in [
        (r#"{"b":1,"a":2,"b":3}"#, r#"{"a":2,"b":3}"#),
        (r#"{"a":1,"a":null}"#, "{}"),
        (r#"{"a":null,"\u0061":1}"#, r#"{"a":1}"#),
        (r#"{"sig":1,"a":{"x":1,"x":null},"sig":2}"#, r#"{"a":{}}"#),
    ] {
        let got = canonical(text.as_bytes(), &["sig"]).unwrap();
        assert_eq!(std::str::from_utf8(&got).unwrap(), form, "{text}");
    }
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    for (text, at) in [
        ("", 0),
        ("{", 1),
        ("{\"a\":1,}", 7),
        ("[1 2]", 3),
        ("01", 1),
        ("1.", 2),
        ("\"a\nb\"", 2),
        ("\"\\ud800\"", 7),
        ("nul", 0),
        ("{} x", 3),
    ] {
        let error = canonical(text.as_bytes(), &[]).unwrap_err();
        assert_eq!(error.problem(), &CanonicalProblem::NotJson(at), "{text}");
    }
    assert!(canonical(b"\"\xff\"", &[]).is_err());
}
