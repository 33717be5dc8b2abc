//! What a contract finds fault with, and in which words.

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::derive::{returned, sent, taken};
use super::*;
use crate::task::{IntoOutcome, Reply};

fn raw(value: &Value) -> RawJson {
    RawJson::from_serialize(value).unwrap()
}

fn rules(contract: Contract) -> Rules {
    Rules::new(&contract).unwrap()
}

fn input(schema: Value) -> Rules {
    rules(Contract {
        input: Some(schema),
        ..Contract::default()
    })
}

fn fault(rules: &Rules, value: &Value) -> Option<String> {
    let error = rules.check_input(&raw(value)).err()?;
    assert_eq!(error.code(), &ErrorCode::InvalidInput);
    Some(error.message().to_owned())
}

#[test]
fn faults_are_told_in_the_words_of_the_reference_worker() {
    let text = include_str!("../../tests/vectors/schema_errors.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    let rules = input(vectors["schema"].clone());
    // The reference does not name the field, nor what is wrong with it.
    let better = [(
        json!({"n": 1, "opt": 5}),
        "Field 'opt': Value does not match any schemas",
    )];
    let mut used = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let ours = better.iter().find(|(data, _)| *data == case["data"]);
        used += usize::from(ours.is_some());
        let expected = match ours {
            Some((_, text)) => Some(*text),
            None => case["message"].as_str(),
        };
        assert_eq!(fault(&rules, &case["data"]).as_deref(), expected, "{case}");
        assert_eq!(expected.is_none(), case["valid"], "{case}");
    }
    assert_eq!(used, better.len(), "a deviation without its case");
}

#[test]
fn limits_and_places_are_named() {
    let rules = input(json!({
        "type": "object",
        "properties": {
            "a": {"type": "array", "maxItems": 2, "items": {
                "type": "object", "properties": {"b/c": {"type": "integer", "minimum": 3}},
            }},
            "0": {"type": "string", "maxLength": 2},
            "s": {"type": ["string", "null"]},
        },
    }));
    for (value, text) in [
        (
            json!({"a": [{}, {"b/c": 1}]}),
            "Field 'a': Item at index 1: Field 'b/c': Expected bigger than or equal to 3",
        ),
        (
            json!({"a": [{}, {}, {}]}),
            "Field 'a': Expected 2 items or fewer",
        ),
        (
            json!({"0": "abc"}),
            "Field '0': Expected 2 characters or fewer",
        ),
        (json!({"s": 1}), "Field 's': Expected null or string"),
    ] {
        assert_eq!(fault(&rules, &value).as_deref(), Some(text));
    }
    let many = input(json!({"enum": ["a".repeat(200)]}));
    let text = fault(&many, &json!("b".repeat(300))).unwrap();
    assert!(text.len() < 300, "cut: {text}");
}

#[test]
fn a_schema_that_is_none_is_named() {
    let contract = Contract {
        input: Some(json!({"type": "nonsense"})),
        output: Some(json!(true)),
        events: [
            (
                "far".to_owned(),
                json!({"$ref": "https://example.com/x.json"}),
            ),
            ("fine".to_owned(), json!({})),
        ]
        .into(),
        ..Contract::default()
    };
    let problems = Rules::new(&contract).unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].starts_with("input schema: "), "{problems:?}");
    assert!(problems[0].contains("/type"), "{problems:?}");
    assert_eq!(problems[1], "output schema: a schema must be an object");
    assert!(
        problems[2].starts_with("schema of event \"far\": "),
        "{problems:?}"
    );
}

#[test]
fn only_the_data_of_a_success_is_held_against_the_contract() {
    let rules = rules(Contract {
        output: Some(json!({"type": "object", "required": ["x"]})),
        output_statuses: vec!["known".to_owned()],
        ..Contract::default()
    });
    let reply = |status: &str| Outcome::Completed(Reply::status_with(status, &json!({})).unwrap());
    for kept in [
        reply("known"),
        reply("unknown"),
        Outcome::Cancelled,
        Outcome::Failed(TaskError::transient("x")),
        Outcome::Completed(Reply::success(&json!({"x": 1})).unwrap()),
    ] {
        assert_eq!(rules.check_outcome(kept.clone()), kept);
    }
    let Outcome::Failed(error) = rules.check_outcome(reply("success")) else {
        panic!("a failure")
    };
    assert_eq!(error.code(), &ErrorCode::ContractViolation);
    assert_eq!(
        error.message(),
        "the result breaks the contract: Missing required field: 'x'"
    );
}

#[test]
fn events_are_those_that_are_declared() {
    let declared = rules(Contract {
        events: [("step".to_owned(), json!({"required": ["row"]}))].into(),
        ..Contract::default()
    });
    let (good, bad) = (raw(&json!({"row": 1})), raw(&json!({})));
    let code = |name, payload, strict| {
        let error = declared.check_event(name, payload, strict).err()?;
        Some(error.code().as_str().to_owned())
    };
    let violation = Some("CONTRACT_VIOLATION_ERROR".to_owned());
    assert_eq!(code("step", &good, true), None);
    assert_eq!(code("step", &bad, true), violation);
    assert_eq!(
        code("step", &bad, false),
        violation,
        "never a broken payload"
    );
    assert_eq!(code("other", &good, true), violation);
    assert_eq!(code("other", &good, false), None);
    assert_eq!(code("progress", &bad, true), None);
    assert!(Rules::default().check_event("any", &bad, true).is_ok());
}

