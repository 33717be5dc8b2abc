//! The vectors: made with the SDK and checked against the controller's code.

mod envelopes;
mod hostile;
mod signatures;
mod structs;

use bytes::Bytes;
use serde_json::Value as Json;

macro_rules! vectors {
    ($name:literal) => {
        serde_json::from_str::<serde_json::Value>(include_str!(concat!(
            "../../../../../tests/vectors/distworker/",
            $name
        )))
        .expect("the vectors are JSON")
    };
}
use vectors;

fn cases<'a>(vectors: &'a Json, key: &str, count: usize) -> &'a [Json] {
    let cases = vectors[key].as_array().expect("a list of cases");
    assert_eq!(cases.len(), count);
    cases
}

fn text<'a>(case: &'a Json, key: &str) -> &'a str {
    case[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} in {case}"))
}

fn bytes(hex: &str) -> Bytes {
    assert_eq!(hex.len() % 2, 0);
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
        .collect::<Vec<_>>()
        .into()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).expect("four bits");
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(digit).collect()
}
