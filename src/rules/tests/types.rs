//! Schemas of types: their form, and that they take what the types take.

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::rules::derive::{returned, sent, taken};
use crate::task::IntoOutcome;

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