/// As users write them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Order {
    /// How many.
    count: u8,
    #[serde(default = "five")]
    retries: u32,
    note: Option<String>,
    kind: Kind,
    parts: Vec<Order>,
    pair: (i32, String),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind {
    Plain,
    Sized { width: f64 },
}

fn five() -> u32 {
    5
}

#[test]
fn schemas_of_types_have_the_form_that_orchestrators_read() {
    let schema = taken::<Order>().unwrap();
    let text = schema.to_string();
    for unwanted in ["$schema", "$defs", "prefixItems", "\"default\""] {
        assert!(!text.contains(unwanted), "{unwanted}: {text}");
    }
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["properties"]["count"]["description"], "How many.");
    assert_eq!(
        schema["properties"]["kind"]["oneOf"][1]["type"], "object",
        "in place"
    );
    let required = schema["required"].as_array().unwrap();
    assert!(!required.contains(&json!("retries")) && required.contains(&json!("parts")));
    // What is sent has every field.
    let sent = sent::<Order>().unwrap();
    assert!(
        sent["required"]
            .as_array()
            .unwrap()
            .contains(&json!("retries"))
    );
    assert!(
        !sent["required"]
            .as_array()
            .unwrap()
            .contains(&json!("note"))
    );
    assert_eq!(taken::<Value>(), None, "any form is no schema");
}

#[test]
fn a_schema_of_a_type_takes_what_the_type_takes() {
    let rules = input(taken::<Order>().unwrap());
    let good = json!({"count": 1, "kind": {"type": "sized", "width": 1}, "note": null,
        "parts": [{"count": 2, "kind": {"type": "plain"}, "parts": [], "pair": [1, "x"]}],
        "pair": [-1, "y"]});
    assert_eq!(fault(&rules, &good), None);
    let change = |path: &str, value: Value| {
        let mut order = good.clone();
        *order.pointer_mut(path).unwrap() = value;
        fault(&rules, &order).unwrap()
    };
    assert_eq!(
        change("/count", json!("x")),
        "Field 'count': Expected integer"
    );
    assert_eq!(
        change("/parts/0/count", json!(-1)),
        "Field 'parts': Item at index 0: Field 'count': Expected bigger than or equal to 0"
    );
    assert!(change("/pair/0", json!("x")).contains("Expected integer"));
    for (kind, text) in [
        (
            json!({"type": "odd"}),
            "Field 'type': Value 'odd' is not allowed. Must be one of: ['plain', 'sized']",
        ),
        (json!({"type": "sized"}), "Missing required field: 'width'"),
        (
            json!({"type": "sized", "width": "x"}),
            "Field 'width': Expected number",
        ),
        (json!({}), "Missing required field: 'type'"),
        (json!(5), "Expected object"),
    ] {
        assert_eq!(change("/kind", kind), format!("Field 'kind': {text}"));
    }
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mixed {
    Empty,
    Named { name: String },
    Many(Vec<Mixed>),
}

/// The same without members that are null, as RXON 1.0b17 sends it.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            fields
                .map(|(name, value)| (name, without_nulls(value)))
                .collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

fn fits<T: JsonSchema + Serialize + 'static>(value: T) -> Result<(), String> {
    let checker = Checker::new(&returned::<T>().expect("a schema"))?;
    let reply = value.into_outcome().map_err(|e| e.to_string())?;
    let data: Value = reply.data().parse().map_err(|e| e.to_string())?;
    checker.check(&raw(&without_nulls(data)))?;
    checker.check(reply.data())
}

#[test]
fn whatever_a_handler_returns_fits_the_schema_of_its_type() {
    fits(()).unwrap();
    fits(7_u64).unwrap();
    fits("text").unwrap();
    fits(vec![1, 2]).unwrap();
    fits(true).unwrap();
    fits(Some(3)).unwrap();
    fits(None::<i32>).unwrap();
    fits(std::collections::BTreeMap::from([("a", 1)])).unwrap();
    for mixed in [
        Mixed::Empty,
        Mixed::Named {
            name: "n".to_owned(),
        },
        Mixed::Many(vec![Mixed::Empty, Mixed::Many(Vec::new())]),
    ] {
        fits(mixed.clone()).unwrap();
        fits(Some(mixed)).unwrap();
    }
    let order = Order {
        count: 1,
        retries: 1,
        note: None,
        kind: Kind::Sized { width: 0.5 },
        parts: Vec::new(),
        pair: (1, String::new()),
    };
    fits(Order {
        parts: vec![order.clone()],
        ..order
    })
    .unwrap();
    let schema = returned::<u64>().unwrap();
    let checker = Checker::new(&schema).unwrap();
    assert_eq!(
        checker.check(&raw(&json!({"result": "x"}))).unwrap_err(),
        "Field 'result': Expected integer"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z/~'é]{0,6}".prop_map(Value::from),
    ];
    let key = prop::sample::select(vec!["count", "kind", "parts", "pair", "type", "a/b", "~0"]);
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|map| map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    /// Values from outside, as schema and as data: an answer, never a panic.
    #[test]
    fn any_value_has_an_answer(schema in any_json(), value in any_json()) {
        if let Ok(checker) = Checker::new(&schema) {
            let _ = checker.check(&raw(&value));
        }
        let told = Checker::new(&taken::<Order>().unwrap()).unwrap().check(&raw(&value));
        // The schema takes nothing that the type does not; serde takes no integer
        // that is written with a fraction.
        if told.is_ok() {
            prop_assert!(serde_json::from_value::<Order>(value).is_ok());
        }
    }
}
