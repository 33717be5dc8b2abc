//! Whatever stands in the variables, the answer is settings or problems, never a panic.

use proptest::prelude::*;

use super::*;
use crate::config::{Problem, VARIABLES};

/// Text near what is meant, and text far from it.
fn any_text() -> impl Strategy<Value = String> {
    let likely = prop::sample::select(vec![
        "",
        " ",
        "0",
        "-1",
        "7",
        "1e999",
        "NaN",
        "true",
        "null",
        "[]",
        "{}",
        "[{}]",
        "[[]]",
        "{\"a\":null}",
        "[{\"url\":5,\"weight\":1e300,\"priority\":{},\"token\":[]}]",
        "[{\"name\":null}]",
        "http://",
        "http://a@b",
        "ws://[",
        "99999999999999999999",
        "\u{0}",
        "\u{202e}x",
    ]);
    prop_oneof![
        likely.prop_map(str::to_owned),
        any::<String>(),
        "[\\[\\]{}\":,a-z0-9.-]{0,24}"
    ]
}

proptest! {
    #[test]
    fn any_text_is_a_value_or_a_problem_of_its_variable(
        index in 0..VARIABLES.len(),
        text in any_text(),
    ) {
        let name = VARIABLES[index].name;
        if let Err(error) = load(&[(name, &text)]) {
            prop_assert!(!error.problems().is_empty());
            for problem in error.problems() {
                prop_assert!(problem.place().starts_with(name), "{problem}");
                prop_assert!(!problem.to_string().contains('\n'), "{problem}");
            }
        }
    }

    #[test]
    fn many_bad_variables_are_each_named(texts in prop::collection::vec(any_text(), VARIABLES.len())) {
        let vars: Vec<_> =
            VARIABLES.iter().zip(&texts).map(|(variable, text)| (variable.name, text.as_str())).collect();
        if let Err(error) = load(&vars) {
            for problem in error.problems() {
                let place = problem.place();
                prop_assert!(VARIABLES.iter().any(|v| place.starts_with(v.name)), "{problem}");
                let is_unknown_key = matches!(problem, Problem::UnknownKey { .. });
                prop_assert!(!is_unknown_key);
            }
        }
    }
}
