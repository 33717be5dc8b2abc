//! URIs of objects, and the names that keys become.
#![no_main]

use std::collections::BTreeSet;
use std::path::Component;

use axon_worker::storage::{FolderPlan, ObjectUri, safe_name};
use libfuzzer_sys::fuzz_target;

fn is_plain(part: Component<'_>) -> bool {
    matches!(part, Component::Normal(name) if name.len() <= 255)
}

fuzz_target!(|text: &str| {
    if let Ok(uri) = ObjectUri::parse(text) {
        assert!(!uri.key().starts_with('/') && !uri.bucket().contains('/'));
        if let Ok(name) = safe_name(&uri) {
            let parts: Vec<_> = std::path::Path::new(&name).components().collect();
            assert!(parts.len() == 1 && parts.into_iter().all(is_plain), "{name:?}");
        }
    }
    // Every line is a key of one folder.
    let keys: BTreeSet<String> = text.split('\n').map(|line| format!("d/{line}")).collect();
    let folder = ObjectUri::new("b", "d/");
    let Ok(plan) = FolderPlan::new(&folder, keys.iter().map(String::as_str)) else {
        return;
    };
    let mut paths = BTreeSet::new();
    for path in (0..keys.len()).filter_map(|place| plan.path(place)) {
        assert!(path.components().count() > 0 && path.components().all(is_plain), "{path:?}");
        assert!(paths.insert(path.to_owned()), "{path:?}");
    }
    for path in &paths {
        let above = path.ancestors().skip(1);
        assert!(above.into_iter().all(|folder| !paths.contains(folder)), "{path:?}");
    }
});
