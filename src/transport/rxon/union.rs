//! One registration that orchestrators of both dialects understand, each passing over
//! the fields of the other: which dialect it speaks is in the answer.

use serde_json::Value;

/// The fields of both messages; where they differ, those of the newer one.
pub(super) fn of(older: &[u8], newer: Vec<u8>) -> Vec<u8> {
    let read = |text: &[u8]| serde_json::from_slice::<Value>(text);
    match (read(older), read(&newer)) {
        (Ok(mut both), Ok(more)) => {
            merge(&mut both, more);
            serde_json::to_vec(&both).unwrap_or(newer)
        }
        _ => newer,
    }
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_union_has_the_fields_of_both() {
        let both = of(
            br#"{"id":"w","old":[1],"caps":{"extra":null,"host":"h"}}"#,
            br#"{"id":"w","new":1.5,"caps":{"extra":{"a":1}}}"#.to_vec(),
        );
        let both: Value = serde_json::from_slice(&both).unwrap();
        let expected = r#"{"id":"w","old":[1],"new":1.5,"caps":{"extra":{"a":1},"host":"h"}}"#;
        assert_eq!(both, serde_json::from_str::<Value>(expected).unwrap());
    }
}
