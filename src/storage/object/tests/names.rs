use std::collections::BTreeSet;
use std::path::{Component, Path};

use proptest::prelude::*;

use crate::storage::{FolderPlan, ObjectUri, safe_name};

fn plan(keys: &[&str]) -> Result<Vec<Option<String>>, String> {
    let folder = ObjectUri::new("b", "d/");
    let keys: Vec<_> = keys.iter().map(|key| format!("d/{key}")).collect();
    let plan = FolderPlan::new(&folder, keys.iter().map(String::as_str));
    let plan = plan.map_err(|error| error.to_string())?;
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    Ok((0..keys.len()).map(|i| plan.path(i).map(text)).collect())
}

fn names(keys: &[&str]) -> Vec<String> {
    plan(keys).unwrap().into_iter().flatten().collect()
}

#[test]
fn ordinary_keys_are_paths() {
    let keys = [
        "a",
        "b/c",
        "b/sp ace%20",
        "ü/ключ",
        "100%",
        "~",
        "a\nb",
        "...",
        "-",
    ];
    assert_eq!(names(&keys), keys);
}

#[test]
fn markers_of_folders_have_no_file() {
    assert_eq!(
        plan(&["", "a/", "a//", "/", "a/b"]).unwrap()[..4],
        [const { None }; 4]
    );
    assert_eq!(names(&["", "a/", "a/b"]), ["a/b"]);
}

#[test]
fn keys_that_lead_out_are_refused_by_name() {
    for key in [
        "..",
        "../x",
        "a/../../x",
        ".",
        "./x",
        "a/./b",
        "a/..",
        "a\0b",
    ] {
        let error = plan(&["ok", key]).unwrap_err();
        assert!(
            error.contains(&format!("s3://b/d/{key} cannot be used")),
            "{error}"
        );
    }
}

#[test]
fn keys_that_cannot_have_their_path_get_one_of_their_own() {
    for keys in [
        ["a//b", "a/b"],
        ["/abs", "abs"],
        ["a", "a/b"],
        ["a", "a//b"],
        ["//", "/x"],
    ] {
        let made = names(&keys);
        let distinct: BTreeSet<_> = made.iter().collect();
        assert_eq!(made.len(), distinct.len(), "{made:?}");
        assert!(made.iter().any(|name| name.contains('~')), "{made:?}");
        // The same again, whatever the order.
        let swapped = names(&[keys[1], keys[0]]);
        assert_eq!(distinct, swapped.iter().collect());
    }
}

#[test]
fn long_names_are_shortened_and_told_apart() {
    let (one, other) = ("ü".repeat(300) + "1", "ü".repeat(300) + "2");
    let made = names(&[&one, &other]);
    assert_ne!(made[0], made[1]);
    assert!(
        made.iter()
            .all(|name| name.len() < 240 && name.starts_with("üü"))
    );
    let uri = ObjectUri::new("b", one);
    assert_eq!(safe_name(&uri).unwrap(), made[0]);
}

#[test]
fn a_bucket_is_called_root() {
    for (key, name) in [
        ("", Some("root")),
        ("a/b/", Some("b")),
        ("a/..", None),
        (".", None),
    ] {
        let made = safe_name(&ObjectUri::new("b", key)).ok();
        assert_eq!(made.as_deref(), name, "{key}");
    }
}

fn key() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[ab~]{1,2}",
        1 => Just(String::new()),
        1 => "\\.{1,3}",
        1 => "[\\PC]{0,4}",
        1 => "(ab){90,150}",
    ];
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"))
}

proptest! {
    #[test]
    fn every_file_stays_inside_and_has_a_name_of_its_own(keys in prop::collection::btree_set(key(), 1..12)) {
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        if let Ok(paths) = plan(&keys) {
            let paths: Vec<_> = paths.into_iter().flatten().collect();
            let distinct: BTreeSet<_> = paths.iter().collect();
            prop_assert_eq!(distinct.len(), paths.len());
            for path in &paths {
                prop_assert!(!path.is_empty());
                for part in Path::new(path).components() {
                    let Component::Normal(name) = part else { panic!("{path}") };
                    prop_assert!(name.len() <= 255);
                }
                // None is the folder of another.
                let folder = format!("{path}/");
                prop_assert!(!paths.iter().any(|other| other.starts_with(&folder)));
            }
        } else {
            let refused = |key: &&str| key.split('/').any(|part| part == "." || part == "..");
            prop_assert!(keys.iter().any(refused) || keys.iter().any(|key| key.contains('~')));
        }
    }
}
