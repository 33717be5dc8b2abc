//! What a contract finds fault with, and in which words.

mod types;

use serde_json::{Value, json};

use super::*;
use crate::task::Reply;

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
    let text = include_str!("../../../tests/vectors/schema_errors.json");
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
