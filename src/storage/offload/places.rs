//! Names for files that come together in one place and may be called the same.

use std::collections::HashSet;

use crate::storage::task_files::folded;

/// What is called how in one folder.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// First parts of the names given, in the form in which they could meet.
    used: HashSet<String>,
}

impl Places {
    /// `name`, or `2/name` and so on if that is taken: the last part stays what it is.
    /// `name` has to be one name.
    pub(crate) fn give(&mut self, name: &str) -> String {
        if self.used.insert(folded(name)) {
            return name.to_owned();
        }
        let mut number = 2_u64;
        while !self.used.insert(number.to_string()) {
            number += 1;
        }
        format!("{number}/{name}")
    }
}

/// The name of a file as part of an `s3://` text, which ends at a `?` or `#` and loses
/// line ends and tabs.
pub(crate) fn name_in_uri(name: &str) -> String {
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | '?' | '#');
    name.replace(odd, "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::object::ObjectUri;
    use proptest::prelude::*;

    #[test]
    fn the_first_has_its_name_and_others_keep_their_last_part() {
        let mut places = Places::default();
        assert_eq!(places.give("a.jpg"), "a.jpg");
        assert_eq!(places.give("a.jpg"), "2/a.jpg");
        assert_eq!(places.give("A.JPG"), "3/A.JPG");
        assert_eq!(places.give("b.jpg"), "b.jpg");
        assert_eq!(places.give("4"), "4");
        assert_eq!(places.give("b.jpg"), "5/b.jpg");
    }

    #[test]
    fn a_name_in_a_uri_is_read_as_it_was_written() {
        for (name, expected) in [
            ("what?.txt", "what_.txt"),
            ("a#1 b.txt", "a_1 b.txt"),
            ("a\tb\r\nc\\d", "a_b__c_d"),
            ("100%25.txt", "100%25.txt"),
        ] {
            assert_eq!(name_in_uri(name), expected, "{name:?}");
            let uri = ObjectUri::new("b", format!("j/t/{expected}"));
            assert_eq!(ObjectUri::parse(&uri.to_string()).unwrap(), uri);
        }
    }

    proptest! {
        #[test]
        fn no_two_places_meet(names in prop::collection::vec("[^/\0]{1,3}", 0..40)) {
            let mut places = Places::default();
            let given: Vec<_> = names.iter().map(|name| places.give(name)).collect();
            for (at, one) in given.iter().enumerate() {
                prop_assert!(one.ends_with(&names[at]));
                let first = |place: &str| folded(place.split('/').next().unwrap());
                for other in &given[..at] {
                    prop_assert_ne!(first(one), first(other));
                }
            }
        }
    }
}
