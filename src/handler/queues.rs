//! Patterns of queue names: which handler gets a task of a queue.

use std::cmp::Ordering;

/// A pattern such as `math.*` or `files.#`, compared with a queue's name segment by
/// segment. Segments are what dots divide.
///
/// - `*` stands for exactly one segment, which may be empty.
/// - `#` stands for one or more segments to the end. What follows it is not looked at.
/// - Everything else is meant literally, letter case included; so is a `*` or `#` that
///   is only a part of its segment.
///
/// These are the rules of distworker-sdk 0.0.6, which tries patterns in the order of
/// their registration. Here the most specific one wins, see [`Pattern::cmp`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Segment>);

/// In the order in which patterns are tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(Box<str>),
    One,
    Rest,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let mut segments = Vec::new();
        for segment in text.split('.') {
            match segment {
                "*" => segments.push(Segment::One),
                "#" => {
                    segments.push(Segment::Rest);
                    break;
                }
                literal => segments.push(Segment::Literal(literal.into())),
            }
        }
        Self(segments)
    }

    /// Whether it means one queue alone.
    pub(crate) fn is_exact(&self) -> bool {
        let literal = |segment: &Segment| matches!(segment, Segment::Literal(_));
        self.0.iter().all(literal)
    }

    pub(crate) fn matches(&self, queue: &str) -> bool {
        let mut names = queue.split('.');
        for segment in &self.0 {
            let Some(name) = names.next() else {
                return false;
            };
            match segment {
                Segment::Literal(literal) if **literal == *name => {}
                Segment::Literal(_) => return false,
                Segment::One => {}
                Segment::Rest => return true,
            }
        }
        names.next().is_none()
    }

    /// The more specific one is less: the first segment in which two patterns differ
    /// decides, and there a literal comes before `*`, and `*` before `#`. Of two
    /// different patterns that match the same queue one is always more specific.
    pub(crate) fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_as_in_the_sdk() {
        let text = include_str!("../../tests/vectors/distworker/queue_patterns.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        let cases = vectors["sdk"].as_array().unwrap();
        assert_eq!(cases.len(), 70);
        for case in cases {
            let pattern = Pattern::new(case["pattern"].as_str().unwrap());
            let queue = case["queue"].as_str().unwrap();
            assert_eq!(pattern.matches(queue), case["match"] == true, "{case}");
        }
    }

    #[test]
    fn the_more_specific_pattern_comes_first() {
        let mut all = ["#", "*.#", "a.#", "*.b", "a.*", "a.b", "a.*.c", "a.b.#"].map(Pattern::new);
        all.sort_by(Pattern::cmp);
        let order = ["a.b", "a.b.#", "a.*", "a.*.c", "a.#", "*.b", "*.#", "#"];
        assert_eq!(all, order.map(Pattern::new));
    }

    fn pattern() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "#"]), 1..4)
            .prop_map(|segments| segments.join("."))
    }

    proptest! {
        /// The order leaves nothing to chance: two patterns that both match a queue
        /// are equal only if they mean the same.
        #[test]
        fn of_two_that_match_one_is_more_specific(
            one in pattern(),
            other in pattern(),
            queue in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4),
        ) {
            let (one, other) = (Pattern::new(&one), Pattern::new(&other));
            let queue = queue.join(".");
            if one.matches(&queue) && other.matches(&queue) {
                prop_assert_eq!(one.cmp(&other) == Ordering::Equal, one == other);
            }
        }
    }
}
