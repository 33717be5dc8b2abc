//! Which skills RXON 1.0b17 calls hot.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::TaskName;

/// The hot ones among the tasks that are available now, in the order of those.
///
/// `hot` are the items that handlers have put into the hot cache: models, or names of
/// tasks. A task with an entry in `needs` is hot when that is not empty and all of it
/// is hot; a task without one is hot when its own name is (avtomatika-worker 1.0b20).
/// RXON 1.0b2 sees it otherwise: there tasks count that are not available, and so do
/// those that need nothing.
#[allow(dead_code, reason = "for the dialect that says it like this")]
pub(crate) fn hot_skills(
    available: &[TaskName],
    hot: &[String],
    needs: &BTreeMap<String, Vec<String>>,
) -> Vec<TaskName> {
    let hot: BTreeSet<&str> = hot.iter().map(String::as_str).collect();
    let is_hot = |name: &&TaskName| match needs.get(name.as_str()) {
        Some(models) => {
            !models.is_empty() && models.iter().all(|model| hot.contains(model.as_str()))
        }
        None => hot.contains(name.as_str()),
    };
    available.iter().filter(is_hot).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn hot_skills_are_those_of_the_newer_reference_worker() {
        let text = include_str!("../../tests/vectors/capacity_states.json");
        let vectors: Value = serde_json::from_str(text).unwrap();
        let names = |json: &Value| -> Vec<TaskName> {
            let names = json.as_array().into_iter().flatten();
            names
                .filter_map(Value::as_str)
                .map(TaskName::from)
                .collect()
        };
        let mut hot_ones = 0;
        for case in vectors["cases"].as_array().unwrap() {
            let state = &case["state"];
            let needs = serde_json::from_value(state["skill_dependencies"].clone()).unwrap();
            let hot: Vec<String> = serde_json::from_value(state["hot"].clone()).unwrap();
            let beat = &case["1.0b17"]["heartbeat"];
            let expected = names(&beat["hot_skills"]);
            let mut found = hot_skills(&names(&beat["available_skills"]), &hot, &needs);
            found.sort_by_key(ToString::to_string);
            let mut sorted = expected.clone();
            sorted.sort_by_key(ToString::to_string);
            assert_eq!(found, sorted, "{case}");
            hot_ones += expected.len();
        }
        assert!(hot_ones > 0, "vectors without a hot skill");
    }
}
